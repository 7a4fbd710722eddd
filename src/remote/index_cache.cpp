#include "remote/index_cache.h"

#include "base/os.h"

namespace fs = std::filesystem;

namespace mgit {

bool IndexCache::has(const std::string& id) const {
  std::error_code ignored;
  return fs::is_regular_file(file(id), ignored);
}

std::string IndexCache::text(const std::string& id, const std::string& where,
                             const std::function<std::string()>& fetch) const {
  const auto is_right = [&](const std::string& text) { return sha256(as_bytes(text)).hex() == id; };
  if (has(id))
    if (std::string text = os::read_file(file(id)); is_right(text)) return text;
  std::string text = fetch();
  if (!is_right(text)) throw CorruptError("damaged index of packs", where + " " + id);
  try {
    os::create_directories(directory_);
    os::write_file(file(id), as_bytes(text));
  } catch (const Error&) {
    // It is fetched again the next time: a store that may not be written can be read.
  }
  return text;
}

}  // namespace mgit
