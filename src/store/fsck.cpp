#include <fmt/format.h>

#include <set>

#include "base/threads.h"
#include "store/object_store.h"

namespace mgit {
namespace {

/// One line for each damaged place of a pack; notes which objects it names.
void check_pack(const std::filesystem::path& path, FsckReport& report, std::set<Digest>& named) {
  const std::string name = path.filename().string();
  try {
    const MappedFile pack(path);
    for (const PackDamage& damage : scan_pack(pack.bytes()).damage) {
      const std::string object = damage.object ? "object " + damage.object->hex() + ", " : "";
      report.problems.push_back(
          fmt::format("{}pack {}, offset {}: {}", object, name, damage.offset, damage.what));
      if (damage.object) named.insert(*damage.object);
    }
  } catch (const Error& error) {
    report.problems.push_back(fmt::format("pack {}: {}", name, error.what()));
  }
}

}  // namespace

FsckReport ObjectStore::fsck() {
  FsckReport report;
  const std::vector<Digest> objects = list();
  std::set<Digest> named;
  for (const std::string& pack : packs_on_disk())
    check_pack(packs_directory() / pack, report, named);

  std::vector<std::string> problems(objects.size());
  std::vector<std::uint64_t> sizes(objects.size());
  parallel_for(objects.size(), [&](std::size_t i) {
    try {
      const Record found = record(objects[i]);
      sizes[i] = found.header.size;
      stream(found, [](Bytes) {});
    } catch (const Error& error) {
      problems[i] = fmt::format("{}: {}", error.where(), error.what());
    }
  });
  report.objects = objects.size();
  for (std::size_t i = 0; i < objects.size(); ++i) {
    report.bytes += sizes[i];
    if (!problems[i].empty() && !named.contains(objects[i])) report.problems.push_back(problems[i]);
  }
  return report;
}

}  // namespace mgit
