// Records between stores that share nothing but a stream.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "coding/checksum.h"
#include "store/record.h"
#include "store_support.h"

namespace mgit {
namespace {

using namespace mgit::testing;
using ::testing::ElementsAre;

/// Versions of a tensor, each a little off the one before.
std::vector<Buffer> versions(std::size_t count, std::size_t floats = 4096) {
  std::vector<Buffer> all{random_floats(floats, 1)};
  std::mt19937_64 random(2);
  while (all.size() < count) {
    Buffer next = all.back();
    for (std::size_t i = 0; i < next.size(); i += 4)
      next[i] ^= static_cast<std::byte>(random() & 7);
    all.push_back(std::move(next));
  }
  return all;
}

/// Puts them one after the other, each a delta from the one before.
std::vector<Digest> put_chain(Store& store, const std::vector<Buffer>& data) {
  std::vector<Digest> objects;
  for (const Buffer& each : data) {
    const auto batch = store.begin();
    PutHint hint;
    if (!objects.empty()) hint.base = objects.back();
    objects.push_back(batch->put(each, 4, hint));
    batch->commit();
  }
  return objects;
}

std::string exported(const Store& store, const std::vector<Digest>& objects) {
  std::string stream;
  store.export_records(objects, [&](Bytes piece) { stream += as_text(piece); });
  return stream;
}

/// A stream that hands out a few bytes at a time.
RecordSource source_of(std::string_view stream, std::size_t most = 1000) {
  return [stream, most](std::span<std::byte> out) mutable {
    const std::size_t count = std::min({out.size(), stream.size(), most});
    if (count > 0) std::memcpy(out.data(), stream.data(), count);
    stream.remove_prefix(count);
    return count;
  };
}

std::size_t import_from(Store& store, std::string_view stream) {
  const auto batch = store.begin();
  const std::size_t taken = batch->import_records(source_of(stream));
  batch->commit();
  return taken;
}

TEST(Import, RecordsTravelAsTheyAre) {
  const TemporaryDirectory directory;
  Store from(directory.path() / "from");
  const std::vector<Buffer> data = versions(4);
  const std::vector<Digest> chain = put_chain(from, data);
  const auto records = from.records_of(std::array{chain[3], chain[1]});
  ASSERT_EQ(records.size(), 4U);
  std::uint64_t bytes = 0;
  for (std::size_t i = 0; i < records.size(); ++i) {
    EXPECT_EQ(records[i].object, chain[i]);
    EXPECT_EQ(records[i].base, i == 0 ? std::nullopt : std::optional(chain[i - 1]));
    bytes += records[i].stored;
  }
  const std::string stream = exported(from, chain);
  EXPECT_EQ(stream.size(), bytes);

  Store to(directory.path() / "to");
  auto batch = to.begin();
  EXPECT_EQ(batch->import_records(source_of(stream, 7)), 4U);
  EXPECT_EQ(batch->import_records(source_of(stream)), 0U);
  EXPECT_THAT(batch->lacking(std::array{chain[0], Digest{}}), ElementsAre(Digest{}));
  EXPECT_EQ(Store(directory.path() / "to").list().size(), 0U);
  batch->commit();
  for (std::size_t i = 0; i < chain.size(); ++i) {
    EXPECT_EQ(to.info(chain[i])->encoding, i == 0 ? Encoding::kZstd : Encoding::kDelta);
    EXPECT_EQ(to.info(chain[i])->stored, from.info(chain[i])->stored);
    EXPECT_EQ(to.read(chain[i]), data[i]);
  }
  EXPECT_EQ(import_from(to, stream), 0U);
  EXPECT_THROW(from.records_of(std::array{Digest{}}), MissingError);
}

TEST(Import, BasesMayBeThereOrComeBefore) {
  const TemporaryDirectory directory;
  Store from(directory.path() / "from");
  const std::vector<Buffer> data = versions(3);
  const std::vector<Digest> chain = put_chain(from, data);
  Store to(directory.path() / "to");
  EXPECT_THROW(import_from(to, exported(from, {chain[1]})), MissingError);
  EXPECT_THROW(import_from(to, exported(from, {chain[1], chain[0]})), MissingError);
  EXPECT_EQ(import_from(to, exported(from, {chain[0]})), 1U);
  const auto batch = to.begin();
  EXPECT_EQ(batch->import_records(source_of(exported(from, {chain[1]}))), 1U);
  EXPECT_EQ(batch->import_records(source_of(exported(from, {chain[2]}))), 1U);
  batch->commit();
  EXPECT_EQ(to.read(chain[2]), data[2]);
}

TEST(Import, WhereBasesLeadTooFarObjectsAreWrittenPlain) {
  const TemporaryDirectory directory;
  const std::vector<Buffer> data = versions(10);
  Store from(directory.path() / "from");
  const std::vector<Digest> short_chain = put_chain(from, {data[8], data[9]});
  ASSERT_EQ(from.info(short_chain[1])->encoding, Encoding::kDelta);
  Store to(directory.path() / "to");
  const std::vector<Digest> long_chain = put_chain(to, {data.begin(), data.begin() + 9});
  ASSERT_EQ(long_chain[8], short_chain[0]);
  ASSERT_EQ(to.info(long_chain[8])->base, long_chain[7]);
  EXPECT_EQ(import_from(to, exported(from, {short_chain[1]})), 1U);
  EXPECT_EQ(to.info(short_chain[1])->base, std::nullopt);
  EXPECT_EQ(to.read(short_chain[1]), data[9]);
}

TEST(Import, EveryFlippedByteIsRefused) {
  const TemporaryDirectory directory;
  Store from(directory.path() / "from");
  const std::vector<Digest> chain = put_chain(from, versions(2, 40));
  const std::string stream = exported(from, chain);
  Store to(directory.path() / "to");
  for (std::size_t i = 0; i < stream.size(); ++i) {
    std::string flipped = stream;
    flipped[i] = static_cast<char>(flipped[i] ^ (1 << (i % 8)));
    const auto batch = to.begin();
    EXPECT_THROW(batch->import_records(source_of(flipped)), Error) << i;
    EXPECT_THROW(batch->commit(), Error) << i;
  }
  EXPECT_TRUE(to.list().empty());
}

TEST(Import, AStreamThatEndsTooEarlyIsRefused) {
  const TemporaryDirectory directory;
  Store from(directory.path() / "from");
  const std::vector<Digest> chain = put_chain(from, versions(2, 40));
  const std::string stream = exported(from, chain);
  const std::size_t boundary = exported(from, {chain[0]}).size();
  Store to(directory.path() / "to");
  for (std::size_t length = 1; length < stream.size(); ++length) {
    if (length == boundary) continue;
    const auto batch = to.begin();
    EXPECT_THROW(batch->import_records(source_of(stream.substr(0, length))), CorruptError)
        << length;
  }
}

/// Sound in every checksum.
std::string forged(RecordHeader header, std::string_view payload) {
  header.payload = payload.size();
  header.payload_sum = checksum(as_bytes(payload));
  return std::string(as_text(encode_header(header))) + std::string(payload);
}

TEST(Import, ContentThatIsNotWhatItsNameSaysIsRefused) {
  const TemporaryDirectory directory;
  Store to(directory.path() / "to");
  RecordHeader header;
  header.size = 5;
  header.object = sha256(as_bytes("other"));
  EXPECT_THROW(import_from(to, forged(header, "bytes")), CorruptError);
  header.object = sha256(as_bytes("bytes"));
  EXPECT_EQ(import_from(to, forged(header, "bytes")), 1U);
  // What is to be decoded promises more than memory has, is its own base, or builds on another
  // size.
  header.encoding = Encoding::kZstd;
  header.object = sha256(as_bytes("huge"));
  header.size = std::uint64_t{1} << 62;
  EXPECT_THROW(import_from(to, forged(header, "123456789")), CorruptError);
  header.encoding = Encoding::kDelta;
  header.base = header.object;
  EXPECT_THROW(import_from(to, forged(header, "123456789")), Error);
  header.base = sha256(as_bytes("bytes"));
  header.size = 6;
  EXPECT_THROW(import_from(to, forged(header, "123456789")), CorruptError);
  EXPECT_THAT(to.list(), ElementsAre(sha256(as_bytes("bytes"))));
}

TEST(Import, WhatTheSourceThrowsEndsTheBatch) {
  const TemporaryDirectory directory;
  Store to(directory.path() / "to");
  const auto batch = to.begin();
  EXPECT_THROW(batch->import_records(
                   [](std::span<std::byte>) -> std::size_t { throw Error("the line is cut"); }),
               Error);
  EXPECT_THROW(batch->commit(), Error);
}

}  // namespace
}  // namespace mgit
