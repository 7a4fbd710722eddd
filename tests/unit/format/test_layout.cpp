#include <gtest/gtest.h>

#include <random>

#include "base/wire.h"
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
      const std::size_t tensors = parsed.tensors.size();
      const std::uint64_t offset = segment.tensor < tensors
                                       ? parsed.tensors[segment.tensor].offset
                                       : parsed.chunks.at(segment.tensor - tensors).offset;
      out += file.substr(offset, segment.length);
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

/// Three tensors in two storages: 0 and 2 share the first.
ParsedCheckpoint tied() {
  return {"pytorch",
          12,
          {{{"a", DType::kU8, {4}}, 2, 4},
           {{"b", DType::kU8, {2}}, 8, 2},
           {{"c", DType::kU8, {2, 2}}, 2, 4, Placement{4, 0, {1, 2}}}}};
}

TEST(Layout, TensorsShareAStorage) {
  const std::string file = "..AAAA..BB..";
  const Layout layout = make_layout(as_bytes(file), tied());
  ASSERT_EQ(layout.shared.size(), 1U);
  EXPECT_EQ(layout.shared[0].tensor, 2U);
  EXPECT_EQ(layout.shared[0].with, 0U);
  const Buffer encoded = encode_layout(layout);
  const Layout again = decode_layout(encoded, "x");
  EXPECT_EQ(encode_layout(again), encoded);
  EXPECT_EQ(assemble(again, tied(), file), file);
}

TEST(Layout, IsCheckedAgainstTheManifest) {
  const Layout layout = make_layout(as_bytes("..AAAA..BB.."), tied());
  Manifest manifest{"pytorch", 12, {}, {}};
  for (const StoredTensor& tensor : tied().tensors)
    manifest.tensors.push_back({tensor.info, sha256(as_bytes(tensor.info.name)), tensor.placement});
  EXPECT_THROW(check_layout(layout, manifest, "x"), CorruptError);  // two objects in one place
  manifest.tensors[2].object = manifest.tensors[0].object;
  check_layout(layout, manifest, "x");
  const auto refused = [&](const std::function<void(Layout&, Manifest&)>& change) {
    Layout bent = layout;
    Manifest other = manifest;
    change(bent, other);
    EXPECT_THROW(check_layout(bent, other, "x"), CorruptError);
  };
  refused([](Layout&, Manifest& other) { other.size = 13; });
  refused([](Layout&, Manifest& other) { other.tensors[0].info.shape = {5}; });
  refused([](Layout&, Manifest& other) { other.tensors[2].placement->storage = 5; });
  refused([](Layout& bent, Manifest&) { bent.shared.clear(); });
  refused([](Layout& bent, Manifest&) { bent.shared.push_back({1, 0}); });
  refused([](Layout& bent, Manifest&) { bent.shared[0].tensor = 3; });
  refused([](Layout& bent, Manifest&) { bent.segments[1].tensor = 7; });
}

TEST(Layout, ChunksAreCheckedAgainstTheManifest) {
  const std::string file = "..AAAACCCDD.";
  ParsedCheckpoint parsed{"gguf", 12, {{{"a", DType::kU8, {4}}, 2, 4}}, {{6, 3}, {9, 2}}};
  const Layout layout = make_layout(as_bytes(file), parsed);
  EXPECT_EQ(assemble(decode_layout(encode_layout(layout), "x"), parsed, file), file);
  Manifest manifest{"gguf", 12, {}, {{{"a", DType::kU8, {4}}, sha256(as_bytes("AAAA"))}}, {}};
  manifest.chunks = {{3, sha256(as_bytes("CCC"))}, {2, sha256(as_bytes("DD"))}};
  check_layout(layout, manifest, "x");
  EXPECT_EQ(manifest.object_at(0), sha256(as_bytes("AAAA")));
  EXPECT_EQ(manifest.object_at(2), sha256(as_bytes("DD")));
  const auto refused = [&](const std::function<void(Layout&, Manifest&)>& change) {
    Layout bent = layout;
    Manifest other = manifest;
    change(bent, other);
    EXPECT_THROW(check_layout(bent, other, "x"), CorruptError);
  };
  refused([](Layout&, Manifest& other) { other.chunks[0].length = 2; });
  refused([](Layout&, Manifest& other) { other.chunks.pop_back(); });
  refused([](Layout&, Manifest& other) { other.chunks.push_back({1, {}}); });
  refused([](Layout& bent, Manifest&) { bent.segments[2].tensor = 2; });
  refused([](Layout& bent, Manifest&) { bent.shared.push_back({2, 1}); });
  refused([](Layout& bent, Manifest&) { bent.shared.push_back({2, 0}); });
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
           magic + std::string("\x03\x00\x01\x01\x00\x01\x01x", 8),
           magic + std::string("\x02\x01\x01\x01\x00", 5),
           magic + std::string("\x02\x01\x01\x00\x00", 5),
           magic + std::string("\x03\x01\x01\x03\x00\x02\x00", 7),
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
  layout.shared = {{2, 1}, {3, 1}, {9, 0}};
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
