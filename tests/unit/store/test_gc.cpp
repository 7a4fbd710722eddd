#include "store/gc.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <iostream>
#include <thread>

#include "base/os.h"
#include "store/object_store.h"
#include "store/pack_writer.h"
#include "store_support.h"

namespace mgit {
namespace {

using namespace mgit::testing;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

Digest put(Store& store, const std::string& data) {
  const auto batch = store.begin();
  const Digest object = batch->put(as_bytes(data), 1);
  batch->commit();
  return object;
}

/// Writes through a Store of its own, so that no writer's lock is left.
Digest put_into(const std::filesystem::path& directory, const std::string& data) {
  Store store(directory);
  return put(store, data);
}

std::vector<std::string> packs_in(const std::filesystem::path& directory) {
  return ObjectStore(directory).packs_on_disk();
}

GcReport collect(const std::filesystem::path& directory, std::unordered_set<Digest> reachable,
                 GcOptions options = {}) {
  if (options.expire == 0) options.expire = now_touched();
  return collect_garbage(
      directory, [&] { return reachable; }, options);
}

TEST(Gc, DropsWhatIsOldAndUnreachableAndMergesPacks) {
  const TemporaryDirectory directory;
  const Digest kept = put_into(directory.path(), "kept");
  const Digest gone = put_into(directory.path(), "gone");
  const Digest also = put_into(directory.path(), "kept, too");
  const GcReport report = collect(directory.path(), {kept, also});
  EXPECT_THAT(report.dropped, ElementsAre(gone));
  EXPECT_EQ(report.packs_before, 3U);
  EXPECT_EQ(report.packs_after, 1U);
  EXPECT_LT(report.bytes_after, report.bytes_before);
  Store store(directory.path());
  EXPECT_FALSE(store.contains(gone));
  EXPECT_EQ(to_string(store.read(kept)), "kept");
  EXPECT_EQ(to_string(store.read(also)), "kept, too");
  EXPECT_TRUE(store.fsck().problems.empty());
  EXPECT_TRUE(collect(directory.path(), {kept, also}).dropped.empty());
  std::filesystem::remove(directory.path() / "objects.db");
  Store again(directory.path());
  EXPECT_THAT(again.list(), UnorderedElementsAre(kept, also));
}

TEST(Gc, KeepsTheYoungAndWhatWasAskedForAgain) {
  const TemporaryDirectory directory;
  const Digest old = put_into(directory.path(), "old");
  const Digest asked_for = put_into(directory.path(), "asked for again");
  GcOptions options;
  options.expire = now_touched();
  const Digest young = put_into(directory.path(), "young");
  EXPECT_EQ(put_into(directory.path(), "asked for again"), asked_for);
  EXPECT_EQ(packs_in(directory.path()).size(), 3U);
  EXPECT_THAT(collect(directory.path(), {}, options).dropped, ElementsAre(old));
  Store store(directory.path());
  EXPECT_THAT(store.list(), UnorderedElementsAre(asked_for, young));
  // Ages move with their objects into the new pack.
  EXPECT_EQ(collect(directory.path(), {}, options).dropped.size(), 0U);
  EXPECT_EQ(collect(directory.path(), {}).dropped.size(), 2U);
  EXPECT_TRUE(packs_in(directory.path()).empty());
}

TEST(Gc, AnIndexMadeAnewMakesNothingOlder) {
  const TemporaryDirectory directory;
  const Digest old = put_into(directory.path(), "old");
  const auto long_ago = std::filesystem::file_time_type::clock::now() - std::chrono::hours(1000);
  for (const auto& pack : packs_in(directory.path()))
    std::filesystem::last_write_time(directory.path() / "packs" / pack, long_ago);
  GcOptions options;
  options.expire = now_touched();
  std::this_thread::sleep_for(std::chrono::milliseconds(20));  // file times go by the clock's ticks
  EXPECT_EQ(put_into(directory.path(), "old"), old);           // asked for again
  ASSERT_TRUE(std::filesystem::remove(directory.path() / "objects.db"));
  EXPECT_TRUE(collect(directory.path(), {}, options).dropped.empty());
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  options.expire = now_touched();
  EXPECT_EQ(collect(directory.path(), {}, options).dropped.size(), 1U);
}

TEST(Gc, AThousandPacksAndAHundredThousandObjects) {
  const TemporaryDirectory directory;
  std::unordered_set<Digest> kept;
  Digest last;
  for (std::uint64_t pack = 0; pack < 1000; ++pack) {
    PackWriter writer(directory.path() / "packs");
    for (std::uint64_t i = 0; i < 100; ++i) {
      const std::uint64_t value = pack * 100 + i;
      const Bytes data{reinterpret_cast<const std::byte*>(&value), sizeof(value)};
      RecordHeader header{Encoding::kRaw, 1, data.size(), 0, sha256(data), {}, 0};
      writer.append(header, std::array{data});
      last = header.object;
      if (i % 2 == 0) kept.insert(last);
    }
    writer.finish();
  }
  const auto seconds = [](const auto& action) {
    const auto start = std::chrono::steady_clock::now();
    action();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  };
  const double opened = seconds([&] {
    Store store(directory.path());
    EXPECT_TRUE(store.contains(last));
  });
  const double found = seconds([&] {
    Store store(directory.path());
    for (const Digest& object : kept) EXPECT_EQ(store.read(object).size(), 8U);
  });
  const double collected =
      seconds([&] { EXPECT_EQ(collect(directory.path(), kept).dropped.size(), 50'000U); });
  std::cout << "indexed in " << opened << " s, 50,000 objects read in " << found
            << " s, collected in " << collected << " s\n";
  EXPECT_EQ(packs_in(directory.path()).size(), 1U);
  // Quadratic ones took minutes; slow machines and sanitizers get their share.
  EXPECT_LT(opened, 20);
  EXPECT_LT(found, 60);
  EXPECT_LT(collected, 40);
}

/// A pack with one record, written as a gc or another writer would have it. The payload is raw, or
/// a delta of which nothing is decoded here.
std::string pack_of_one(const std::filesystem::path& directory, const Digest& object,
                        const std::optional<Digest>& base, std::uint64_t size) {
  PackWriter writer(directory / "packs");
  RecordHeader header{base ? Encoding::kDelta : Encoding::kRaw, 1, size, 0, object, {}, 0};
  if (base) header.base = *base;
  const Buffer payload(size);
  writer.append(header, std::array{Bytes(payload)});
  return writer.finish();
}

Digest named(char letter) { return sha256(as_bytes(std::string(1, letter))); }

TEST(Gc, ARecordWhoseBaseIsGoneCountsAsNotHere) {
  // As a gc leaves it that is killed after it has unlinked the base's pack.
  const TemporaryDirectory directory;
  const Buffer base = random_floats(4096, 1);
  Buffer data = base;
  data[5] ^= std::byte{1};
  std::string pack_of_base;
  {
    Store store(directory.path());
    auto batch = store.begin();
    const Digest first = batch->put(base, 4);
    batch->commit();
    pack_of_base = packs_in(directory.path()).at(0);
    batch = store.begin();
    const Digest second = batch->put(data, 4, {first});
    batch->commit();
    ASSERT_TRUE(store.info(second)->base);
  }
  std::filesystem::remove(directory.path() / "packs" / pack_of_base);
  std::filesystem::remove(directory.path() / "objects.db");
  Store store(directory.path());
  EXPECT_TRUE(store.list().empty());
  EXPECT_TRUE(store.fsck().problems.empty());
  const auto batch = store.begin();
  const Digest again = batch->put(data, 4);  // so it is written, not taken for present
  batch->commit();
  EXPECT_EQ(store.read(again), data);
  store.rebuild();
  EXPECT_EQ(store.read(again), data);
}

TEST(Gc, AnIndexMadeAnewTakesTheRecordWhoseBaseIsThere) {
  const TemporaryDirectory directory;
  // Of x there are two records. The older one's base is gone; its other base is based on y, of
  // which one record is based on x: taken in the order of writing they would be a cycle.
  pack_of_one(directory.path(), named('x'), named('n'), 50);
  pack_of_one(directory.path(), named('y'), named('x'), 50);
  pack_of_one(directory.path(), named('x'), named('y'), 50);
  EXPECT_TRUE(Store(directory.path()).list().empty());
  pack_of_one(directory.path(), named('z'), std::nullopt, 50);
  pack_of_one(directory.path(), named('y'), named('z'), 50);
  Store(directory.path()).rebuild();
  const Store store(directory.path());
  EXPECT_THAT(store.list(), UnorderedElementsAre(named('x'), named('y'), named('z')));
  EXPECT_EQ(store.info(named('x'))->base, named('y'));
  EXPECT_EQ(store.info(named('y'))->base, named('z'));
}

TEST(Gc, WhatIsDroppedGoesWithAllItsRecords) {
  // Two writers at once wrote x, one of them into a pack from which too little goes to be written
  // anew for that alone; the row is that of the other's record.
  const TemporaryDirectory directory;
  std::unordered_set<Digest> kept;
  for (const char letter : {'b', 'a'}) {
    PackWriter writer(directory.path() / "packs");
    for (const char object : {letter, 'x'}) {
      const Buffer payload(object == 'x' ? 10 : letter == 'a' ? 10 : 10'000);
      RecordHeader header{Encoding::kRaw, 1, payload.size(), 0, named(object), {}, 0};
      writer.append(header, std::array{Bytes(payload)});
    }
    writer.finish();
    kept.insert(named(letter));
  }
  GcOptions options;
  options.merge_small = false;
  EXPECT_THAT(collect(directory.path(), kept, options).dropped, ElementsAre(named('x')));
  Store store(directory.path());
  EXPECT_FALSE(store.contains(named('x')));
  store.rebuild();
  EXPECT_FALSE(store.contains(named('x')));
}

TEST(Gc, WhatLacksItsBaseStaysWhereItIsWanted) {
  const TemporaryDirectory directory;
  const std::string pack = pack_of_one(directory.path(), named('x'), named('n'), 50);
  pack_of_one(directory.path(), named('a'), std::nullopt, 50);
  const GcReport report = collect(directory.path(), {named('a'), named('x')});
  EXPECT_THAT(packs_in(directory.path()), ::testing::Contains(pack));
  EXPECT_THAT(report.notes, ElementsAre(HasSubstr("without its base")));
  EXPECT_TRUE(collect(directory.path(), {named('a')}).notes.empty());
  EXPECT_EQ(packs_in(directory.path()).size(), 1U);
}

TEST(Gc, WhatStaysInAPackKeepsItsBase) {
  // Nothing needs the difference, but its pack stays, and whoever writes the object again finds it.
  const TemporaryDirectory directory;
  const Buffer base = random_floats(4096, 1);
  Buffer data = base;
  data[5] ^= std::byte{1};
  const Buffer large = random_floats(100'000, 2);
  std::unordered_set<Digest> kept;
  Digest difference;
  {
    Store store(directory.path());
    auto batch = store.begin();
    const Digest first = batch->put(base, 4);
    batch->commit();
    batch = store.begin();
    difference = batch->put(data, 4, {first});
    kept.insert(batch->put(large, 4));
    batch->commit();
    ASSERT_EQ(store.info(difference)->base, first);
  }
  GcOptions options;
  options.merge_small = false;
  collect(directory.path(), kept, options);
  const Store store(directory.path());
  ASSERT_TRUE(store.contains(difference));
  EXPECT_EQ(store.read(difference), data);
}

TEST(Gc, KeepsBases) {
  const TemporaryDirectory directory;
  const Buffer base = random_floats(4096, 1);
  Gather reversed(64);
  for (std::uint32_t i = 0; i < 64; ++i) reversed[i] = 63 - i;
  Buffer data(base.size());
  const Shape shape{64, 64};
  const std::vector<Gather> axes{reversed, reversed};
  gather_axes(base, 4, shape, axes, data);
  {
    Store store(directory.path());
    auto batch = store.begin();
    const Digest name = batch->put(base, 4);
    batch->commit();
    batch->put_view(sha256(data), data, name, 4, shape, axes);
    batch->commit();
    ASSERT_EQ(store.info(sha256(data))->base, name);
  }
  EXPECT_TRUE(collect(directory.path(), {sha256(data)}).dropped.empty());
  Store store(directory.path());
  EXPECT_EQ(store.read(sha256(data)), data);
}

TEST(Gc, ADryRunChangesNothing) {
  const TemporaryDirectory directory;
  const Digest gone = put_into(directory.path(), "gone");
  const auto before = packs_in(directory.path());
  GcOptions options;
  options.dry_run = true;
  EXPECT_THAT(collect(directory.path(), {}, options).dropped, ElementsAre(gone));
  EXPECT_EQ(packs_in(directory.path()), before);
  EXPECT_TRUE(Store(directory.path()).contains(gone));
  EXPECT_FALSE(std::filesystem::exists(directory.path() / "nowhere"));
  EXPECT_EQ(collect(directory.path() / "nowhere", {}).objects, 0U);
  EXPECT_FALSE(std::filesystem::exists(directory.path() / "nowhere"));
}

TEST(Gc, WaitsForWritersThatRelyOnWhatItWouldDrop) {
  const TemporaryDirectory directory;
  const Digest object = put_into(directory.path(), "needed soon");
  Store writer(directory.path());
  const auto batch = writer.begin();
  EXPECT_EQ(batch->put(as_bytes("needed soon"), 1), object);
  GcOptions options;
  options.patience = std::chrono::milliseconds(50);
  EXPECT_THROW(collect(directory.path(), {}, options), Error);
  EXPECT_EQ(packs_in(directory.path()).size(), 1U);
  batch->commit();
  EXPECT_EQ(to_string(writer.read(object)), "needed soon");
}

/// Between the first look and the lock, a writer may come and go.
TEST(Gc, SeesWhatHappensWhileItWorks) {
  const TemporaryDirectory directory;
  const Digest asked_for = put_into(directory.path(), "asked for meanwhile");
  const Digest named = put_into(directory.path(), "named meanwhile");
  const Digest gone = put_into(directory.path(), "gone");
  Digest added;
  int looks = 0;
  const auto reachable = [&]() -> std::unordered_set<Digest> {
    if (++looks == 2) return {named};
    return {};
  };
  const std::function<std::unordered_set<Digest>()> with_writer = [&] {
    const auto result = reachable();
    if (looks == 1) {
      // Runs after the rows were read: only the second look can see it.
      put_into(directory.path(), "asked for meanwhile");
      added = put_into(directory.path(), "added meanwhile");
    }
    return result;
  };
  GcOptions options;
  options.expire = now_touched();
  EXPECT_THAT(collect_garbage(directory.path(), with_writer, options).dropped, ElementsAre(gone));
  Store store(directory.path());
  EXPECT_THAT(store.list(), UnorderedElementsAre(asked_for, named, added));
  EXPECT_EQ(to_string(store.read(asked_for)), "asked for meanwhile");
  EXPECT_EQ(to_string(store.read(named)), "named meanwhile");
}

TEST(Gc, AReaderOfAnOldPackGoesOn) {
  const TemporaryDirectory directory;
  const Digest first = put_into(directory.path(), "first");
  const Digest second = put_into(directory.path(), "second");
  const Digest gone = put_into(directory.path(), "gone");
  Store reader(directory.path());
  EXPECT_EQ(to_string(reader.read(first)), "first");
  collect(directory.path(), {first, second});
  EXPECT_EQ(to_string(reader.read(first)), "first");
  EXPECT_EQ(to_string(reader.read(second)), "second");
  // A pack that is still mapped is no reason to believe that an object is there.
  EXPECT_FALSE(reader.contains(gone));
  EXPECT_EQ(put(reader, "gone"), gone);
  EXPECT_EQ(to_string(Store(directory.path()).read(gone)), "gone");
}

void flip(const std::filesystem::path& file, const std::string& inside) {
  std::string content = read_whole(file);
  const std::size_t at = content.find(inside);
  ASSERT_NE(at, std::string::npos);
  content[at] = static_cast<char>(content[at] ^ 1);
  write_whole(file, content);
}

std::filesystem::path only_pack(const std::filesystem::path& directory) {
  return directory / "packs" / packs_in(directory).at(0);
}

TEST(Gc, LeavesAPackAloneWhoseDamageWouldBeLostForEver) {
  const TemporaryDirectory directory;
  const Digest damaged = put_into(directory.path(), "damaged object");
  const auto pack = only_pack(directory.path());
  const Digest intact = put_into(directory.path(), "intact object");
  flip(pack, "damaged object");
  const GcReport report = collect(directory.path(), {damaged, intact});
  EXPECT_TRUE(std::filesystem::exists(pack));
  ASSERT_EQ(report.notes.size(), 1U);
  EXPECT_THAT(report.notes[0], HasSubstr(damaged.hex()));
  EXPECT_THAT(report.notes[0], HasSubstr(pack.filename().string()));
  // Nobody wants it any more: it may go.
  EXPECT_TRUE(collect(directory.path(), {intact}).notes.empty());
  EXPECT_FALSE(std::filesystem::exists(pack));
  EXPECT_TRUE(Store(directory.path()).fsck().problems.empty());
}

TEST(Gc, DropsDamageThatIsIntactElsewhere) {
  const TemporaryDirectory directory;
  const Digest object = put_into(directory.path(), "twice here");
  const auto pack = only_pack(directory.path());
  flip(pack, "twice here");
  Store(directory.path()).rebuild();
  ASSERT_EQ(put_into(directory.path(), "twice here"), object);
  ASSERT_EQ(packs_in(directory.path()).size(), 2U);
  ASSERT_FALSE(Store(directory.path()).fsck().problems.empty());
  EXPECT_TRUE(collect(directory.path(), {object}).notes.empty());
  EXPECT_FALSE(std::filesystem::exists(pack));
  EXPECT_TRUE(Store(directory.path()).fsck().problems.empty());
  EXPECT_EQ(to_string(Store(directory.path()).read(object)), "twice here");
}

/// By then the index knows the new packs, which are taken away again.
TEST(Gc, LosesNothingIfItFailsLate) {
  const TemporaryDirectory directory;
  const Digest first = put_into(directory.path(), "first");
  const Digest second = put_into(directory.path(), "second");
  int asked = 0;
  EXPECT_THROW(collect_garbage(directory.path(),
                               [&]() -> std::unordered_set<Digest> {
                                 if (++asked == 2) throw Error("no space");
                                 return {first, second};
                               },
                               {}),
               Error);
  ASSERT_EQ(asked, 2);
  EXPECT_EQ(packs_in(directory.path()).size(), 2U);
  EXPECT_TRUE(Store(directory.path()).fsck().problems.empty());
  EXPECT_EQ(to_string(Store(directory.path()).read(first)), "first");
  EXPECT_EQ(to_string(Store(directory.path()).read(second)), "second");
}

TEST(Gc, AnObjectOutlivesOneOfTwoPacksThatHaveIt) {
  const TemporaryDirectory directory;
  const Digest object = put_into(directory.path(), "twice here");
  const auto pack = only_pack(directory.path());
  const auto other = directory.path() / "packs" / "other.pack";
  std::filesystem::copy_file(pack, other);
  const Digest one_more = put_into(directory.path(), "one more");
  EXPECT_EQ(Store(directory.path()).list().size(), 2U);  // the index knows all three packs
  const std::string used = Index(directory.path() / "objects.db").find(object)->pack;
  std::filesystem::remove(directory.path() / "packs" / used);
  EXPECT_EQ(to_string(Store(directory.path()).read(object)), "twice here");
  EXPECT_EQ(to_string(Store(directory.path()).read(one_more)), "one more");
  EXPECT_TRUE(Store(directory.path()).fsck().problems.empty());
}

/// What the index says decides what is dropped: it must not be believed when it is damaged.
TEST(Gc, DoesNotBelieveADamagedIndex) {
  const TemporaryDirectory directory;
  std::unordered_set<Digest> objects;
  for (int i = 0; i < 5; ++i)
    objects.insert(put_into(directory.path(), "object " + std::to_string(i)));
  {
    Index index(directory.path() / "objects.db");
    const auto packs = index.packs();
    // One row lost, one that points into another pack.
    index.change([&] {
      auto rows = index.rows();
      const IndexEntry wrong{rows[1].object, 4711, rows[1].location.info};
      index.add_pack(packs[3], std::array{wrong}, Index::Conflict::kPlainReplacesOld, 1);
      index.remove_packs(std::array{rows[0].location.pack});
      index.add_pack(rows[0].location.pack, {}, Index::Conflict::kPlainReplacesOld, 1);
    });
  }
  EXPECT_TRUE(collect(directory.path(), objects).dropped.empty());
  Store store(directory.path());
  for (const Digest& object : objects) EXPECT_EQ(sha256(store.read(object)), object);
}

TEST(Gc, EveryFailedStepLosesNothing) {
  int failures = 0;
  for (int n = 1;; ++n) {
    const TemporaryDirectory directory;
    const Digest kept = put_into(directory.path(), "kept");
    const Digest also = put_into(directory.path(), "also kept");
    put_into(directory.path(), "gone");
    bool failed = false;
    os::fail_at(n);
    try {
      collect(directory.path(), {kept, also});
    } catch (const Error&) {
      failed = true;
    }
    os::fail_at(0);
    Store store(directory.path());
    EXPECT_EQ(to_string(store.read(kept)), "kept") << n;
    EXPECT_EQ(to_string(store.read(also)), "also kept") << n;
    EXPECT_TRUE(store.fsck().problems.empty()) << n;
    collect(directory.path(), {kept, also});
    EXPECT_EQ(packs_in(directory.path()).size(), 1U) << n;
    EXPECT_EQ(Store(directory.path()).list().size(), 2U) << n;
    if (!failed) break;
    ++failures;
  }
  EXPECT_GE(failures, 7);
}

TEST(Gc, NothingIsRemovedBehindASymbolicLink) {
  const TemporaryDirectory directory;
  const Digest object = put_into(directory.path() / "there", "hello");
  std::filesystem::create_directories(directory.path() / "here");
  std::filesystem::create_symlink(directory.path() / "there" / "packs",
                                  directory.path() / "here" / "packs");
  EXPECT_THROW(collect(directory.path() / "here", {}), Error);
  EXPECT_THROW(put_into(directory.path() / "here", "world"), Error);
  EXPECT_EQ(to_string(Store(directory.path() / "here").read(object)), "hello");
}

}  // namespace
}  // namespace mgit
