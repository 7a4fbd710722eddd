// Files as NumPy, gguf and onnx write them (tests/data/containers/make.py), whole and damaged.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <random>

#include "base/wire.h"
#include "format/gguf.h"
#include "format/npy.h"
#include "format/onnx.h"
#include "mgit/format.h"

namespace mgit {
namespace {

const char* const kFiles[] = {"model.gguf", "model.onnx",   "c_order.npy",    "fortran.npy",
                              "stored.npz", "deflated.npz", "big_endian.npy", "structure.npy"};

std::string data_file(const std::string& name) {
  std::ifstream file(std::string(MGIT_SOURCE_DIRECTORY) + "/tests/data/containers/" + name,
                     std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

/// weight() of make.py.
std::string weight() {
  std::string bytes;
  for (int i = 0; i < 512; ++i) {
    const float value = (static_cast<float>(i) - 100) / 7;
    bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  return bytes;
}

const StoredTensor* find(const ParsedCheckpoint& parsed, const std::string& name) {
  for (const StoredTensor& tensor : parsed.tensors)
    if (tensor.info.name == name) return &tensor;
  return nullptr;
}

std::string bytes_of(const std::string& file, const StoredTensor* tensor) {
  return tensor == nullptr ? "" : file.substr(tensor->offset, tensor->length);
}

std::string names_of(const ParsedCheckpoint& parsed) {
  std::string names;
  for (const StoredTensor& tensor : parsed.tensors)
    names += tensor.info.name + " " + std::string(dtype_name(tensor.info.dtype)) + " " +
             shape_text(tensor.info.shape) + "\n";
  return names;
}

/// Whatever the parser found: in the file, apart, of the right length, and the file again.
void check(const std::string& file, const ParsedCheckpoint& parsed) {
  std::string out;
  const Layout layout = make_layout(as_bytes(file), parsed);
  std::size_t gap = 0;
  for (const Segment& segment : layout.segments) {
    if (segment.kind == Segment::Kind::kGap) {
      out += as_text(layout.gaps).substr(gap, segment.length);
      gap += segment.length;
      continue;
    }
    const std::size_t tensors = parsed.tensors.size();
    if (segment.tensor < tensors) {
      const StoredTensor& tensor = parsed.tensors[segment.tensor];
      ASSERT_EQ(byte_size(tensor.info.dtype, tensor.info.shape), segment.length);
      out += file.substr(tensor.offset, segment.length);
    } else {
      out += file.substr(parsed.chunks.at(segment.tensor - tensors).offset, segment.length);
    }
  }
  ASSERT_EQ(out, file);
}

ParsedCheckpoint parse_container(const std::string& file) {
  return parse_checkpoint(as_bytes(file), "x");
}

TEST(Containers, Gguf) {
  const std::string file = data_file("model.gguf");
  const ParsedCheckpoint parsed = parse_container(file);
  EXPECT_EQ(parsed.format, "gguf");
  EXPECT_EQ(names_of(parsed),
            "bf16 BF16 16,32\nhalf F16 16,32\nq4_0 Q4_0 16,32\nq8_0 Q8_0 16,32\nsteps I64 3\n"
            "weight F32 16,32\n");
  EXPECT_EQ(bytes_of(file, find(parsed, "weight")), weight());
}

TEST(Containers, Onnx) {
  const std::string file = data_file("model.onnx");
  const ParsedCheckpoint parsed = parse_container(file);
  EXPECT_EQ(parsed.format, "onnx");
  EXPECT_EQ(names_of(parsed),
            "steps I64 scalar\ntyped F32 2,2\nweight F32 16,32\n"
            "z.else_branch/c.value F32 2,32\nz.else_branch/nested F32 2,32\n"
            "z.then_branch/c.value F32 2,32\nz.then_branch/nested F32 2,32\n");
  EXPECT_EQ(bytes_of(file, find(parsed, "weight")), weight());
  EXPECT_EQ(bytes_of(file, find(parsed, "z.then_branch/c.value")), weight().substr(0, 256));
}

TEST(Containers, Numpy) {
  for (const std::string name : {"c_order.npy", "stored.npz"}) {
    const std::string file = data_file(name);
    const ParsedCheckpoint parsed = parse_container(file);
    EXPECT_EQ(parsed.format, name.substr(name.size() - 3));
    EXPECT_EQ(bytes_of(file, find(parsed, name == "stored.npz" ? "weight" : "array")), weight());
  }
  EXPECT_EQ(names_of(parse_container(data_file("stored.npz"))),
            "bias F16 16\nempty F64 0,4\nflags BOOL 2\nnames BYTES 24\nsteps I64 scalar\n"
            "weight F32 16,32\n");
  EXPECT_EQ(names_of(parse_container(data_file("big_endian.npy"))), "array BYTES 2048\n");
  EXPECT_EQ(names_of(parse_container(data_file("structure.npy"))), "array BYTES 24\n");
  const ParsedCheckpoint deflated = parse_container(data_file("deflated.npz"));
  ASSERT_EQ(deflated.tensors.size(), 2U);
  EXPECT_EQ(deflated.tensors[1].info.dtype, DType::kBytes);
}

TEST(Containers, EveryTruncationIsKeptWhole) {
  for (const std::string name : kFiles) {
    const std::string file = data_file(name);
    ASSERT_GT(file.size(), 100U) << name;
    check(file, parse_container(file));
    for (std::size_t length = 0; length < file.size(); ++length) {
      const std::string shorter = file.substr(0, length);
      const ParsedCheckpoint parsed = parse_container(shorter);
      check(shorter, parsed);
      // What ends with data of unknown length, or with padding, may still be read.
      if (name != "big_endian.npy" && name != "structure.npy" && name != "fortran.npy" &&
          name != "model.onnx" && length + 32 < file.size()) {
        EXPECT_EQ(parsed.format, "whole") << name << " " << length;
      }
    }
  }
}

TEST(Containers, SurviveRandomDamage) {
  std::mt19937 random(17);
  for (const std::string name : kFiles) {
    const std::string file = data_file(name);
    for (int round = 0; round < 4000; ++round) {
      std::string damaged = file;
      const std::size_t reach =
          round % 2 == 0 ? damaged.size() : std::min<std::size_t>(600, damaged.size());
      for (auto changes = 1 + random() % 4; changes > 0; --changes)
        damaged[random() % reach] = static_cast<char>(random() % 3 == 0 ? 0xff : random());
      check(damaged, parse_container(damaged));
    }
  }
}

std::string u32(std::uint32_t value) { return {reinterpret_cast<char*>(&value), sizeof value}; }
std::string u64(std::uint64_t value) { return {reinterpret_cast<char*>(&value), sizeof value}; }
std::string text(const std::string& value) { return u64(value.size()) + value; }
constexpr std::uint64_t kHuge = ~std::uint64_t{0};

TEST(Containers, GgufRefusesLies) {
  const std::string head = "GGUF" + u32(3);
  const auto tensor = [](const std::string& name, std::uint64_t length, std::uint32_t type,
                         std::uint64_t offset) {
    return text(name) + u32(1) + u64(length) + u32(type) + u64(offset);
  };
  const std::string one = head + u64(1) + u64(0);
  const std::string data(200, 'd');
  EXPECT_EQ(parse_container(one + tensor("a", 8, 0, 0) + data).format, "gguf");
  for (const std::string& file : {
           "GGUF" + u32(4) + u64(0) + u64(0),
           "GGUF" + u32(0x03000000) + u64(0) + u64(0),
           head + u64(kHuge) + u64(0),
           head + u64(0) + u64(kHuge),
           head + u64(0) + u64(1) + u64(kHuge) + "key",
           head + u64(0) + u64(1) + text("key") + u32(99),
           head + u64(0) + u64(1) + text("key") + u32(9) + u32(4) + u64(kHuge / 2),
           head + u64(0) + u64(1) + text("key") + u32(9) + u32(8) + u64(kHuge),
           head + u64(0) + u64(1) + text("general.alignment") + u32(4) + u32(0),
           head + u64(0) + u64(1) + text("general.alignment") + u32(8) + text("32"),
           one + tensor("a", 8, 4, 0) + data,
           one + tensor("a", 8, 0, 1) + data,
           one + tensor("a", 8, 0, kHuge - 31) + data,
           one + tensor("a", kHuge, 0, 0) + data,
           one + tensor("a", 33, 2, 0) + data,
           one + text("a") + u32(1000) + data,
           head + u64(2) + u64(0) + tensor("a", 8, 0, 0) + tensor("a", 8, 0, 32) + data,
           head + u64(2) + u64(0) + tensor("a", 16, 0, 0) + tensor("b", 8, 0, 32) + data,
       })
    EXPECT_EQ(parse_container(file).format, "whole") << file;
}

std::string npy(const std::string& header, const std::string& data) {
  return std::string("\x93NUMPY\x01\x00", 8) + static_cast<char>(header.size() & 0xff) +
         static_cast<char>(header.size() >> 8) + header + data;
}

TEST(Containers, NpyReadsOnlyTheLiteralsOfNumpy) {
  const std::string data(24, 'x');
  for (const char* header : {"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }  \n",
                             "{\"shape\":(2,3),\"fortran_order\":False,\"descr\":\"<f4\"}"})
    EXPECT_EQ(names_of(parse_container(npy(header, data))), "array F32 2,3\n") << header;
  EXPECT_EQ(names_of(parse_container(
                npy("{'descr': '<f4', 'fortran_order': True, 'shape': (6,), }", data))),
            "array F32 6\n");
  EXPECT_EQ(names_of(parse_container(
                npy("{'descr': '|O', 'fortran_order': False, 'shape': (6,), }", data))),
            "array BYTES 24\n");
  for (const char* header :
       {"", "{", "{}", "{'descr': '<f4', 'fortran_order': False}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), 'x': 1}",
        "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (2, 3)}",
        "{'descr': '<f4', 'fortran_order': false, 'shape': (2, 3)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 4)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (-2, 3)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3)} x",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,)}",
        "{'descr': __import__('os'), 'fortran_order': False, 'shape': (2, 3)}"})
    EXPECT_EQ(parse_container(npy(header, data)).format, "whole") << header;
  const std::string deep(100000, '[');
  EXPECT_EQ(parse_container(std::string("\x93NUMPY\x02\x00", 8) + u32(100010) + "{'descr': " + deep)
                .format,
            "whole");
}

std::string field(unsigned number, const std::string& bytes) {
  std::string out(1, static_cast<char>(number << 3 | 2));
  for (std::size_t rest = bytes.size();; rest >>= 7) {
    out += static_cast<char>(rest >= 0x80 ? (rest & 0x7f) | 0x80 : rest);
    if (rest < 0x80) return out + bytes;
  }
}
std::string onnx(const std::string& graph) { return "\x08\x07" + field(7, graph) + field(8, ""); }

TEST(Containers, OnnxIsRecognisedStrictly) {
  const std::string tensor = "\x08\x02\x10\x01" + field(8, "w") + field(9, "12345678");
  EXPECT_EQ(names_of(parse_container(onnx(field(5, tensor)))), "w F32 2\n");
  EXPECT_EQ(names_of(parse_container(onnx(field(5, tensor) + field(5, tensor)))),
            "w F32 2\nw#2 F32 2\n");
  EXPECT_EQ(names_of(parse_container(onnx(field(5, "\x08\x03\x10\x01" + field(9, "12345678"))))),
            "");
  EXPECT_EQ(names_of(parse_container(onnx(field(5, "\x08\x03\x10\x16" + field(9, "12"))))),
            " BYTES 2\n");
  for (const std::string& file : {
           std::string(),
           "\x08\x07" + field(7, ""),                 // no operator sets
           "\x08\x02" + field(7, "") + field(8, ""),  // a version before the format
           field(7, "") + field(8, ""),               // none
           onnx("") + field(7, ""),                   // two graphs
           onnx("") + field(9, "x"),                  // no such field
           onnx("") + "x",                            // something after it
           onnx("\x28\x01"),                          // an initialiser that is a number
           onnx(field(5, "\x0a\x02\xff")),            // dims that do not end
           onnx(field(
               5, field(8, std::string(5000, 'n')) + tensor.substr(0, 4) + field(9, "12345678"))),
       })
    EXPECT_EQ(parse_container(file).format, "whole") << file;
  std::string nested = field(5, tensor);
  for (int depth = 0; depth < 40; ++depth) nested = field(1, field(5, field(6, nested)));
  EXPECT_EQ(parse_container(onnx(nested)).format, "whole");
}

TEST(Containers, RandomBytesAreNoContainer) {
  std::mt19937 random(23);
  for (int round = 0; round < 20000; ++round) {
    std::string file(random() % 64, ' ');
    for (char& byte : file) byte = static_cast<char>(random());
    EXPECT_EQ(parse_container(file).format, "whole");
  }
}

}  // namespace
}  // namespace mgit
