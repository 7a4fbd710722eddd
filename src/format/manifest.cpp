#include <algorithm>
#include <charconv>
#include <map>

#include <fmt/format.h>

#include "format/format_table.h"
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
    if (!is_known_format(manifest_.format))
      fail("unknown format " + quote_name(manifest_.format), "it may need a newer mgit");
    manifest_.size = number(field("size "));
    manifest_.layout = digest(field("layout "));
    while (rest_.starts_with("tensor ")) tensor();
    while (!rest_.empty()) chunk();
    if (manifest_.format == kWholeFile && (total_ != manifest_.size || !manifest_.tensors.empty()))
      fail("a file stored whole has bytes only, as many as the file");
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

  void chunk() {
    std::string_view line = next_line();
    if (word(line) != "bytes") fail("expected \"tensor\" or \"bytes\"");
    const std::uint64_t length = number(word(line));
    if (length == 0) fail("no bytes");
    const Digest object = digest(line);
    count_object(object, length);
    count(length);  // every chunk has its own place
    manifest_.chunks.push_back({length, object});
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
    const auto bytes = byte_size(tensor.info.dtype, tensor.info.shape);
    if (!bytes) fail("impossible shape");
    if (*bytes > manifest_.size) fail("a tensor is larger than the file");
    constexpr std::size_t kHex = 2 * sizeof(Digest::bytes);
    tensor.object = digest(line.substr(0, kHex));
    if (line.size() > kHex) tensor.placement = placement(tensor.info, line.substr(kHex));
    count(tensor);
    manifest_.tensors.push_back(std::move(tensor));
  }

  std::string_view value(std::string_view& text, std::string_view key) const {
    if (!text.starts_with(key)) fail(fmt::format("expected \"{}\"", key.substr(1, key.size() - 2)));
    text.remove_prefix(key.size());
    const std::string_view result = text.substr(0, text.find(' '));
    text.remove_prefix(result.size());
    return result;
  }

  Placement placement(const TensorInfo& info, std::string_view text) const {
    Placement result;
    result.storage = number(value(text, " of "));
    result.offset = number(value(text, " at "));
    result.strides = c_strides(info.shape);
    if (!text.empty()) result.strides = shape(value(text, " strides "));
    if (!text.empty()) fail("unexpected text after the strides");
    if (!fits(info.dtype, info.shape, result)) fail("the tensor does not lie inside its storage");
    if (canonical(info.dtype, info.shape, result) != result) fail("not as mgit writes it");
    return result;
  }

  /// Tensors that share an object may share their place in the file.
  void count(const ManifestTensor& tensor) {
    if (count_object(tensor.object, storage_size(tensor))) count(storage_size(tensor));
  }

  /// Whether it is the first of its name.
  bool count_object(const Digest& object, std::uint64_t size) {
    const auto [known, fresh] = objects_.emplace(object, size);
    if (known->second != size) fail("one storage has two sizes");
    return fresh;
  }

  void count(std::uint64_t bytes) {
    if (__builtin_add_overflow(total_, bytes, &total_) || total_ > manifest_.size)
      fail("tensors are larger than the file");
  }

  std::string_view rest_;
  std::string_view where_;
  std::size_t line_ = 0;
  std::map<Digest, std::uint64_t> objects_;  // their sizes
  std::uint64_t total_ = 0;
  Manifest manifest_;
};

std::size_t line_of_difference(std::string_view a, std::string_view b) {
  const auto [end, ignored] = std::mismatch(a.begin(), a.end(), b.begin(), b.end());
  return static_cast<std::size_t>(std::count(a.begin(), end, '\n')) + 1;
}

std::string placement_text(const ManifestTensor& tensor) {
  if (!tensor.placement) return {};
  const Placement& placement = *tensor.placement;
  std::string text = fmt::format(" of {} at {}", placement.storage, placement.offset);
  if (placement.strides != c_strides(tensor.info.shape))
    text += " strides " + shape_text(placement.strides);
  return text;
}

}  // namespace

bool has_tensors(const Manifest& manifest) {
  return is_model_format(manifest.format) && !manifest.tensors.empty();
}

const Digest& Manifest::object_at(std::uint64_t index) const {
  return index < tensors.size() ? tensors[index].object : chunks[index - tensors.size()].object;
}

std::uint64_t storage_size(const ManifestTensor& tensor) {
  if (tensor.placement) return tensor.placement->storage;
  return byte_size(tensor.info.dtype, tensor.info.shape).value_or(0);
}

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
  for (const ManifestTensor& tensor : manifest.tensors)
    text += fmt::format("tensor {}\n  {} {} {}{}\n", quote_name(tensor.info.name),
                        dtype_name(tensor.info.dtype), shape_text(tensor.info.shape),
                        tensor.object.hex(), placement_text(tensor));
  for (const ManifestChunk& chunk : manifest.chunks)
    text += fmt::format("bytes {} {}\n", chunk.length, chunk.object.hex());
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
