#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <random>

#include "mgit/format.h"
#include "safetensors_file.h"
#include "support/support.h"

namespace mgit {
namespace {

using testing::entry;
using ::testing::HasSubstr;
using testing::raw_file;

ParsedCheckpoint checkpoint_of(const std::string& file) {
  return parse_checkpoint(as_bytes(file), "model.safetensors");
}

/// The reason why a file is refused.
std::string safetensors_refusal(const std::string& file) {
  try {
    checkpoint_of(file);
  } catch (const CorruptError& error) {
    EXPECT_EQ(error.where(), "model.safetensors");
    EXPECT_FALSE(error.hint().empty());
    return error.what();
  }
  return "accepted";
}

TEST(Safetensors, FindsTensorsSortedByName) {
  const auto parsed = checkpoint_of(
      raw_file("{" + entry("b", "F32", "2", 0, 8) + "," + entry("a", "U8", "3", 8, 11) + "}",
               "12345678abc"));
  EXPECT_EQ(parsed.format, "safetensors");
  ASSERT_EQ(parsed.tensors.size(), 2U);
  EXPECT_EQ(parsed.tensors[0].info.name, "a");
  EXPECT_EQ(parsed.tensors[0].length, 3U);
  EXPECT_EQ(parsed.tensors[1].info.dtype, DType::kF32);
  EXPECT_EQ(parsed.tensors[0].offset, parsed.tensors[1].offset + 8);
}

TEST(Safetensors, AcceptsWhatTheFormatAllows) {
  for (const std::string& file : {
           raw_file("{}"),
           raw_file("{}   "),
           raw_file("{\"__metadata__\":{\"format\":\"pt\",\"\":\"\"}}"),
           raw_file("{\"__metadata__\":null}"),
           raw_file("{" + entry("", "F32", "", 0, 4) + "}", "1234"),
           raw_file("{" + entry("a\\n\\\"\\u0000\\u00e9", "F32", "0,7", 0, 0) + "}"),
           raw_file("{" + entry("a", "F32", "0", 2, 2) + "," + entry("b", "U8", "4", 0, 4) + "}",
                    "1234"),
           raw_file("{" + entry("a", "U8", "1", 2, 3) + "}", "gaps and a tail"),
           raw_file("{\"a\":{\"new\":[{\"x\":[1.5,null]}],\"dtype\":\"U8\",\"shape\":[1],"
                    "\"data_offsets\":[0,1]}}",
                    "x"),
       })
    EXPECT_EQ(safetensors_refusal(file), "accepted") << file;
}

TEST(Safetensors, AcceptsEveryDType) {
  for (int i = 0; i <= static_cast<int>(DType::kU64); ++i) {
    const auto dtype = static_cast<DType>(i);
    const std::uint64_t bytes = *byte_size(dtype, {4, 2});
    const auto parsed = checkpoint_of(
        raw_file("{" + entry("x", std::string(dtype_name(dtype)), "4,2", 0, bytes) + "}",
                 std::string(bytes, 'x')));
    EXPECT_EQ(parsed.tensors.at(0).info.dtype, dtype);
  }
}

struct Hostile {
  const char* reason;
  std::string file;
};

std::string deep(std::size_t levels) {
  return "{\"a\":{\"x\":" + std::string(levels, '[') + std::string(levels, ']') + "}}";
}

std::vector<Hostile> hostile_files() {
  const std::string good = "\"dtype\":\"U8\",\"shape\":[1]";
  const auto with = [&good](const std::string& more) {
    return raw_file("{\"a\":{" + good + more + "}}", "12345678");
  };
  return {
      {"shorter than", ""},
      {"shorter than", "1234567"},
      {"too long", std::string(8, '\xff')},
      {"too long", std::string("\x01\xe1\xf5\x05\0\0\0\0", 8) + "{}"},
      {"only 2 follow", std::string("\x03\0\0\0\0\0\0\0{}", 10)},
      {"does not begin", raw_file("")},
      {"does not begin", raw_file(" {}")},
      {"does not begin", raw_file("\xef\xbb\xbf{}")},
      {"does not begin", raw_file("[]")},
      {"bad JSON", raw_file("{")},
      {"bad JSON", raw_file("{}x")},
      {"bad JSON", raw_file("{\"a\":}")},
      {"bad JSON", raw_file("{\"\xff\":{}}")},
      {"bad JSON", raw_file(std::string("{}\0", 3))},
      {"nested too deeply", raw_file(deep(1000))},
      {"nested too deeply", raw_file("{\"a\":{\"x\":" + std::string(1000000, '['))},
      {"instead of an object", raw_file("{\"a\":1}")},
      {"instead of an object", raw_file("{\"a\":[]}")},
      {"instead of an object", raw_file("{\"a\":null}")},
      {"instead of an object", raw_file("{\"__metadata__\":\"x\"}")},
      {"instead of a string", raw_file("{\"__metadata__\":{\"x\":1}}")},
      {"instead of a string", raw_file("{\"__metadata__\":{\"x\":{}}}")},
      {"duplicate key", raw_file("{\"__metadata__\":{\"x\":\"1\",\"x\":\"2\"}}")},
      {"duplicate key a",
       raw_file("{" + entry("a", "U8", "1", 0, 1) + "," + entry("\\u0061", "U8", "1", 1, 2) + "}",
                "12")},
      {"duplicate key dtype", with(",\"dtype\":\"U8\",\"data_offsets\":[0,1]")},
      {"duplicate key data_offsets", with(",\"data_offsets\":[0,1],\"data_offsets\":[1,2]")},
      {"no data_offsets", with("")},
      {"no dtype", raw_file("{\"a\":{\"shape\":[],\"data_offsets\":[0,1]}}", "1")},
      {"no shape", raw_file("{\"a\":{\"dtype\":\"U8\",\"data_offsets\":[0,1]}}", "1")},
      {"has 1 numbers", with(",\"data_offsets\":[0]")},
      {"has 3 numbers", with(",\"data_offsets\":[0,1,2]")},
      {"negative", with(",\"data_offsets\":[-1,0]")},
      {"not a 64-bit integer", with(",\"data_offsets\":[0,1.5]")},
      {"not a 64-bit integer", with(",\"data_offsets\":[0,1e0]")},
      {"not a 64-bit integer", with(",\"data_offsets\":[0,18446744073709551616]")},
      {"data_offsets has a string", with(",\"data_offsets\":[0,\"1\"]")},
      {"data_offsets has an array", with(",\"data_offsets\":[[0,1]]")},
      {"data_offsets has an object", with(",\"data_offsets\":{}")},
      {"data_offsets has a number", with(",\"data_offsets\":1")},
      {"run backwards", with(",\"data_offsets\":[2,1]")},
      {"do not hold", with(",\"data_offsets\":[0,2]")},
      {"of 8 (truncated file?)", with(",\"data_offsets\":[8,9]")},
      {"of 8 (truncated", with(",\"data_offsets\":[18446744073709551614,18446744073709551615]")},
      {"unknown dtype", raw_file("{" + entry("a", "F31", "1", 0, 1) + "}", "1")},
      {"dtype has a number",
       raw_file("{\"a\":{\"dtype\":1,\"shape\":[],\"data_offsets\":[0,1]}}", "1")},
      {"do not hold", raw_file("{" + entry("a", "F4", "1", 0, 1) + "}", "1")},
      {"do not hold", raw_file("{" + entry("a", "F64", "4294967296,4294967296", 0, 0) + "}")},
      {"do not hold",
       raw_file("{" + entry("a", "U8", "18446744073709551615,2", 0, 8) + "}", "12345678")},
      {"overlap",
       raw_file("{" + entry("a", "U8", "2", 0, 2) + "," + entry("b", "U8", "2", 1, 3) + "}",
                "123")},
      {"overlap",
       raw_file("{" + entry("a", "U8", "2", 0, 2) + "," + entry("b", "U8", "2", 0, 2) + "}", "12")},
  };
}

TEST(Safetensors, RefusesBrokenFilesAndSaysWhy) {
  for (const Hostile& hostile : hostile_files())
    EXPECT_THAT(safetensors_refusal(hostile.file), HasSubstr(hostile.reason))
        << hostile.file.substr(0, 200);
}

TEST(Safetensors, KeepsBrokenFilesOfAnotherNameWhole) {
  for (const Hostile& hostile : hostile_files()) {
    const auto parsed = parse_checkpoint(as_bytes(hostile.file), "model.bin");
    EXPECT_EQ(parsed.format, "whole");
    EXPECT_TRUE(parsed.tensors.empty());
    std::uint64_t total = 0;
    for (const StoredChunk& chunk : parsed.chunks) total += chunk.length;
    EXPECT_EQ(total, hostile.file.size());
  }
}

TEST(Safetensors, RefusesEveryTruncation) {
  const std::string file =
      raw_file("{" + entry("a", "F16", "3", 0, 6) + "," + entry("b", "F32", "2", 6, 14) + "}",
               "123456abcdefgh");
  EXPECT_EQ(safetensors_refusal(file), "accepted");
  for (std::size_t length = 0; length < file.size(); ++length)
    EXPECT_NE(safetensors_refusal(file.substr(0, length)), "accepted") << length;
}

/// Whatever a parser accepts must lie inside the file, without overlaps, at the right sizes.
void check_accepted(const std::string& file) {
  const auto parsed = parse_checkpoint(as_bytes(file), "x.safetensors");
  std::vector<bool> used(file.size());
  for (const StoredTensor& tensor : parsed.tensors) {
    ASSERT_EQ(byte_size(tensor.info.dtype, tensor.info.shape), tensor.length);
    for (std::uint64_t i = 0; i < tensor.length; ++i) {
      ASSERT_FALSE(used.at(tensor.offset + i));
      used[tensor.offset + i] = true;
    }
  }
}

TEST(Safetensors, SurvivesRandomDamage) {
  const std::string file =
      raw_file("{\"__metadata__\":{\"format\":\"pt\"}," + entry("a", "F16", "3", 0, 6) + "," +
                   entry("b\\n", "F32", "1,2", 6, 14) + "}",
               "123456abcdefgh");
  std::mt19937 random(7);
  int accepted = 0;
  for (int round = 0; round < 50000; ++round) {
    std::string damaged = file;
    for (auto changes = 1 + random() % 3; changes > 0; --changes)
      damaged[random() % damaged.size()] = static_cast<char>(random());
    try {
      check_accepted(damaged);
      ++accepted;
    } catch (const CorruptError&) {
    }
  }
  EXPECT_GT(accepted, 0);
  EXPECT_LT(accepted, 50000);
}

TEST(Safetensors, RealModels) {
  const auto data = testing::shared_data();
  if (!data) GTEST_SKIP() << "no shared models";
  const std::string file = [&] {
    std::ifstream stream(*data / "models/mlp-s1.safetensors", std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(stream), {});
  }();
  EXPECT_EQ(checkpoint_of(file).tensors.size(), 8U);
}

}  // namespace
}  // namespace mgit
