// Both SQLite files with any content: what they index is found all the same, or there is an Error.
//
//   input = 0 objects.db | 1 lineage.db
#include <fmt/format.h>

#include <cstdlib>
#include <fstream>

#include "base/process.h"
#include "fuzz.h"
#include "mgit/lineage.h"
#include "mgit/store.h"

namespace fs = std::filesystem;

namespace {

using namespace mgit;

void put_file(const fs::path& path, std::string_view content) {
  for (const char* suffix : {"-wal", "-shm", "-journal"}) fs::remove(path.string() + suffix);
  std::ofstream(path, std::ios::binary) << content;
}

/// A store with one object.
struct SmallStore {
  fuzz::Scratch scratch;
  Buffer content = Buffer(100, std::byte{'x'});
  Digest object;

  SmallStore() {
    Store store(scratch.path());
    const auto batch = store.begin();
    object = batch->put(content, 1, {});
    batch->commit();
  }
};

void open_store(std::string_view database) {
  static const SmallStore small;
  put_file(small.scratch.path() / "objects.db", database);
  try {
    const Store store(small.scratch.path());
    fuzz::require(store.read(small.object) == small.content, "what is read is what was stored");
  } catch (const Error&) {
  }
}

/// A repository with one model, whose objects nobody has.
struct SmallRepository {
  fuzz::Scratch scratch;
  Oid commit;

  SmallRepository() {
    ::unsetenv("GIT_DIR");
    ::unsetenv("GIT_WORK_TREE");
    const std::string path = scratch.path().string();
    run_checked({"git", "init", "-q", path});
    Manifest manifest{"safetensors", 4, {}, {{{"a", DType::kF32, {}}, {}, {}}}, {}};
    std::ofstream(scratch.path() / "model.safetensors") << manifest_text(manifest);
    std::ofstream(scratch.path() / ".git" / "info" / "attributes") << "*.safetensors -filter\n";
    run_checked({"git", "-C", path, "add", "model.safetensors"});
    run_checked({"git", "-C", path, "-c", "user.name=A", "-c", "user.email=a@b", "commit", "-q",
                 "-m", "Train"});
    commit = Repository::discover(scratch.path()).resolve("HEAD").value();
  }
};

void open_lineage(std::string_view database) {
  static const SmallRepository small;
  const fs::path directory = small.scratch.path() / ".git" / "mgit";
  fs::create_directories(directory);
  put_file(directory / "lineage.db", database);
  try {
    const Workspace repository = Workspace::discover(small.scratch.path());
    Lineage lineage(repository);
    lineage.update();
    lineage.describe(small.commit, false);
    lineage.describe_json(small.commit);
  } catch (const Error&) {
  }
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::silence();
  fuzz::Input input(fuzz::bytes_of(data, size));
  if (input.u8() % 2 == 0)
    open_store(as_text(input.rest()));
  else
    open_lineage(as_text(input.rest()));
  return 0;
}
