#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <thread>

#include "base/os.h"
#include "coding/checksum.h"
#include "store/index.h"
#include "store/record.h"
#include "store_support.h"

namespace mgit {
namespace {

using namespace mgit::testing;
using ::testing::HasSubstr;

std::vector<std::filesystem::path> packs_of(const Store& store) {
  std::vector<std::filesystem::path> packs;
  for (const auto& entry : std::filesystem::directory_iterator(store.directory() / "packs"))
    packs.push_back(entry.path());
  return packs;
}

Digest put(Store& store, const std::string& data, unsigned element_size = 1) {
  const auto batch = store.begin();
  const Digest object = batch->put(as_bytes(data), element_size);
  batch->commit();
  return object;
}

/// Four 64x64 floats: a base and three permuted ones.
struct Permuted {
  Shape shape{64, 64};
  Buffer base = random_floats(4096, 1);
  std::vector<Gather> axes;
  Buffer data = Buffer(4096 * 4);

  explicit Permuted(std::uint64_t seed) {
    std::mt19937_64 random(seed);
    for (int axis = 0; axis < 2; ++axis) {
      Gather gather(64);
      for (std::uint32_t i = 0; i < 64; ++i) gather[i] = i;
      std::shuffle(gather.begin(), gather.end(), random);
      axes.push_back(gather);
    }
    gather_axes(base, 4, shape, axes, data);
  }
};

TEST(Store, IsEmptyAndLeavesNoTraceUntilWritten) {
  const TemporaryDirectory directory;
  Store store(directory.path() / "mgit");
  EXPECT_FALSE(store.contains(Digest{}));
  EXPECT_TRUE(store.list().empty());
  EXPECT_TRUE(store.fsck().problems.empty());
  EXPECT_THROW(store.read(Digest{}), MissingError);
  store.rebuild();
  store.begin()->commit();
  EXPECT_FALSE(std::filesystem::exists(directory.path() / "mgit"));
}

TEST(Store, ObjectsAreVisibleFromCommitOn) {
  const TemporaryDirectory directory;
  Store store(directory.path());
  Store other(directory.path());
  EXPECT_FALSE(other.contains(sha256(as_bytes("hello"))));
  auto batch = store.begin();
  const Digest object = batch->put(as_bytes("hello"), 1);
  EXPECT_EQ(object, sha256(as_bytes("hello")));
  EXPECT_FALSE(store.contains(object));
  batch->commit();
  EXPECT_TRUE(store.contains(object));
  EXPECT_EQ(to_string(other.read(object)), "hello");
  EXPECT_EQ(store.info(object)->size, 5U);
  EXPECT_EQ(store.list(), std::vector{object});

  store.begin()->put(as_bytes("abandoned"), 1);
  EXPECT_FALSE(store.contains(sha256(as_bytes("abandoned"))));
  EXPECT_EQ(packs_of(store).size(), 1U);
}

TEST(Store, ReadIntoWantsTheExactSize) {
  const TemporaryDirectory directory;
  Store store(directory.path());
  const Digest object = put(store, "hello");
  Buffer wrong(4);
  EXPECT_THROW(store.read_into(object, wrong), CorruptError);
  Buffer right(5);
  store.read_into(object, right);
  EXPECT_EQ(to_string(right), "hello");
}

TEST(Store, ViewsAreSmallAndExact) {
  const TemporaryDirectory directory;
  Store store(directory.path());
  const Permuted once(2);
  const auto batch = store.begin();
  const Digest base = batch->put(once.base, 4);
  const Digest view = sha256(once.data);
  batch->put_view(view, once.data, base, 4, once.shape, once.axes);
  batch->commit();
  EXPECT_EQ(store.info(view)->encoding, Encoding::kView);
  EXPECT_EQ(store.info(view)->base, base);
  EXPECT_LT(store.info(view)->stored, 300U);
  EXPECT_EQ(store.read(view), once.data);
}

TEST(Store, ViewsOfViewsAreComposed) {
  const TemporaryDirectory directory;
  Store store(directory.path());
  const Permuted once(3);
  Permuted twice(4);
  gather_axes(once.data, 4, twice.shape, twice.axes, twice.data);
  const Digest first = sha256(once.data);
  const Digest second = sha256(twice.data);
  for (const bool one_batch : {true, false}) {
    Store fresh(directory.path() / (one_batch ? "one" : "two"));
    auto batch = fresh.begin();
    const Digest base = batch->put(once.base, 4);
    batch->put_view(first, once.data, base, 4, once.shape, once.axes);
    if (!one_batch) batch->commit();
    batch->put_view(second, twice.data, first, 4, twice.shape, twice.axes);
    batch->commit();
    EXPECT_EQ(fresh.info(second)->base, base);
    EXPECT_EQ(fresh.read(second), twice.data);
  }
}

TEST(Store, ViewsThatDoNotPayAreStoredPlain) {
  const TemporaryDirectory directory;
  Store store(directory.path());
  const auto batch = store.begin();
  const Buffer base = random_floats(1, 5);
  Buffer data(4);
  const std::vector<Gather> axes{{1, 0}};
  gather_axes(base, 2, {2}, axes, data);
  const Digest name = batch->put(base, 2);
  batch->put_view(sha256(data), data, name, 2, {2}, axes);
  EXPECT_THROW(batch->put_view(Digest{}, data, Digest{}, 2, {2}, axes), MissingError);
  batch->commit();
  EXPECT_NE(store.info(sha256(data))->encoding, Encoding::kView);
  EXPECT_EQ(store.read(sha256(data)), data);
}

TEST(Store, CopyTakesBasesAlong) {
  const TemporaryDirectory directory;
  Store store(directory.path() / "a");
  const Permuted once(6);
  auto batch = store.begin();
  const Digest base = batch->put(once.base, 4);
  const Digest view = sha256(once.data);
  batch->put_view(view, once.data, base, 4, once.shape, once.axes);
  batch->commit();

  Store target(directory.path() / "b");
  batch = target.begin();
  EXPECT_EQ(batch->copy(store, std::array{view}), 2U);
  EXPECT_EQ(batch->copy(store, std::array{base, view}), 0U);
  EXPECT_THROW(batch->copy(store, std::array{Digest{}}), MissingError);
  EXPECT_THROW(batch->commit(), Error);
  batch = target.begin();
  batch->copy(store, std::array{view});
  batch->commit();
  EXPECT_EQ(target.info(view)->stored, store.info(view)->stored);
  EXPECT_EQ(target.read(view), once.data);
}

TEST(Store, CopyNeverClosesACycle) {
  const TemporaryDirectory directory;
  const Permuted once(7);
  const Digest a = sha256(once.base);
  const Digest b = sha256(once.data);
  Store b_on_a(directory.path() / "b_on_a");
  auto batch = b_on_a.begin();
  batch->put(once.base, 4);
  batch->commit();
  batch->put_view(b, once.data, a, 4, once.shape, once.axes);
  batch->commit();
  Store a_on_b(directory.path() / "a_on_b");
  batch = a_on_b.begin();
  batch->put(once.data, 4);
  const std::vector<Gather> back{inverse(once.axes[0]), inverse(once.axes[1])};
  batch->put_view(a, once.base, b, 4, once.shape, back);
  batch->commit();
  ASSERT_EQ(a_on_b.info(a)->encoding, Encoding::kView);
  // a is lost here, and comes back from a store where it is a view of b.
  for (const auto& pack : packs_of(b_on_a))
    if (std::filesystem::file_size(pack) > 5000) std::filesystem::remove(pack);
  Store again(directory.path() / "b_on_a");
  ASSERT_FALSE(again.contains(a));
  batch = again.begin();
  batch->copy(a_on_b, std::array{a});
  batch->commit();
  EXPECT_EQ(again.read(a), once.base);
  EXPECT_EQ(again.read(b), once.data);
}

TEST(Store, IndexIsRebuiltWhenLostOrDamaged) {
  const TemporaryDirectory directory;
  std::vector<Digest> objects;
  {
    Store store(directory.path());
    for (const char* text : {"one", "two", "three"}) objects.push_back(put(store, text));
  }
  std::sort(objects.begin(), objects.end());
  const auto database = directory.path() / "objects.db";
  const std::string good = read_whole(database);
  std::string broken = good;
  for (std::size_t i = 100; i < broken.size(); i += 7) broken[i] = 'x';
  for (const std::string& content :
       {std::string(), std::string("garbage, and no database"), broken, good.substr(0, 5000)}) {
    for (const char* suffix : {"-wal", "-shm"}) std::filesystem::remove(database.string() + suffix);
    write_whole(database, content);
    Store store(directory.path());
    EXPECT_EQ(store.list(), objects);
    EXPECT_EQ(to_string(store.read(sha256(as_bytes("two")))), "two");
  }
  std::filesystem::remove(database);
  Store store(directory.path());
  EXPECT_EQ(to_string(store.read(sha256(as_bytes("three")))), "three");
  store.rebuild();
  EXPECT_EQ(store.list(), objects);
}

TEST(Store, LostPacksAreMissedAndCanBeWrittenAgain) {
  const TemporaryDirectory directory;
  Digest object;
  {
    Store store(directory.path());
    object = put(store, "hello");
    std::filesystem::remove(packs_of(store).at(0));
  }
  Store store(directory.path());
  EXPECT_FALSE(store.contains(object));
  EXPECT_THROW(store.read(object), MissingError);
  put(store, "hello");
  EXPECT_EQ(to_string(store.read(object)), "hello");
}

TEST(Store, LostPacksHideNoOtherCopy) {
  const TemporaryDirectory directory;
  Store store(directory.path());
  const Digest object = put(store, "hello");
  const std::filesystem::path first = packs_of(store).at(0);
  const std::filesystem::path second = first.parent_path() / "copy.pack";
  std::filesystem::copy_file(first, second);
  EXPECT_EQ(Store(directory.path()).list().size(), 1U);  // its row is the copy's now
  std::filesystem::remove(second);
  EXPECT_EQ(to_string(Store(directory.path()).read(object)), "hello");
  EXPECT_TRUE(Store(directory.path()).fsck().problems.empty());
}

/// As on a full disk, where SQLite cannot open its files.
TEST(Store, ABatchThatFailedToCommitIsNeverCommitted) {
  const Buffer large = random_floats(std::size_t{1} << 20, 1);  // more than one block to write
  for (int n = 1; n <= 20; ++n) {
    const TemporaryDirectory directory;
    Store store(directory.path());
    const auto batch = store.begin();
    batch->put(large, 4);
    batch->put(as_bytes("small"), 1);
    os::fail_at(n);
    bool failed = false;
    try {
      batch->commit();
    } catch (const Error&) {
      failed = true;
    }
    os::fail_at(0);
    if (!failed) {
      EXPECT_GT(n, 3) << "calls of a commit";
      return;
    }
    EXPECT_THROW(batch->commit(), Error) << "call " << n;
  }
  FAIL() << "a commit makes more calls than that?";
}

TEST(Store, WhoWritesATemporaryPackIsToldByItsLockAlone) {
  const TemporaryDirectory directory;
  Store store(directory.path());
  put(store, "first");
  // A process of this number is alive, and wrote none of them; nor does any number prove anything.
  const auto packs = directory.path() / "packs";
  write_whole(packs / "tmp-1-0123", "of another container, gone");
  write_whole(packs / ("tmp-" + std::to_string(::getpid()) + "-0123"), "gone, too");
  write_whole(packs / "tmp-999999999-0123", "at work in another container");
  const os::File held(::open((packs / "tmp-999999999-0123").c_str(), O_RDWR | O_CLOEXEC));
  ASSERT_EQ(::flock(held.fd(), LOCK_EX | LOCK_NB), 0);
  const auto one = store.begin();
  one->put(as_bytes("one"), 1);
  put(store, "two");
  one->commit();
  std::vector<std::string> temporary;
  for (const auto& pack : packs_of(store))
    if (pack.extension() != ".pack") temporary.push_back(pack.filename().string());
  EXPECT_THAT(temporary, ::testing::ElementsAre("tmp-999999999-0123"));
  EXPECT_TRUE(store.fsck().problems.empty());
}

TEST(Store, IsReadWithoutItsIndex) {
  const TemporaryDirectory directory;
  Digest object;
  {
    Store store(directory.path());
    object = put(store, "hello");
  }
  const std::filesystem::path database = directory.path() / "objects.db";
  std::filesystem::remove(database);
  std::filesystem::create_directory(database);
  Store store(directory.path());
  EXPECT_EQ(to_string(store.read(object)), "hello");
  EXPECT_EQ(store.list(), std::vector{object});
  EXPECT_TRUE(store.contains(object));
  EXPECT_FALSE(store.contains(sha256(as_bytes("other"))));
  EXPECT_THROW(put(store, "more"), Error);
  std::filesystem::remove(database);
  EXPECT_EQ(to_string(store.read(put(store, "more"))), "more");
}

/// In a process that may not write, also where the tests run as root.
int as_a_reader(const std::filesystem::path& directory, const std::function<bool()>& action) {
  std::filesystem::permissions(directory.parent_path(), std::filesystem::perms(0755));
  std::filesystem::permissions(directory, std::filesystem::perms(0555));
  const pid_t child = ::fork();
  if (child == 0) {
    try {
      if (::geteuid() == 0 && ::setresuid(65534, 65534, 65534) != 0) ::_exit(3);
      ::_exit(action() ? 0 : 1);
    } catch (...) {
      ::_exit(2);
    }
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  std::filesystem::permissions(directory, std::filesystem::perms(0755));
  return WEXITSTATUS(status);
}

TEST(Store, WhereNothingMayBeWrittenItsIndexIsRead) {
  const TemporaryDirectory parent;
  const auto directory = parent.path() / "a store%20?#";
  Digest indexed;
  {
    Store store(directory);
    indexed = put(store, "indexed");
  }
  const auto pack = packs_of(Store(directory)).front();
  const auto index = read_whole(directory / "objects.db");
  Digest later;
  {
    Store store(directory);
    later = put(store, "later");
  }
  // The index of before, and a pack that could not be scanned: it lists what only the index knows.
  std::filesystem::permissions(directory, std::filesystem::perms(0755));
  write_whole(directory / "objects.db", index);
  write_whole(pack, "garbage");
  EXPECT_EQ(as_a_reader(directory,
                        [&] {
                          const Store store(directory);
                          return store.contains(indexed) && store.contains(later) &&
                                 to_string(store.read(later)) == "later";
                        }),
            0);
  EXPECT_EQ(read_whole(directory / "objects.db"), index);
  write_whole(directory / "objects.db", "no index");
  EXPECT_EQ(as_a_reader(directory,
                        [&] {
                          const Store store(directory);
                          return !store.contains(indexed) && store.contains(later);
                        }),
            0);
  EXPECT_EQ(read_whole(directory / "objects.db"), "no index");
}

TEST(Store, NoWriteAheadLogOnNetworkFileSystems) {
  for (const std::uint64_t magic : {0x6969U, 0xff534d42U, 0xfe534d42U, 0x01021997U, 0x65735546U})
    EXPECT_THAT(journal_for(magic), HasSubstr("=DELETE"));
  for (const std::uint64_t magic : {0xef53U, 0x58465342U, 0x9123683eU, 0x01021994U, 0x794c7630U})
    EXPECT_THAT(journal_for(magic), HasSubstr("=WAL"));
}

TEST(Store, EveryFlippedByteOfAPackIsFound) {
  const TemporaryDirectory directory;
  std::vector<Digest> objects;
  std::filesystem::path pack;
  {
    Store store(directory.path());
    const auto batch = store.begin();
    const Permuted once(8);
    objects.push_back(batch->put(Bytes(once.base).first(256), 4));
    objects.push_back(batch->put(as_bytes(std::string(500, 'z')), 1));
    objects.push_back(batch->put(as_bytes("short"), 1));
    batch->commit();
    pack = packs_of(store).at(0);
  }
  const std::string good = read_whole(pack);
  for (std::size_t i = 0; i < good.size(); i += 3) {
    std::string damaged = good;
    damaged[i] = static_cast<char>(damaged[i] ^ (1 << (i % 8)));
    write_whole(pack, damaged);
    Store store(directory.path());
    EXPECT_FALSE(store.fsck().problems.empty()) << i;
    int readable = 0;
    for (const Digest& object : objects) {
      try {
        EXPECT_EQ(sha256(store.read(object)), object);
        ++readable;
      } catch (const CorruptError& error) {
        EXPECT_THAT(error.where(), HasSubstr(object.hex()));
        EXPECT_THAT(error.where(), HasSubstr(pack.filename().string()));
      }
    }
    EXPECT_GE(readable, 2) << i;
  }
}

TEST(Store, DamageHidesNothingThatFollows) {
  const TemporaryDirectory directory;
  std::vector<Digest> objects;
  std::filesystem::path pack;
  {
    Store store(directory.path());
    const auto batch = store.begin();
    for (const char* text : {"first", "second", "third"})
      objects.push_back(batch->put(as_bytes(text), 1));
    batch->commit();
    pack = packs_of(store).at(0);
  }
  std::string damaged = read_whole(pack);
  damaged[kPackMagic.size() + 20] ^= 1;  // the size in the first header
  damaged.resize(damaged.size() - 2);    // and the last record is cut short
  write_whole(pack, damaged);
  Store store(directory.path());
  store.rebuild();
  EXPECT_EQ(store.list(), std::vector{objects[1]});
  const FsckReport report = store.fsck();
  ASSERT_EQ(report.problems.size(), 2U);
  EXPECT_THAT(report.problems[0], HasSubstr("offset 12: damaged record header"));
  EXPECT_THAT(report.problems[1], HasSubstr(objects[2].hex()));
  put(store, "first");
  EXPECT_EQ(to_string(store.read(objects[0])), "first");
}

/// Records with intact headers that lie about what follows.
TEST(Store, HostileRecordsAreRefused) {
  const auto record = [](RecordHeader header, const std::string& payload) {
    header.payload = payload.size();
    header.payload_sum = checksum(as_bytes(payload));
    return to_string(encode_header(header)) + payload;
  };
  const Digest hello = sha256(as_bytes("hello"));
  const std::string sound = record({Encoding::kRaw, 1, 5, 0, hello, {}, 0}, "hello");
  const auto attack = [&](const RecordHeader& header, const std::string& payload,
                          const std::string& others = "") {
    const TemporaryDirectory place;
    std::filesystem::create_directories(place.path() / "packs");
    write_whole(place.path() / "packs" / "evil.pack",
                std::string(kPackMagic) + others + record(header, payload));
    Store store(place.path());
    EXPECT_THROW(store.read(header.object), CorruptError);
    EXPECT_EQ(store.fsck().problems.size(), 1U);
  };
  attack({Encoding::kRaw, 1, 5, 0, hello, {}, 0}, "HELLO");
  attack({Encoding::kZstd, 4, 1ULL << 62, 0, hello, {}, 0}, "xxxxxxxxxxxxxxxx");
  attack({Encoding::kView, 4, 1ULL << 62, 0, sha256(as_bytes("a")), hello, 0}, "xxxxxxxxxxxxxxxx",
         sound);
}

TEST(Store, TheIndexOfAFileOfTinyTensorsIsSmall) {
  const TemporaryDirectory directory;
  std::mt19937_64 random(12);
  FileBuilder file;
  for (int i = 0; i < 285; ++i)
    file.add(std::to_string(i), DType::kF32, {36}, random_bytes(144, random));
  {
    Store store(directory.path());
    add(store, file.text());
  }
  EXPECT_LT(std::filesystem::file_size(directory.path() / "objects.db"), 285U * 90);
}

TEST(Store, EveryFailedWriteLeavesAWorkingStore) {
  std::mt19937_64 random(10);
  const std::string before = random_checkpoint(random);
  const std::string file = FileBuilder()
                               .add("a", DType::kF32, {400'000}, random_bytes(1'600'000, random))
                               .add("b", DType::kF32, {100}, random_bytes(400, random))
                               .text();
  int failures = 0;
  for (int n = 1;; ++n) {
    const TemporaryDirectory directory;
    Manifest old;
    {
      Store store(directory.path());
      old = add(store, before);
      os::fail_at(n);
      try {
        add(store, file);
        os::fail_at(0);
        break;
      } catch (const Error&) {
        os::fail_at(0);
        ++failures;
      }
    }
    Store store(directory.path());
    EXPECT_EQ(checked_out(store, old), before);
    EXPECT_TRUE(store.fsck().problems.empty());
    EXPECT_EQ(checked_out(store, add(store, file)), file) << "retry after failure " << n;
    for (const auto& pack : packs_of(store)) EXPECT_EQ(pack.extension(), ".pack");
  }
  EXPECT_GE(failures, 5);
}

TEST(Store, EveryKillLeavesAWorkingStore) {
  std::mt19937_64 random(11);
  const std::string file = random_checkpoint(random);
  bool survived = false;
  for (int n = 1; !survived; ++n) {
    const TemporaryDirectory directory;
    const pid_t child = ::fork();
    if (child == 0) {
      // A killed process runs no destructors; neither does this one.
      try {
        Store store(directory.path());
        const auto batch = store.begin();
        add_checkpoint(*batch, as_bytes(file), "x.safetensors");
        os::fail_at(n);
        try {
          batch->commit();
        } catch (const Error&) {
          ::_exit(1);
        }
      } catch (...) {
        ::_exit(2);
      }
      ::_exit(0);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    ASSERT_NE(WEXITSTATUS(status), 2);
    survived = WEXITSTATUS(status) == 0;
    Store store(directory.path());
    EXPECT_TRUE(store.fsck().problems.empty());
    EXPECT_EQ(checked_out(store, add(store, file)), file);
    put(store, "cleans up");
    for (const auto& pack : packs_of(store)) EXPECT_EQ(pack.extension(), ".pack");
  }
}

TEST(Store, ThreadsMayShareABatch) {
  const TemporaryDirectory directory;
  Store store(directory.path());
  const auto batch = store.begin();
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&batch, t] {
      std::mt19937_64 random(static_cast<std::uint64_t>(t / 2));  // two and two write the same
      for (int i = 0; i < 50; ++i) batch->put(as_bytes(random_bytes(500, random)), 4);
    });
  for (std::thread& thread : threads) thread.join();
  batch->commit();
  EXPECT_EQ(store.list().size(), 100U);
  EXPECT_TRUE(store.fsck().problems.empty());
}

TEST(Store, ProcessesMayWriteAtOnce) {
  const TemporaryDirectory directory;
  std::vector<pid_t> children;
  for (std::uint64_t p = 0; p < 3; ++p) {
    const pid_t child = ::fork();
    if (child == 0) {
      try {
        Store store(directory.path() / "mgit");
        std::mt19937_64 random(p / 2);
        for (int i = 0; i < 10; ++i) put(store, random_bytes(300, random));
      } catch (const std::exception& error) {
        fmt::print(stderr, "{}\n", error.what());
        ::_exit(1);
      }
      ::_exit(0);
    }
    children.push_back(child);
  }
  for (const pid_t child : children) {
    int status = 0;
    ::waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
  }
  Store store(directory.path() / "mgit");
  EXPECT_EQ(store.list().size(), 20U);
  EXPECT_TRUE(store.fsck().problems.empty());
}

TEST(Store, ProcessesMayMakeOneAtOnce) {
  for (int round = 0; round < 40; ++round) {
    const TemporaryDirectory directory;
    int start[2];
    ASSERT_EQ(::pipe(start), 0);
    std::vector<pid_t> children;
    for (int p = 0; p < 4; ++p) {
      const pid_t child = ::fork();
      if (child == 0) {
        try {
          ::close(start[1]);
          char none = 0;
          ::read(start[0], &none, 1);  // until all are there
          Store store(directory.path());
          put(store, "by all of them");
        } catch (const std::exception& error) {
          fmt::print(stderr, "{}\n", error.what());
          ::_exit(1);
        }
        ::_exit(0);
      }
      children.push_back(child);
    }
    ::close(start[0]);
    ::close(start[1]);
    for (const pid_t child : children) {
      int status = 0;
      ::waitpid(child, &status, 0);
      ASSERT_EQ(status, 0) << "round " << round;
    }
  }
}

TEST(Store, RandomDamageNeverGivesWrongBytes) {
  const TemporaryDirectory directory;
  std::vector<Digest> objects;
  std::filesystem::path pack;
  {
    Store store(directory.path());
    const auto batch = store.begin();
    const Permuted once(12);
    objects = {batch->put(once.base, 4), sha256(once.data),
               batch->put(as_bytes(std::string(9000, 'q')), 1)};
    batch->put_view(objects[1], once.data, objects[0], 4, once.shape, once.axes);
    batch->commit();
    pack = packs_of(store).at(0);
  }
  const std::string good = read_whole(pack);
  std::mt19937_64 random(13);
  for (int round = 0; round < 100; ++round) {
    std::string damaged = good;
    for (auto changes = 1 + random() % 4; changes > 0; --changes)
      damaged[random() % damaged.size()] = static_cast<char>(random());
    if (round % 5 == 0) damaged.resize(random() % damaged.size());
    write_whole(pack, damaged);
    Store store(directory.path());
    if (round % 3 == 0) store.rebuild();
    for (const Digest& object : objects) {
      try {
        EXPECT_EQ(sha256(store.read(object)), object);
      } catch (const CorruptError&) {
      } catch (const MissingError&) {
      }
    }
  }
}

}  // namespace
}  // namespace mgit
