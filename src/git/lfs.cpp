#include "git/lfs.h"

#include <fmt/format.h>

#include <charconv>

namespace mgit {
namespace {

constexpr std::string_view kVersion = "version https://git-lfs.github.com/spec/v1\n";
constexpr std::string_view kOldVersion = "version https://hawser.github.com/spec/v1\n";

/// The value of a line "key value"; the line is taken away.
std::optional<std::string_view> take(std::string_view& text, std::string_view key) {
  const std::size_t end = text.find('\n');
  if (end == std::string_view::npos || !text.starts_with(key)) return std::nullopt;
  const std::string_view value = text.substr(key.size(), end - key.size());
  text.remove_prefix(end + 1);
  return value;
}

}  // namespace

std::optional<LfsPointer> parse_lfs_pointer(std::string_view text) {
  if (text.size() > kLargestLfsPointer) return std::nullopt;
  if (!text.starts_with(kVersion) && !text.starts_with(kOldVersion)) return std::nullopt;
  text.remove_prefix(text.find('\n') + 1);
  const auto oid = take(text, "oid sha256:");
  const auto size = take(text, "size ");
  if (!oid || !size || !text.empty()) return std::nullopt;
  const auto object = Digest::from_hex(*oid);
  LfsPointer pointer;
  const char* const last = size->data() + size->size();
  const auto [end, error] = std::from_chars(size->data(), last, pointer.size);
  if (!object || error != std::errc() || end != last) return std::nullopt;
  pointer.object = *object;
  return pointer;
}

std::string lfs_pointer_text(const LfsPointer& pointer) {
  return fmt::format("{}oid sha256:{}\nsize {}\n", kVersion, pointer.object.hex(), pointer.size);
}

std::filesystem::path lfs_objects(const Repository& repository) {
  const std::filesystem::path storage = repository.config("lfs.storage").value_or("lfs");
  return (storage.is_absolute() ? storage : repository.common_dir() / storage) / "objects";
}

std::filesystem::path lfs_path(const std::filesystem::path& objects, const Digest& object) {
  const std::string hex = object.hex();
  return objects / hex.substr(0, 2) / hex.substr(2, 2) / hex;
}

}  // namespace mgit
