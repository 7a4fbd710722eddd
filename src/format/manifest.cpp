#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "format/quote.h"
#include "mgit/format.h"

namespace mgit {
namespace {

constexpr std::string_view kFirstLine = "mgit checkpoint 1\n";
constexpr std::string_view kFamily = "mgit checkpoint ";

/// Takes a manifest apart line by line. Numbers and names are read loosely here;
/// parse_manifest compares the result's text with the input.
class ManifestParser {
 public:
  ManifestParser(std::string_view text, std::string_view where) : rest_(text), where_(where) {}

  Manifest parse() {
    first_line();
    manifest_.format = field("format ");
    if (manifest_.format != "safetensors" && manifest_.format != "whole")
      fail("unknown format " + quote_name(manifest_.format), "it may need a newer mgit");
    manifest_.size = number(field("size "));
    manifest_.layout = digest(field("layout "));
    if (manifest_.format == "whole") {
      whole();
    } else {
      while (!rest_.empty()) tensor();
    }
    return std::move(manifest_);
  }

  [[noreturn]] void fail(const std::string& reason, const std::string& hint = {}) const {
    throw CorruptError(fmt::format("damaged manifest, line {}: {}", line_, reason),
                       std::string(where_), hint);
  }

 private:
  void first_line() {
    const std::string_view line = next_line();
    if (line == kFirstLine.substr(0, kFirstLine.size() - 1)) return;
    if (line.starts_with(kFamily)) fail("unknown version", "it needs a newer mgit");
    fail("not a manifest");
  }

  std::string_view next_line() {
    ++line_;
    const auto end = rest_.find('\n');
    if (end == std::string_view::npos) fail("it ends too early");
    const std::string_view line = rest_.substr(0, end);
    rest_.remove_prefix(end + 1);
    return line;
  }

  std::string_view field(std::string_view key) {
    const std::string_view line = next_line();
    if (!line.starts_with(key))
      fail(fmt::format("expected \"{}\"", key.substr(0, key.find_last_not_of(' ') + 1)));
    return line.substr(key.size());
  }

  std::uint64_t number(std::string_view text) const {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size()) fail("not a number");
    return value;
  }

  Digest digest(std::string_view text) const {
    const auto value = Digest::from_hex(text);
    if (!value) fail("not a SHA-256");
    return *value;
  }

  Shape shape(std::string_view text) const {
    if (text == "scalar") return {};
    Shape result;
    for (;;) {
      const auto comma = text.find(',');
      result.push_back(number(text.substr(0, comma)));
      if (comma == std::string_view::npos) return result;
      text.remove_prefix(comma + 1);
    }
  }

  std::string_view word(std::string_view& text) const {
    const auto space = text.find(' ');
    if (space == std::string_view::npos) fail("a field is missing");
    const std::string_view result = text.substr(0, space);
    text.remove_prefix(space + 1);
    return result;
  }

  void whole() {
    std::string_view line = field("bytes ");
    const std::uint64_t length = number(word(line));
    if (length != manifest_.size) fail("lengths do not agree");
    TensorInfo everything{"", DType::kU8, {length}};
    manifest_.tensors.push_back({std::move(everything), digest(line)});
    if (!rest_.empty()) fail("it goes on after its end");
  }

  void tensor() {
    ManifestTensor tensor;
    const auto name = unquote_name(field("tensor "));
    if (!name) fail("malformed name");
    tensor.info.name = *name;
    if (!manifest_.tensors.empty() && manifest_.tensors.back().info.name >= *name)
      fail("tensors are not in order");
    std::string_view line = field("  ");
    const auto dtype = dtype_from_name(word(line));
    if (!dtype) fail("unknown dtype", "it may need a newer mgit");
    tensor.info.dtype = *dtype;
    tensor.info.shape = shape(word(line));
    count(tensor.info);
    tensor.object = digest(line);
    manifest_.tensors.push_back(std::move(tensor));
  }

  void count(const TensorInfo& info) {
    const auto bytes = byte_size(info.dtype, info.shape);
    if (!bytes) fail("impossible shape");
    if (__builtin_add_overflow(total_, *bytes, &total_) || total_ > manifest_.size)
      fail("tensors are larger than the file");
  }

  std::string_view rest_;
  std::string_view where_;
  std::size_t line_ = 0;
  std::uint64_t total_ = 0;
  Manifest manifest_;
};

std::size_t line_of_difference(std::string_view a, std::string_view b) {
  const auto [end, ignored] = std::mismatch(a.begin(), a.end(), b.begin(), b.end());
  return static_cast<std::size_t>(std::count(a.begin(), end, '\n')) + 1;
}

}  // namespace

const ManifestTensor* Manifest::find(std::string_view name) const {
  const auto found = std::lower_bound(tensors.begin(), tensors.end(), name,
                                      [](const ManifestTensor& tensor, std::string_view wanted) {
                                        return tensor.info.name < wanted;
                                      });
  return found != tensors.end() && found->info.name == name ? &*found : nullptr;
}

std::string manifest_text(const Manifest& manifest) {
  std::string text(kFirstLine);
  text += fmt::format("format {}\nsize {}\nlayout {}\n", manifest.format, manifest.size,
                      manifest.layout.hex());
  if (manifest.format == "whole")
    return text + fmt::format("bytes {} {}\n", manifest.size, manifest.tensors.at(0).object.hex());
  for (const ManifestTensor& tensor : manifest.tensors)
    text += fmt::format("tensor {}\n  {} {} {}\n", quote_name(tensor.info.name),
                        dtype_name(tensor.info.dtype), shape_text(tensor.info.shape),
                        tensor.object.hex());
  return text;
}

Manifest parse_manifest(std::string_view text, std::string_view where) {
  Manifest manifest = ManifestParser(text, where).parse();
  const std::string expected = manifest_text(manifest);
  if (expected != text)
    throw CorruptError(fmt::format("damaged manifest, line {}: not as mgit writes it",
                                   line_of_difference(expected, text)),
                       std::string(where));
  return manifest;
}

bool looks_like_manifest(std::string_view text) { return text.starts_with(kFamily); }

}  // namespace mgit
