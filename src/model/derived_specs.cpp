#include "model/derived_specs.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <filesystem>

#include "base/os.h"
#include "mgit/base.h"

namespace mgit {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kFormat = "mgit derived 1 ";
constexpr std::size_t kMostKept = 64;

/// This program: another one may derive another spec.
std::string program() {
  std::error_code error;
  const fs::path path = fs::read_symlink("/proc/self/exe", error);
  const auto written = fs::last_write_time(path, error).time_since_epoch().count();
  return fmt::format("{} {} {}", path.string(), fs::file_size(path, error), written);
}

std::string key_text(const SpecQuery& query, const Oid& graph,
                     const std::vector<std::string>& prefixes) {
  std::string text = fmt::format("{}\n{}\n{}\n", program(), graph.hex(), query.setting("input"));
  const auto add = [&](const std::string& word) {
    text += fmt::format("{} {}\n", word.size(), word);
  };
  add(query.path);
  for (const std::string& prefix : prefixes) add(prefix);
  for (const TensorInfo& tensor : query.tensors) {
    add(tensor.name);
    text += fmt::format("{} {}\n", dtype_name(tensor.dtype), fmt::join(tensor.shape, ","));
  }
  return text;
}

/// The oldest files go, with what killed writers left.
void drop_old(const fs::path& folder) {
  std::vector<std::pair<fs::file_time_type, fs::path>> files;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder))
    files.emplace_back(entry.last_write_time(), entry.path());
  if (files.size() <= kMostKept) return;
  std::sort(files.begin(), files.end());
  files.resize(files.size() - kMostKept);
  for (const auto& [time, path] : files) os::remove(path);
}

/// "<size> " at the front of the text, which is then without it.
std::optional<std::size_t> take_size(std::string_view& text) {
  std::size_t size = 0;
  const char* const end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, size);
  if (read.ec != std::errc() || read.ptr == end || *read.ptr != ' ') return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(read.ptr - text.data()) + 1);
  return size <= text.size() ? std::optional(size) : std::nullopt;
}

std::string first_line(const Digest& key, std::string_view body) {
  return fmt::format("{}{} {}\n", kFormat, key.hex(), sha256(as_bytes(body)).hex());
}

}  // namespace

DerivedSpecs::DerivedSpecs(const SpecQuery& query, const Oid& graph,
                           const std::vector<std::string>& prefixes)
    : folder_(query.repository->mgit_dir() / "derived"),
      key_(sha256(as_bytes(key_text(query, graph, prefixes)))) {}

std::optional<AllowedSpec> DerivedSpecs::find() const {
  const fs::path path = folder_ / key_.hex();
  std::error_code error;
  if (!fs::is_regular_file(path, error)) return std::nullopt;
  std::string file;
  try {
    file = os::read_file(path);
  } catch (const Error&) {
    return std::nullopt;
  }
  const std::size_t end = std::min(file.find('\n'), file.size() - 1) + 1;
  std::string_view body = std::string_view(file).substr(std::min(end, file.size()));
  if (!file.starts_with(first_line(key_, body))) return std::nullopt;
  AllowedSpec spec;
  for (std::string* part : {&spec.prefix, &spec.pins}) {
    const auto size = take_size(body);
    if (!size) return std::nullopt;
    *part = body.substr(0, *size);
    body.remove_prefix(*size);
  }
  spec.text = body;
  return spec;
}

void DerivedSpecs::keep(const AllowedSpec& spec) const {
  const std::string body = fmt::format("{} {}{} {}{}", spec.prefix.size(), spec.prefix,
                                       spec.pins.size(), spec.pins, spec.text);
  try {
    os::create_directories(folder_);
    os::write_file(folder_ / key_.hex(), as_bytes(first_line(key_, body) + body));
    drop_old(folder_);
  } catch (const Error&) {
    // The next command derives it again.
  } catch (const fs::filesystem_error&) {
  }
}

}  // namespace mgit
