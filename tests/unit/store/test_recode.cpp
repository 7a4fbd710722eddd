#include "store/recode.h"

#include <gtest/gtest.h>

#include <cstring>

#include "base/os.h"
#include "store/gc.h"
#include "store/object_store.h"
#include "store_support.h"

namespace mgit {
namespace {

using namespace mgit::testing;

const Shape kShape{128, 96};

/// Version after version of a tensor, each the one before after a move of rank 1.
std::vector<Buffer> trained(std::size_t count, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> values(kShape[0] * kShape[1]);
  for (float& value : values) value = 0.02F * normal(random);
  std::vector<Buffer> versions;
  while (versions.size() < count) {
    Buffer bytes(values.size() * sizeof(float));
    std::memcpy(bytes.data(), values.data(), bytes.size());
    versions.push_back(std::move(bytes));
    std::vector<float> left(kShape[0]);
    for (float& value : left) value = 0.0005F * normal(random);
    for (std::size_t j = 0; j < kShape[1]; ++j) {
      const float right = normal(random);
      for (std::size_t i = 0; i < kShape[0]; ++i) values[i * kShape[1] + j] += left[i] * right;
    }
  }
  return versions;
}

/// Each as a pack of its own, based on the one before or on nothing.
std::vector<Digest> put_all(const std::filesystem::path& directory,
                            const std::vector<Buffer>& versions, bool based) {
  Store store(directory);
  std::vector<Digest> objects;
  for (const Buffer& version : versions) {
    const auto batch = store.begin();
    PutHint hint;
    if (based && !objects.empty()) hint.base = objects.back();
    objects.push_back(batch->put(version, 4, hint));
    batch->commit();
  }
  return objects;
}

GcReport collect_best(const std::filesystem::path& directory, const std::vector<Digest>& objects) {
  GcOptions options;
  options.all_dead = true;
  options.versions = [&] { return std::vector{TensorVersions{DType::kF32, kShape, objects}}; };
  return collect_garbage(
      directory, [&] { return std::unordered_set<Digest>(objects.begin(), objects.end()); },
      options);
}

std::size_t depth(const Store& store, const Digest& object) {
  std::size_t depth = 0;
  for (auto at = store.info(object)->base; at; at = store.info(*at)->base) ++depth;
  return depth;
}

void expect_whole(const std::filesystem::path& directory, const std::vector<Digest>& objects,
                  const std::vector<Buffer>& versions) {
  const Store store(directory);
  EXPECT_TRUE(store.fsck().problems.empty());
  for (std::size_t i = 0; i < objects.size(); ++i) {
    EXPECT_EQ(store.read(objects[i]), versions[i]) << i;
    EXPECT_LE(depth(store, objects[i]), 8U) << i;
  }
}

TEST(Recode, VersionsBecomeMovesOfTheOnesBefore) {
  for (const bool based : {false, true}) {
    const TemporaryDirectory directory;
    const auto versions = trained(4, 1);
    const auto objects = put_all(directory.path(), versions, based);
    const GcReport report = collect_best(directory.path(), {objects.rbegin(), objects.rend()});
    EXPECT_EQ(report.recoded, 3U);
    EXPECT_LT(report.bytes_after, report.bytes_before * 7 / 10) << based;
    {
      const Store store(directory.path());
      EXPECT_FALSE(store.info(objects[0])->base);
      for (std::size_t i = 1; i < objects.size(); ++i) {
        EXPECT_EQ(store.info(objects[i])->encoding, Encoding::kLowRank) << i;
        EXPECT_EQ(store.info(objects[i])->base, objects[i - 1]) << i;
      }
    }
    expect_whole(directory.path(), objects, versions);
    Store(directory.path()).rebuild();
    expect_whole(directory.path(), objects, versions);
    EXPECT_EQ(collect_best(directory.path(), objects).recoded, 0U) << "done is done";
  }
}

TEST(Recode, ChainsEndAfterEight) {
  for (const bool based : {false, true}) {
    const TemporaryDirectory directory;
    const auto versions = trained(14, 2);
    const auto objects = put_all(directory.path(), versions, based);
    EXPECT_GT(collect_best(directory.path(), objects).recoded, 8U);
    expect_whole(directory.path(), objects, versions);
    const auto more = trained(16, 2);  // and two that stand on what was coded anew
    Store store(directory.path());
    const auto batch = store.begin();
    const Digest next = batch->put(more[14], 4, {.base = objects.back()});
    batch->commit();
    EXPECT_LE(depth(store, next), 8U);
    EXPECT_EQ(store.read(next), more[14]);
  }
}

TEST(Recode, WhatStandsOnAnObjectIsNeverItsBase) {
  const TemporaryDirectory directory;
  const auto versions = trained(3, 3);
  Store store(directory.path());
  const auto batch = store.begin();
  const Digest last = batch->put(versions[2], 4);  // history was written backwards
  batch->commit();
  const Digest middle = batch->put(versions[1], 4, {.base = last});
  batch->commit();
  const Digest first = batch->put(versions[0], 4, {.base = middle});
  batch->commit();
  ASSERT_EQ(depth(store, first), 2U);
  ObjectStore objects(directory.path());
  std::unordered_map<Digest, Location> rows;
  for (IndexRow& row : objects.rows()) rows.emplace(row.object, std::move(row.location));
  Recoder recoder(objects, rows);
  EXPECT_FALSE(recoder.recode({DType::kF32, kShape, {first, middle, last}}, 2));
  const auto recoded = recoder.recode({DType::kF32, kShape, {first, middle, last}}, 1);
  ASSERT_TRUE(recoded);
  EXPECT_EQ(recoded->header.base, last);
}

TEST(Recode, ABaseThatIsDamagedIsNotTaken) {
  const TemporaryDirectory directory;
  const auto versions = trained(2, 4);
  const auto objects = put_all(directory.path(), versions, false);
  const Store store(directory.path());
  std::filesystem::path pack;
  for (const auto& entry : std::filesystem::directory_iterator(directory.path() / "packs"))
    if (read_whole(entry.path()).find(to_string(std::as_bytes(std::span(objects[0].bytes)))) !=
        std::string::npos)
      pack = entry.path();
  std::string content = read_whole(pack);
  content[kPackMagic.size() + kRecordHeaderSize + 100] ^= 1;
  std::filesystem::permissions(pack, std::filesystem::perms::owner_write,
                               std::filesystem::perm_options::add);
  write_whole(pack, content);
  EXPECT_EQ(collect_best(directory.path(), objects).recoded, 0U);
  EXPECT_EQ(Store(directory.path()).read(objects[1]), versions[1]);
}

TEST(Recode, EveryFailedCallLeavesEverythingThere) {
  const auto versions = trained(4, 5);
  int failures = 0;
  for (int n = 1;; ++n) {
    const TemporaryDirectory directory;
    const auto objects = put_all(directory.path(), versions, true);
    bool failed = false;
    os::fail_at(n);
    try {
      collect_best(directory.path(), objects);
    } catch (const Error&) {
      failed = true;
    }
    os::fail_at(0);
    expect_whole(directory.path(), objects, versions);
    std::filesystem::remove(directory.path() / "objects.db");
    expect_whole(directory.path(), objects, versions);
    collect_best(directory.path(), objects);
    expect_whole(directory.path(), objects, versions);
    if (!failed) break;
    ++failures;
  }
  EXPECT_GE(failures, 5);
}

}  // namespace
}  // namespace mgit
