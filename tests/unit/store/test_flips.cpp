// A flipped byte anywhere is found by fsck and never reaches a checked-out file.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "store/fsck.h"
#include "store_support.h"

namespace mgit {
namespace {

using namespace mgit::testing;

/// A store with one small checkpoint: raw, coded and view records.
struct Small {
  TemporaryDirectory directory;
  std::string file;
  Manifest manifest;
  std::filesystem::path pack;
  std::filesystem::path database;

  Small() {
    std::mt19937_64 random(5);
    file = FileBuilder()
               .add("raw", DType::kU8, {90}, random_bytes(90, random))
               .add("coded", DType::kF32, {100}, std::string(400, 'z'))
               .text();
    Store store(directory.path());
    manifest = add(store, file);
    for (const auto& entry : std::filesystem::directory_iterator(directory.path() / "packs"))
      pack = entry.path();
    database = directory.path() / "objects.db";
  }

  /// Throws nothing but an Error; wrong bytes are never given.
  bool gives_back_or_refuses() const {
    try {
      return checked_out(Store(directory.path()), manifest) == file;
    } catch (const Error&) {
      return true;
    }
  }
};

TEST(Flips, EveryByteOfAPack) {
  const Small small;
  const std::string good = read_whole(small.pack);
  ASSERT_TRUE(check_store(small.directory.path(), FsckDepth::kChecksums).problems.empty());
  for (std::size_t i = 0; i < good.size(); ++i) {
    std::string damaged = good;
    damaged[i] = static_cast<char>(damaged[i] ^ (1 << (i % 8)));
    write_whole(small.pack, damaged);
    EXPECT_FALSE(check_store(small.directory.path(), FsckDepth::kChecksums).problems.empty()) << i;
    EXPECT_TRUE(small.gives_back_or_refuses()) << i;
  }
  RecordProperty("flips", static_cast<int>(good.size()));
}

/// Bytes of the database that hold nothing (free space, counters) may flip unseen: then the rows
/// are what they were.
TEST(Flips, BytesOfTheIndex) {
  const Small small;
  const std::string good = read_whole(small.database);
  const auto rows = [&] {
    std::vector<std::tuple<Digest, std::string, std::uint64_t>> result;
    Index index(small.database);
    for (const IndexRow& row : index.rows())
      result.emplace_back(row.object, row.location.pack, row.location.offset);
    return result;
  };
  const auto before = rows();
  int found = 0;
  int harmless = 0;
  for (std::size_t i = 0; i < good.size(); i += 61) {
    for (const char* suffix : {"-wal", "-shm"})
      std::filesystem::remove(small.database.string() + suffix);
    std::string damaged = good;
    damaged[i] = static_cast<char>(damaged[i] ^ (1 << (i % 8)));
    write_whole(small.database, damaged);
    bool reported = false;
    try {
      reported = !check_store(small.directory.path(), FsckDepth::kChecksums).problems.empty();
    } catch (const Error&) {
      reported = true;
    }
    if (reported) {
      ++found;
    } else {
      ++harmless;
      EXPECT_EQ(rows(), before) << i;
    }
    EXPECT_TRUE(small.gives_back_or_refuses()) << i;
  }
  fmt::print("{} found, {} harmless\n", found, harmless);
  EXPECT_GE(found, 5);
}

}  // namespace
}  // namespace mgit
