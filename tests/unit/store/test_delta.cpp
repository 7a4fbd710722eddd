#include <gtest/gtest.h>

#include <cstring>
#include <set>

#include "coding/checksum.h"
#include "coding/delta.h"
#include "coding/difference.h"
#include "store/record.h"
#include "store/record_frames.h"
#include "store_support.h"

namespace mgit {
namespace {

using namespace mgit::testing;

Buffer noise(std::size_t size, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  const std::string text = random_bytes(size, random);
  const Bytes bytes = as_bytes(text);
  return {bytes.begin(), bytes.end()};
}

/// Floats, each moved a little.
Buffer tuned(Buffer floats, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  for (std::size_t i = 0; i + 4 <= floats.size(); i += 4) {
    std::uint32_t word = 0;
    std::memcpy(&word, floats.data() + i, 4);
    word += static_cast<std::uint32_t>(random() % 64);
    std::memcpy(floats.data() + i, &word, 4);
  }
  return floats;
}

Digest put(Store& store, Bytes data, std::optional<Digest> base = {}, unsigned element = 4) {
  const auto batch = store.begin();
  const Digest object = batch->put(data, element, {.base = base});
  batch->commit();
  return object;
}

TEST(Difference, IsUndoneForEveryWord) {
  for (const unsigned word : {1U, 2U, 4U, 8U})
    for (const std::size_t words : {1, 7, 8, 9, 1000}) {
      const Buffer base = noise(words * word, 1);
      for (Buffer data : {noise(words * word, 2), base, Buffer(words * word)}) {
        data[0] = std::byte{1};
        Buffer symbols(words);
        Buffer rest;
        take_difference(data, base, word, symbols, rest);
        Buffer back(data.size());
        apply_difference(base, word, symbols, rest, back);
        ASSERT_EQ(back, data) << word << ' ' << words;
      }
    }
}

TEST(Difference, IsUndoneForEveryPairOfHalfWords) {
  Buffer all(2 * 65536);
  for (std::size_t i = 0; i < 65536; ++i) {
    all[2 * i] = static_cast<std::byte>(i & 0xff);  // NaN, infinity, denormals and -0 among them
    all[2 * i + 1] = static_cast<std::byte>(i >> 8);
  }
  for (const unsigned from : {0U, 0x8000U, 0x7f80U, 0xff80U, 0x7fc1U, 0x3f80U, 0xffffU, 1U}) {
    Buffer base(all.size());
    for (std::size_t i = 0; i < base.size(); ++i)
      base[i] = static_cast<std::byte>(from >> (8 * (i % 2)));
    Buffer symbols(65536);
    Buffer rest;
    take_difference(all, base, 2, symbols, rest);
    Buffer back(all.size());
    apply_difference(base, 2, symbols, rest, back);
    ASSERT_EQ(back, all) << from;
  }
}

TEST(Difference, RestOfAnotherLengthIsRefused) {
  const Buffer base = noise(400, 3);
  Buffer symbols(100);
  Buffer rest;
  take_difference(noise(400, 4), base, 4, symbols, rest);
  Buffer out(400);
  EXPECT_THROW(apply_difference(base, 4, symbols, Bytes(rest).first(rest.size() - 1), out),
               wire::Malformed);
  rest.push_back({});
  EXPECT_THROW(apply_difference(base, 4, symbols, rest, out), wire::Malformed);
}

TEST(Deltas, AreSmallAndExact) {
  const TemporaryDirectory directory;
  Store store(directory.path());
  for (const std::size_t count : {1000, 700'000}) {
    const Buffer before = random_floats(count, 5);
    const Buffer after = tuned(before, 6);
    const Digest base = put(store, before);
    const Digest object = put(store, after, base);
    EXPECT_EQ(store.info(object)->encoding, Encoding::kDelta);
    EXPECT_EQ(store.info(object)->base, base);
    EXPECT_LT(store.info(object)->stored, after.size() / 3);
    EXPECT_EQ(store.read(object), after);
    Buffer streamed;
    store.stream(object,
                 [&](Bytes piece) { streamed.insert(streamed.end(), piece.begin(), piece.end()); });
    EXPECT_EQ(streamed, after);
  }
  EXPECT_TRUE(store.fsck().problems.empty());
  store.rebuild();
  EXPECT_TRUE(store.fsck().problems.empty());
}

TEST(Deltas, AreNotMadeWhereTheyDoNotPayOrFit) {
  const TemporaryDirectory directory;
  Store store(directory.path());
  const Buffer floats = random_floats(1000, 7);
  const Digest base = put(store, floats);
  for (const Buffer& other : {random_floats(1000, 8), random_floats(999, 7), Buffer(4000)}) {
    const Digest object = put(store, other, base);
    EXPECT_NE(store.info(object)->encoding, Encoding::kDelta);
    EXPECT_EQ(store.read(object), other);
  }
  EXPECT_EQ(store.read(put(store, tuned(floats, 9), Digest{})), tuned(floats, 9));
}

TEST(Deltas, ChainsEndAfterEight) {
  const TemporaryDirectory directory;
  Store store(directory.path());
  Buffer data = random_floats(2000, 10);
  std::vector<Digest> versions{put(store, data)};
  std::vector<Buffer> contents{data};
  for (std::uint64_t i = 0; i < 20; ++i) {
    data = tuned(data, i);
    versions.push_back(put(store, data, versions.back()));
    contents.push_back(data);
  }
  for (std::size_t i = 0; i < versions.size(); ++i) {
    int depth = 0;
    for (auto at = store.info(versions[i])->base; at; at = store.info(*at)->base) ++depth;
    EXPECT_LE(depth, 8) << i;
    EXPECT_EQ(store.read(versions[i]), contents[i]);
  }
  Store other(directory.path() / "other");  // bases travel along
  const auto batch = other.begin();
  EXPECT_GT(batch->copy(store, std::array{versions[8]}), 1U);
  batch->commit();
  EXPECT_EQ(other.read(versions[8]), contents[8]);
  EXPECT_EQ(other.info(versions[8])->encoding, Encoding::kDelta);
}

TEST(Deltas, MixWithViews) {
  const TemporaryDirectory directory;
  Store store(directory.path());
  const Buffer first = random_floats(4096, 11);
  const Buffer second = tuned(first, 12);
  const Digest a = put(store, first);
  const Digest b = put(store, second, a);
  Gather reversed(64);
  for (std::uint32_t i = 0; i < 64; ++i) reversed[i] = 63 - i;
  const std::vector<Gather> axes{reversed, {}};
  Buffer turned(second.size());
  gather_axes(second, 4, {64, 64}, axes, turned);
  const Digest view = sha256(turned);
  const auto batch = store.begin();
  batch->put_view(view, turned, b, 4, {64, 64}, axes);
  batch->commit();
  const Buffer last = tuned(turned, 13);
  const Digest delta = put(store, last, view);
  EXPECT_EQ(store.info(view)->encoding, Encoding::kView);
  EXPECT_EQ(store.info(delta)->base, view);
  EXPECT_EQ(store.read(view), turned);
  EXPECT_EQ(store.read(delta), last);
}

/// A pack with one record for each pair of base and object.
TEST(Deltas, CyclesOnDiskCountAsNotHere) {
  const TemporaryDirectory directory;
  std::filesystem::create_directories(directory.path() / "packs");
  const Digest a = sha256(as_bytes("a"));
  const Digest b = sha256(as_bytes("b"));
  const std::string payload(32, '\0');
  std::string pack(kPackMagic);
  for (const auto& [object, base] : {std::pair(a, b), std::pair(b, a)}) {
    RecordHeader header{Encoding::kDelta, 4, 400, payload.size(), object, base, 0};
    header.payload_sum = checksum(as_bytes(payload));
    pack += to_string(encode_header(header)) + payload;
  }
  write_whole(directory.path() / "packs" / "evil.pack", pack);
  Store store(directory.path());
  EXPECT_THROW(store.read(a), MissingError);
  EXPECT_TRUE(store.fsck().problems.empty());
  const Buffer data = random_floats(100, 16);
  EXPECT_EQ(store.read(put(store, data, a)), data);
}

TEST(Deltas, EveryDamagedByteIsFound) {
  const TemporaryDirectory directory;
  Digest object;
  std::filesystem::path pack;
  {
    Store store(directory.path());
    const Buffer before = random_floats(60, 17);
    const Digest base = put(store, before);
    std::set<std::filesystem::path> old;
    for (const auto& entry : std::filesystem::directory_iterator(directory.path() / "packs"))
      old.insert(entry.path());
    object = put(store, tuned(before, 18), base);
    ASSERT_EQ(store.info(object)->encoding, Encoding::kDelta);
    for (const auto& entry : std::filesystem::directory_iterator(directory.path() / "packs"))
      if (!old.contains(entry.path())) pack = entry.path();
  }
  const std::string good = read_whole(pack);
  for (std::size_t i = kPackMagic.size(); i < good.size(); ++i) {
    std::string damaged = good;
    damaged[i] = static_cast<char>(damaged[i] ^ (1 << (i % 8)));
    write_whole(pack, damaged);
    Store store(directory.path());
    EXPECT_FALSE(store.fsck().problems.empty()) << i;
    try {
      EXPECT_EQ(sha256(store.read(object)), object) << i;  // a bit that no decoder looks at
    } catch (const CorruptError&) {
    }
  }
}

}  // namespace
}  // namespace mgit
