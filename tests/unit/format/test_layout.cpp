#include <gtest/gtest.h>

#include <random>

#include "format/wire.h"
#include "mgit/format.h"
#include "safetensors_file.h"

namespace mgit {
namespace {

using testing::entry;
using testing::raw_file;

/// The file again, from its layout and the storages the parser found.
std::string assemble(const Layout& layout, const ParsedCheckpoint& parsed,
                     const std::string& file) {
  std::string out;
  std::size_t gap = 0;
  for (const Segment& segment : layout.segments) {
    if (segment.kind == Segment::Kind::kGap) {
      out += as_text(layout.gaps).substr(gap, segment.length);
      gap += segment.length;
    } else {
      const StoredTensor& tensor = parsed.tensors.at(segment.tensor);
      EXPECT_EQ(tensor.length, segment.length);
      out += file.substr(tensor.offset, tensor.length);
    }
  }
  return out;
}

TEST(Layout, GivesTheFileBack) {
  for (const std::string& file : {
           raw_file("{}"),
           raw_file("{" + entry("b", "U8", "2", 5, 7) + "," + entry("a", "U8", "3", 1, 4) + "," +
                        entry("none", "F32", "0", 2, 2) + "}  ",
                    "_aaa_bb__tail"),
           std::string("no checkpoint at all"),
           std::string(),
       }) {
    const auto parsed = parse_checkpoint(as_bytes(file), "x");
    const Buffer encoded = encode_layout(make_layout(as_bytes(file), parsed));
    EXPECT_EQ(assemble(decode_layout(encoded, "x"), parsed, file), file);
  }
}

TEST(Layout, IsTheSameForCheckpointsOfOneNetwork) {
  const std::string header = "{" + entry("b", "U8", "2", 0, 2) + "}";
  const auto layout = [&header](const std::string& data) {
    const std::string file = raw_file(header, data);
    return encode_layout(make_layout(as_bytes(file), parse_checkpoint(as_bytes(file), "x")));
  };
  EXPECT_EQ(layout("ab"), layout("xy"));
}

TEST(Layout, RefusesLies) {
  const std::string magic = "mgit layout 1\n";
  const std::string huge("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10);
  for (const std::string& bytes : {
           std::string(),
           std::string("mgit layout 2\n"),
           magic,
           magic + std::string("\x01\x00\x05", 3) + "1234",
           magic + std::string("\x01\x00\x05", 3) + "123456",
           magic + huge,
           magic + std::string("\x01\x01", 2) + huge + "x",
           magic + std::string("\x02\x01", 2) + huge + "\x02" + huge,
           magic + std::string("\x01\x01\x00", 3),
           magic + std::string("\x01\x00\x81\x00x", 5),
           magic + std::string("\x02\x00\x01\x00\x01xy", 7),
       })
    EXPECT_THROW(decode_layout(as_bytes(bytes), "x"), CorruptError) << bytes;
}

TEST(Layout, SurvivesRandomDamage) {
  Layout layout;
  layout.segments = {{Segment::Kind::kGap, 300, 0},
                     {Segment::Kind::kTensor, 70000, 1},
                     {Segment::Kind::kTensor, 1, 0},
                     {Segment::Kind::kGap, 2, 0}};
  layout.gaps.resize(302);
  const Buffer encoded = encode_layout(layout);
  std::mt19937 random(5);
  for (int round = 0; round < 50000; ++round) {
    Buffer damaged = encoded;
    damaged[random() % 40] = static_cast<std::byte>(random());
    try {
      EXPECT_EQ(encode_layout(decode_layout(damaged, "x")), damaged);
    } catch (const CorruptError&) {
    }
  }
}

TEST(Wire, VarintsRoundTrip) {
  for (const std::uint64_t value : {0ULL, 1ULL, 127ULL, 128ULL, 300ULL, 1ULL << 63, ~0ULL}) {
    Buffer bytes;
    wire::put_varint(bytes, value);
    wire::Reader reader(bytes);
    EXPECT_EQ(reader.varint(), value);
    EXPECT_TRUE(reader.done());
  }
}

}  // namespace
}  // namespace mgit
