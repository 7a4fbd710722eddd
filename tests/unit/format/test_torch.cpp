#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <random>
#include <sstream>

#include "format/pickle.h"
#include "format/torch.h"
#include "format/zip_layout.h"
#include "zip_file.h"

namespace mgit {
namespace {

using ::testing::HasSubstr;
using testing::put;
using testing::ZipBuilder;

std::string fixture(const std::string& name) {
  std::ifstream file(std::string(MGIT_SOURCE_DIRECTORY) + "/tests/data/" + name, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  EXPECT_FALSE(text.str().empty()) << name;
  return text.str();
}

std::vector<std::string> names(const ParsedCheckpoint& parsed) {
  std::vector<std::string> result;
  for (const StoredTensor& tensor : parsed.tensors) result.push_back(tensor.info.name);
  return result;
}

const StoredTensor& tensor(const ParsedCheckpoint& parsed, const std::string& name) {
  for (const StoredTensor& found : parsed.tensors)
    if (found.info.name == name) return found;
  throw Error("no such tensor", name);
}

ParsedCheckpoint parse_pt(const std::string& file) {
  return parse_checkpoint(as_bytes(file), "x.pt");
}

Manifest manifest_of(const std::string& file, const ParsedCheckpoint& parsed) {
  Manifest manifest{parsed.format, parsed.size, {}, {}};
  for (const StoredTensor& found : parsed.tensors) {
    const Digest object = sha256(as_bytes(file).subspan(found.offset, found.length));
    manifest.tensors.push_back({found.info, object, found.placement});
  }
  for (const StoredChunk& chunk : parsed.chunks)
    manifest.chunks.push_back(
        {chunk.length, sha256(as_bytes(file).subspan(chunk.offset, chunk.length))});
  return manifest;
}

/// Whatever the file is: manifest and layout must be well-formed and agree.
void expect_sound(const std::string& file) {
  const ParsedCheckpoint parsed = parse_pt(file);
  const Manifest manifest = manifest_of(file, parsed);
  const Layout layout = decode_layout(encode_layout(make_layout(as_bytes(file), parsed)), "x");
  check_layout(layout, manifest, "x");
  EXPECT_EQ(parse_manifest(manifest_text(manifest), "x"), manifest);
}

TEST(Torch, ReadsTrainingStates) {
  for (const char* name : {"torch-1.13-training.pt", "torch-2.13-training.pt"}) {
    const ParsedCheckpoint parsed = parse_pt(fixture(name));
    EXPECT_EQ(parsed.format, "pytorch");
    EXPECT_EQ(parsed.tensors.size(), 4U + 4U + 4 * 3U) << name;
    EXPECT_EQ(tensor(parsed, "model.0.weight").info.shape, (Shape{4, 3}));
    EXPECT_EQ(tensor(parsed, "optimizer.state.0.exp_avg_sq").info.shape, (Shape{4, 3}));
    EXPECT_EQ(tensor(parsed, "average.3").info.shape, (Shape{2}));
    expect_sound(fixture(name));
  }
}

TEST(Torch, ReadsViewsAndTiedWeights) {
  for (const char* name : {"torch-1.13-views.pt", "torch-2.13-views.pt", "torch-1.13-legacy.pt",
                           "torch-2.13-legacy.pt"}) {
    const std::string file = fixture(name);
    const ParsedCheckpoint parsed = parse_pt(file);
    EXPECT_EQ(parsed.format,
              std::string(name).find("legacy") == std::string::npos ? "pytorch" : "pytorch-legacy");
    EXPECT_THAT(names(parsed),
                ::testing::ElementsAre("complex", "flag", "half", "none", "one", "parameter",
                                       "part", "table", "tied", "turned"));
    const StoredTensor& table = tensor(parsed, "table");
    EXPECT_EQ(table.placement, std::nullopt);
    EXPECT_EQ(table.length, 48U);
    for (const char* shared : {"tied", "turned", "part", "one"})
      EXPECT_EQ(tensor(parsed, shared).offset, table.offset) << shared;
    EXPECT_EQ(tensor(parsed, "turned").placement, (Placement{48, 0, {1, 4}}));
    EXPECT_EQ(tensor(parsed, "part").placement, (Placement{48, 5, {4, 1}}));
    EXPECT_EQ(tensor(parsed, "one").placement, (Placement{48, 11, {}}));
    EXPECT_EQ(tensor(parsed, "none").length, 0U);
    EXPECT_EQ(tensor(parsed, "half").info.dtype, DType::kBF16);
    EXPECT_EQ(tensor(parsed, "complex").info.dtype, DType::kC64);
    EXPECT_EQ(tensor(parsed, "flag").info.dtype, DType::kBool);
    expect_sound(file);
  }
}

/// An archive as torch.save writes it around this pickle.
std::string archive(const std::string& data, const std::string& order = "little") {
  return ZipBuilder()
      .add({.name = "net/data.pkl", .data = data})
      .add({.name = "net/byteorder", .data = order})
      .add({.name = "net/data/0", .data = "01234567", .descriptor = 16, .align = 64})
      .add({.name = "net/version", .data = "3\n"})
      .finish();
}

std::string text(const std::string& value) {
  std::string out = "X";
  put(out, value.size(), 4);
  return out + value;
}

/// The call that makes a U8 tensor of two elements of storage 0.
std::string rebuilt(const std::string& offset = "K\x03") {
  return "ctorch._utils\n_rebuild_tensor_v2\n((" + text("storage") + "ctorch\nByteStorage\n" +
         text("0") + text("cpu") + "K\x08tQ" + offset + "K\x02\x85K\x01\x85\x89}tR";
}

TEST(Torch, NamesAreUnique) {
  const std::string file =
      archive("\x80\x02}(" + text("a.b") + rebuilt() + text("a") + "}" + text("b") + rebuilt() +
              "s" + text("a.b") + rebuilt() + "K\x07](" + rebuilt() + rebuilt() + "eu.");
  EXPECT_THAT(names(parse_pt(file)), ::testing::ElementsAre("7.0", "7.1", "a.b", "a.b#2", "a.b#3"));
  EXPECT_THAT(names(parse_pt(archive("\x80\x02" + rebuilt() + "."))),
              ::testing::ElementsAre("tensor"));
  expect_sound(file);
}

TEST(Torch, WhatNoTensorNamesIsKeptByItsPlace) {
  for (const std::string& data :
       {std::string("\x80\x02}."), "\x80\x02}" + text("w") + rebuilt("K\x07") + "s.",
        "\x80\x02}" + text("w") + rebuilt("J\xff\xff\xff\xff") + "s."}) {
    const ParsedCheckpoint parsed = parse_pt(archive(data));
    EXPECT_EQ(parsed.format, "pytorch");
    EXPECT_THAT(names(parsed), ::testing::ElementsAre("data/0"));
  }
}

TEST(Torch, BigEndianIsRefused) {
  try {
    parse_pt(archive("\x80\x02}.", "big"));
    FAIL() << "accepted";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("big-endian"));
    EXPECT_EQ(error.where(), "x.pt");
  }
}

TEST(Torch, WhatIsNotUnderstoodIsAnArchive) {
  std::string deep = "\x80\x02";
  for (int i = 0; i < 1000; ++i) deep += "](";
  for (int i = 0; i < 1000; ++i) deep += "e";
  std::string bomb = "\x80\x02]\x94";  // each list holds the one before twice
  for (int i = 0; i < 60; ++i)
    bomb += "](" + std::string("h") + static_cast<char>(i) + "h" + static_cast<char>(i) + "e\x94";
  for (const std::string& data :
       {std::string("no pickle"), std::string("\x80\x02"), std::string("\x80\x02(."),
        std::string("\x80\x02i."), deep + ".", bomb + "."}) {
    const ParsedCheckpoint parsed = parse_pt(archive(data));
    EXPECT_EQ(parsed.format, "zip") << data.substr(0, 20);
    EXPECT_THAT(names(parsed), ::testing::Contains("net/data/0"));
  }
  EXPECT_EQ(parse_pt(ZipBuilder().add({.name = "a", .data = "1"}).finish()).format, "zip");
  EXPECT_EQ(parse_pt(ZipBuilder().add({.name = "a.npy", .data = "1"}).finish()).format, "zip");
  EXPECT_EQ(parse_pt("no checkpoint").format, "whole");
}

TEST(Torch, ACyclicPickleEnds) {
  const std::string file =
      archive("\x80\x02}q\x01(" + text("self") + "h\x01" + text("w") + rebuilt() + "u.");
  EXPECT_THAT(names(parse_pt(file)), ::testing::ElementsAre("w"));
}

TEST(Torch, NothingIsEverCalled) {
  const std::string file = archive(
      "\x80\x02"
      "cos\nsystem\n" +
      text("touch /tmp/mgit-was-here") + "\x85R.");
  EXPECT_EQ(parse_pt(file).format, "pytorch");
}

TEST(Torch, DamageIsSurvived) {
  std::mt19937 random(9);
  for (const char* name :
       {"torch-2.13-views.pt", "torch-1.13-training.pt", "torch-2.13-legacy.pt"}) {
    const std::string file = fixture(name);
    for (std::size_t length = 0; length < file.size(); length += 7)
      expect_sound(file.substr(0, length));
    for (int round = 0; round < 3000; ++round) {
      std::string damaged = file;
      for (auto changes = 1 + random() % 4; changes > 0; --changes)
        damaged[random() % damaged.size()] = static_cast<char>(random());
      try {
        expect_sound(damaged);
      } catch (const Error&) {  // big-endian
      }
    }
  }
}

TEST(ZipLayout, ChecksumsAreMadeAnew) {
  const std::string file = fixture("torch-2.13-views.pt");
  const ParsedCheckpoint parsed = parse_pt(file);
  const Layout layout = make_layout(as_bytes(file), parsed);
  std::string other = file;
  const StoredTensor& table = tensor(parsed, "table");
  other.replace(table.offset, 4, "abcd");
  const std::uint32_t crc = crc32_of(as_bytes(other).subspan(table.offset, table.length));
  const Layout fresh = with_crcs(layout, file.size(), [&](std::uint64_t index) {
    return parsed.tensors[index].offset == table.offset ? std::optional(crc) : std::nullopt;
  });
  EXPECT_NE(fresh.gaps, layout.gaps);
  std::string rebuilt_file;
  std::size_t gap = 0;
  for (const Segment& segment : fresh.segments) {
    if (segment.kind == Segment::Kind::kGap) {
      rebuilt_file += as_text(fresh.gaps).substr(gap, segment.length);
      gap += segment.length;
    } else {
      rebuilt_file += other.substr(parsed.tensors[segment.tensor].offset, segment.length);
    }
  }
  for (const ZipEntry& entry : read_zip(as_bytes(rebuilt_file)))
    EXPECT_EQ(entry.crc, crc32_of(as_bytes(rebuilt_file).subspan(entry.offset, entry.length)));
  EXPECT_EQ(without_crcs(fresh, file.size()).gaps, without_crcs(layout, file.size()).gaps);
}

TEST(Pickle, ReadsWhatPythonWrites) {
  const std::string bytes = "\x80\x04\x95" + std::string(8, '\0') +
                            "}(\x8c\x01"
                            "aJ\xff\xff\xff\xff"
                            "\x8c\x01"
                            "bN\x8c\x01"
                            "c(\x88\x89tu.rest";
  const pickle::Pickle read = pickle::read_pickle(as_bytes(bytes));
  EXPECT_EQ(read.length, bytes.size() - 4);
  const pickle::Node& root = read[read.root];
  ASSERT_EQ(root.kind, pickle::Node::Kind::kDict);
  ASSERT_EQ(root.items.size(), 6U);
  EXPECT_EQ(read[root.items[1]].integer, -1);
  EXPECT_EQ(read[root.items[2]].text, "b");
  EXPECT_EQ(read[root.items[5]].items.size(), 2U);
}

}  // namespace
}  // namespace mgit
