// A store's life as chance has it, against a plain map: batches that are committed, dropped, failed
// or killed, gc, lost and damaged indexes, copies between two stores.
//
//   MGIT_STORE_SECONDS   how long (3)
//   MGIT_STORE_SEED      the seed to begin with, as a failure prints it; kills come at times of
//                        their own, so that not every failure comes again at once

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <iterator>
#include <map>
#include <set>
#include <thread>

#include "base/os.h"
#include "store/gc.h"
#include "store_support.h"

namespace mgit {
namespace {

using namespace mgit::testing;
namespace fs = std::filesystem;

constexpr Touched kClockTick = 10'000;  // file times are that coarse

std::uint64_t setting(const char* name, std::uint64_t otherwise) {
  const char* value = std::getenv(name);
  return value != nullptr ? std::strtoull(value, nullptr, 10) : otherwise;
}

/// How an operation ends.
enum class End { kWell, kFailed, kKilled };

/// Runs `action` to its end, with the n-th call failing, or in a process that is killed some time.
End run(End wish, std::mt19937_64& random, const std::function<void()>& action) {
  if (wish == End::kWell) {
    action();
    return wish;
  }
  if (wish == End::kFailed) {
    os::fail_at(1 + static_cast<int>(random() % 8));
    try {
      action();
      wish = End::kWell;
    } catch (const Error&) {
    }
    os::fail_at(0);
    return wish;
  }
  const auto delay = std::chrono::microseconds(random() % (random() % 2 == 0 ? 3000 : 25'000));
  const pid_t child = ::fork();
  if (child == 0) {
    try {
      action();
    } catch (const std::exception& error) {
      std::cerr << error.what() << '\n';
      ::_exit(1);
    }
    ::_exit(0);
  }
  std::this_thread::sleep_for(delay);
  ::kill(child, SIGKILL);
  int status = 0;
  ::waitpid(child, &status, 0);
  if (WIFSIGNALED(status)) return End::kKilled;
  if (WEXITSTATUS(status) != 0) ADD_FAILURE() << "the other process failed";
  return End::kWell;
}

/// Everything that was ever made, whichever store has it.
using Contents = std::map<Digest, Buffer>;
using Objects = std::set<Digest>;

Objects joined(Objects a, const Objects& b) {
  a.insert(b.begin(), b.end());
  return a;
}
bool includes(const Objects& all, const Objects& some) {
  return std::includes(all.begin(), all.end(), some.begin(), some.end());
}

/// What one batch writes.
struct Put {
  Digest object;
  unsigned element_size = 1;
  PutHint hint{};
  std::vector<Gather> axes{};  // put as a view of the hint's base
};

/// One store, what it must hold, and since when at least.
struct Subject {
  fs::path directory;
  Objects present{};
  Objects gone{};  // dropped; a record in another pack may bring it back with an index made anew
  std::map<Digest, Touched> touched{};
  std::unique_ptr<Store> reader{};  // opened long ago
};

class History {
 public:
  explicit History(std::uint64_t seed) : random_(seed) {
    for (const char* name : {"a", "b"}) subjects_.push_back({directory_.path() / name});
  }

  /// One operation and a look at all that came of it.
  void step() {
    Subject& subject = subjects_[random_() % 2];
    switch (random_() % 12) {
      case 0:
      case 1:
      case 2:
      case 3:
      case 4:
        return add(subject);
      case 5:
      case 6:
        return copy(subject, subjects_[&subject == subjects_.data() ? 1 : 0]);
      case 7:
      case 8:
        return collect(subject);
      case 9:
        return lose_index(subject);
      case 10:
        return collect_beside_a_writer(subject);
      default:
        return freshen(subject);
    }
  }

  /// Every object of both stores, decoded and compared.
  void finish() {
    for (Subject& subject : subjects_) {
      log("the end of " + subject.directory.filename().string());
      Store store(subject.directory);
      for (const Digest& object : subject.present) read(store, object);
      for (const std::string& problem : store.fsck().problems) ADD_FAILURE() << problem;
      const Put last = fresh();
      commit(store, {last});
      if (!fs::exists(subject.directory / "packs")) continue;
      for (const auto& file : fs::directory_iterator(subject.directory / "packs"))
        EXPECT_EQ(file.path().extension(), ".pack") << "left behind: " << file.path();
    }
  }

  const std::string& told() const { return told_; }

 private:
  void log(const std::string& line) { told_ += "  " + line + '\n'; }
  static std::string called(End end) {
    return end == End::kWell ? "" : end == End::kFailed ? ", failed" : ", killed";
  }
  End wish() {
    const auto draw = random_() % 10;
    return draw < 6 ? End::kWell : draw < 8 ? End::kFailed : End::kKilled;
  }

  Digest remember(Buffer data) {
    const Digest object = sha256(data);
    contents_.emplace(object, std::move(data));
    return object;
  }
  std::optional<Digest> any_of(const Objects& objects) {
    if (objects.empty()) return std::nullopt;
    return *std::next(objects.begin(), static_cast<std::ptrdiff_t>(random_() % objects.size()));
  }
  /// About half of them.
  Objects some_of(const Objects& objects) {
    Objects some;
    for (const Digest& object : objects)
      if (random_() % 2 == 0) some.insert(object);
    return some;
  }

  Put fresh() {
    if (random_() % 3 == 0) {
      const std::string text = random_bytes(random_() % 300, random_);
      return {remember({as_bytes(text).begin(), as_bytes(text).end()})};
    }
    return {remember(random_floats(kUnits * kUnits, random_())), 4};
  }
  /// A later version of it, or its units in another order.
  Put version_of(const Digest& before) {
    const Buffer& old = contents_.at(before);
    const bool square = old.size() == kUnits * kUnits * 4;
    if (!square) return {before};
    Put put{{}, 4, {before, {kUnits, kUnits}}};
    Buffer data = old;
    if (random_() % 2 == 0) {
      for (int changes = 0; changes < 20; ++changes)
        data[random_() % data.size() & ~std::size_t{3}] ^= std::byte{1};
    } else {
      for (int axis = 0; axis < 2; ++axis) {
        Gather gather(kUnits);
        for (std::uint32_t i = 0; i < kUnits; ++i) gather[i] = i;
        std::shuffle(gather.begin(), gather.end(), random_);
        put.axes.push_back(gather);
      }
      gather_axes(old, 4, put.hint.shape, put.axes, data);
      if (random_() % 2 == 0) put.axes.clear();
    }
    put.object = remember(std::move(data));
    return put;
  }
  std::vector<Put> batch_for(const Subject& subject) {
    std::vector<Put> puts;
    Objects here = subject.present;
    for (auto count = 1 + random_() % 5; count > 0; --count) {
      const auto before = any_of(here);
      puts.push_back(before && random_() % 3 != 0 ? version_of(*before) : fresh());
      here.insert(puts.back().object);
    }
    return puts;
  }
  void commit(Store& store, const std::vector<Put>& puts) const {
    const auto batch = store.begin();
    write(*batch, puts);
    batch->commit();
  }
  void write(Store::Batch& batch, const std::vector<Put>& puts) const {
    for (const Put& put : puts) {
      const Buffer& data = contents_.at(put.object);
      if (put.axes.empty())
        batch.put_as(put.object, data, put.element_size, put.hint);
      else
        batch.put_view(put.object, data, *put.hint.base, put.element_size, put.hint.shape,
                       put.axes);
    }
  }
  static Objects objects_of(const std::vector<Put>& puts) {
    Objects objects;
    for (const Put& put : puts) objects.insert(put.object);
    return objects;
  }

  void add(Subject& subject) {
    const std::vector<Put> puts = batch_for(subject);
    const Touched begun = now_touched();
    const Objects before = subject.present;
    if (random_() % 8 == 0) {
      log("a batch that is dropped, in " + subject.directory.filename().string());
      Store store(subject.directory);
      write(*store.begin(), puts);
      return look(subject, before, before);
    }
    const End end = run(wish(), random_, [&] {
      Store store(subject.directory);
      commit(store, puts);
    });
    log("add " + std::to_string(puts.size()) + " to " + subject.directory.filename().string() +
        called(end));
    const Objects after = joined(before, objects_of(puts));
    look(subject, end == End::kWell ? after : before, after);
    if (end == End::kWell) young(subject, objects_of(puts), begun);
    EXPECT_TRUE(subject.present == before || subject.present == after) << "half a batch";
  }

  void copy(Subject& from, Subject& to) {
    const Objects wanted = some_of(from.present);
    const Touched begun = now_touched();
    const Objects before = to.present;
    std::size_t copied = 0;
    const End end = run(wish(), random_, [&] {
      const Store source(from.directory);
      Store store(to.directory);
      const auto batch = store.begin();
      copied = batch->copy(source, std::vector<Digest>(wanted.begin(), wanted.end()));
      batch->commit();
    });
    log("copy " + std::to_string(wanted.size()) + " to " + to.directory.filename().string() +
        called(end));
    const Objects after = joined(before, wanted);
    look(to, end == End::kWell ? after : before, joined(after, with_bases(from, wanted)));
    if (end == End::kWell) young(to, wanted, begun);
    EXPECT_TRUE(end != End::kWell || copied == 0 || to.present.size() == before.size() + copied)
        << "not as many as it said";
    EXPECT_TRUE(to.present == before || includes(to.present, after)) << "half a batch";
  }

  /// Them and what they are coded against, as the store has it.
  static Objects with_bases(const Subject& subject, const Objects& objects) {
    const Store store(subject.directory);
    Objects all;
    for (std::optional<Digest> at : objects)
      while (at && subject.present.contains(*at) && all.insert(*at).second)
        at = store.info(*at)->base;
    return all;
  }

  GcReport gc(const Subject& subject, const Objects& reachable, const GcOptions& options) const {
    const std::unordered_set<Digest> set(reachable.begin(), reachable.end());
    return collect_garbage(
        subject.directory, [&] { return set; }, options);
  }

  void collect(Subject& subject) {
    const Objects reachable = some_of(subject.present);
    const Objects before = subject.present;
    GcOptions options;
    options.all_dead = random_() % 2 == 0;
    options.merge_small = random_() % 2 == 0;
    options.expire = now_touched() + kClockTick;
    if (random_() % 3 == 0) options.expire -= static_cast<Touched>(random_() % 300'000);
    Objects kept = reachable;
    for (const auto& [object, touched] : subject.touched)
      if (touched - kClockTick >= options.expire && before.contains(object)) kept.insert(object);
    const bool all_old = options.expire > now_touched();
    kept = with_bases(subject, kept);
    GcReport report;
    const End end = run(wish(), random_, [&] { report = gc(subject, reachable, options); });
    log("gc of " + subject.directory.filename().string() + ", " + std::to_string(kept.size()) +
        " of " + std::to_string(before.size()) + " kept" + called(end));
    const bool exact = end == End::kWell && options.all_dead && all_old;
    look(subject, kept, exact ? kept : before);
    if (end != End::kWell || report.packs_before == 0) return;
    for (const Digest& object : report.dropped)
      EXPECT_FALSE(subject.present.contains(object)) << "dropped, it said";
    EXPECT_EQ(subject.present.size() + report.dropped.size(), before.size());
  }

  /// What another process writes or asks for meanwhile stays.
  void collect_beside_a_writer(Subject& subject) {
    const std::vector<Put> puts = batch_for(subject);
    const Objects reachable = some_of(subject.present);
    const Objects before = subject.present;
    GcOptions options;
    options.all_dead = true;
    options.expire = now_touched() - kClockTick;
    const Touched begun = now_touched();
    const pid_t child = ::fork();
    if (child == 0) {
      try {
        std::this_thread::sleep_for(std::chrono::microseconds(random_() % 4000));
        Store store(subject.directory);
        commit(store, puts);
      } catch (const MissingError&) {
        ::_exit(3);  // a view's base that gc has dropped: the writer is told
      } catch (const std::exception& error) {
        std::cerr << error.what() << '\n';
        ::_exit(1);
      }
      ::_exit(0);
    }
    const Objects kept = with_bases(subject, reachable);
    gc(subject, reachable, options);
    int status = 0;
    ::waitpid(child, &status, 0);
    log("gc of " + subject.directory.filename().string() + " beside a writer");
    ASSERT_TRUE(WIFEXITED(status) && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 3));
    const bool written = WEXITSTATUS(status) == 0;
    const Objects after = written ? joined(kept, objects_of(puts)) : kept;
    look(subject, after, joined(before, after));
    if (written) young(subject, objects_of(puts), begun);
  }

  void lose_index(Subject& subject) {
    log("the index of " + subject.directory.filename().string() + " is lost");
    const fs::path index = subject.directory / "objects.db";
    if (!fs::exists(index)) return;
    subject.reader.reset();  // it would go on with the file that has no name any more
    switch (random_() % 4) {
      case 0:
        Store(subject.directory).rebuild();
        break;
      case 1:
        write_whole(index, "no index");
        break;
      case 2:
        fs::resize_file(index, fs::file_size(index) / 2);
        break;
      default:
        for (const char* suffix : {"", "-wal", "-shm"}) fs::remove(index.string() + suffix);
    }
    look(subject, subject.present, subject.present);
  }

  void freshen(Subject& subject) {
    const Objects some = some_of(subject.present);
    const Touched begun = now_touched();
    log("freshen " + std::to_string(some.size()) + " in " + subject.directory.filename().string());
    Store store(subject.directory);
    store.freshen(std::vector<Digest>(some.begin(), some.end()));
    young(subject, some, begun);
    look(subject, subject.present, subject.present);
  }

  static void young(Subject& subject, const Objects& objects, Touched since) {
    for (const Digest& object : objects) subject.touched[object] = since;
  }

  /// Compares; what was open, and is allowed, is the truth from then on.
  void look(Subject& subject, const Objects& wanted, const Objects& allowed) {
    const Store store(subject.directory);
    const std::vector<Digest> listed = store.list();
    const Objects found(listed.begin(), listed.end());
    EXPECT_TRUE(includes(found, wanted)) << "an object is lost";
    EXPECT_TRUE(includes(joined(allowed, subject.gone), found))
        << "an object that should not be there";
    std::ranges::set_difference(subject.present, found,
                                std::inserter(subject.gone, subject.gone.end()));
    subject.present = found;
    if (!subject.reader) subject.reader = std::make_unique<Store>(subject.directory);
    EXPECT_EQ(subject.reader->list(), listed) << "to somebody who opened it long ago";
    std::vector<Digest> known;
    for (const auto& [object, data] : contents_) known.push_back(object);
    EXPECT_EQ(store.lacking(known).size(), known.size() - found.size());
    for (int i = 0; i < 4; ++i)
      for (const auto& object : found) read(i % 2 == 0 ? store : *subject.reader, object);
  }

  void read(const Store& store, const Digest& object) const {
    try {
      EXPECT_EQ(store.read(object), contents_.at(object));
    } catch (const Error& error) {
      std::string chain;
      for (std::optional<Digest> at = object; at;
           at = store.info(*at) ? store.info(*at)->base : std::nullopt)
        chain += "\n" + at->hex().substr(0, 8) +
                 (store.info(*at) ? " " + std::to_string(int(store.info(*at)->encoding)) : " gone");
      ADD_FAILURE() << error.what() << " " << error.where() << chain;
    }
  }

  static constexpr std::size_t kUnits = 16;

  TemporaryDirectory directory_;
  std::mt19937_64 random_;
  Contents contents_;
  std::vector<Subject> subjects_;
  std::string told_;
};

TEST(StoreHistory, AgreesWithAPlainMap) {
  using Clock = std::chrono::steady_clock;
  const auto end = Clock::now() + std::chrono::seconds(setting("MGIT_STORE_SECONDS", 3));
  std::uint64_t seed = setting("MGIT_STORE_SEED", std::random_device()());
  int histories = 0;
  int steps = 0;
  for (; !HasFailure() && (histories == 0 || Clock::now() < end); ++seed, ++histories) {
    History history(seed);
    try {
      for (int step = 0; step < 60 && !HasFailure(); ++step, ++steps) history.step();
      if (!HasFailure()) history.finish();
    } catch (const std::exception& error) {
      ADD_FAILURE() << error.what();
    }
    if (HasFailure())
      std::cout << "MGIT_STORE_SEED=" << seed << ", after\n" << history.told() << std::flush;
  }
  std::cout << histories << " histories, " << steps << " steps\n";
}

}  // namespace
}  // namespace mgit
