#include "remote/server_info.h"

#include <fcntl.h>
#include <sys/file.h>

#include <algorithm>
#include <cerrno>
#include <map>

#include "base/os.h"
#include "base/threads.h"
#include "remote/pack_index.h"
#include "store/record.h"

namespace fs = std::filesystem;

namespace mgit {
namespace {

constexpr const char* kListing = "pack-index";

std::map<std::string, ListedPack> listed_before(const fs::path& file) {
  std::map<std::string, ListedPack> known;
  std::error_code ignored;
  if (!fs::is_regular_file(file, ignored)) return known;
  try {
    for (ListedPack& pack : parse_pack_index(os::read_file(file), file.string())) {
      std::string name = pack.name;
      known.emplace(std::move(name), std::move(pack));
    }
  } catch (const CorruptError&) {
    known.clear();  // it is made anew
  }
  return known;
}

ListedPack listing_of(const fs::path& path) {
  const MappedFile file(path);
  ListedPack pack{path.filename().string(), file.bytes().size()};
  for (const ScannedRecord& record : scan_pack(file.bytes(), ScanDepth::kHeaders).records) {
    PackedRecord entry{record.header.object, record.offset, record.header.record_size()};
    if (record.header.has_base()) entry.base = record.header.base;
    pack.records.push_back(entry);
  }
  return pack;
}

}  // namespace

void write_server_info(const Store& store) {
  const fs::path& directory = store.directory();
  os::create_directories(directory);
  const os::File lock(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  while (::flock(lock.fd(), LOCK_EX) != 0 && errno == EINTR) {
  }
  std::vector<fs::path> paths;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(directory / "packs", ignored))
    if (entry.path().extension() == ".pack" && !entry.is_symlink()) paths.push_back(entry.path());
  std::ranges::sort(paths);
  const auto known = listed_before(directory / kListing);
  std::vector<ListedPack> packs(paths.size());
  parallel_for(paths.size(), [&](std::size_t i) {
    const auto before = known.find(paths[i].filename().string());
    std::error_code unreadable;
    const bool same =
        before != known.end() && before->second.size == fs::file_size(paths[i], unreadable);
    packs[i] = same ? before->second : listing_of(paths[i]);
  });
  os::write_file(directory / kListing, as_bytes(pack_index_text(packs)));
}

void update_server_info(const Store& store) {
  std::error_code ignored;
  if (fs::exists(store.directory() / kListing, ignored)) write_server_info(store);
}

}  // namespace mgit
