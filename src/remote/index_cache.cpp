#include "remote/index_cache.h"

#include "base/os.h"

namespace fs = std::filesystem;

namespace mgit {
namespace {

bool is_right(const std::string& id, const std::string& text) {
  return sha256(as_bytes(text)).hex() == id;
}

}  // namespace

std::optional<std::string> IndexCache::find(const std::string& id) const {
  std::error_code ignored;
  if (!fs::is_regular_file(file(id), ignored)) return std::nullopt;
  std::string text = os::read_file(file(id));
  return is_right(id, text) ? std::optional(std::move(text)) : std::nullopt;
}

std::string IndexCache::keep(const std::string& id, std::string text,
                             const std::string& where) const {
  if (!is_right(id, text)) throw CorruptError("damaged index of packs", where + " " + id);
  try {
    os::create_directories(directory_);
    os::write_file(file(id), as_bytes(text));
  } catch (const Error&) {
    return text;  // a store that may not be written can be read
  }
  return text;
}

}  // namespace mgit
