#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <random>

#include "format/quote.h"
#include "mgit/format.h"

namespace mgit {
namespace {

using ::testing::HasSubstr;

Manifest example() {
  Manifest manifest;
  manifest.format = "safetensors";
  manifest.size = 5000;
  manifest.layout = sha256(as_bytes("layout"));
  manifest.tensors = {{{"", DType::kBool, {}}, sha256(as_bytes("0"))},
                      {{"a\n\"\\\x01\xc3\xa9 ", DType::kF32, {3, 4}}, sha256(as_bytes("1"))},
                      {{"empty", DType::kF8E4M3Fnuz, {0, 99}}, sha256(as_bytes("2"))},
                      {{"fc1.weight", DType::kBF16, {512}}, sha256(as_bytes("3"))}};
  manifest.chunks = {{1000, sha256(as_bytes("4"))}, {1, sha256(as_bytes("5"))}};
  return manifest;
}

Manifest whole() {
  return {"whole",
          17,
          sha256(as_bytes("l")),
          {},
          {{9, sha256(as_bytes("x"))}, {8, sha256(as_bytes("y"))}}};
}

std::string manifest_refusal(const std::string& text) {
  try {
    parse_manifest(text, "net.safetensors");
  } catch (const CorruptError& error) {
    EXPECT_EQ(error.where(), "net.safetensors");
    return error.what();
  }
  return "accepted";
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const auto at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

TEST(Manifest, TextIsAsDesigned) {
  const Digest digest = sha256(as_bytes(""));
  const std::string hex = digest.hex();
  const Manifest manifest{
      "safetensors", 3730064, digest, {{{"fc1.weight", DType::kF32, {512, 784}}, digest}}, {}};
  EXPECT_EQ(manifest_text(manifest),
            "mgit checkpoint 1\nformat safetensors\nsize 3730064\nlayout " + hex +
                "\ntensor fc1.weight\n  F32 512,784 " + hex + "\n");
  EXPECT_EQ(manifest_text({"whole", 3, digest, {}, {{3, digest}}}),
            "mgit checkpoint 1\nformat whole\nsize 3\nlayout " + hex + "\nbytes 3 " + hex + "\n");
}

TEST(Manifest, RoundTrips) {
  for (const Manifest& manifest : {example(), whole()}) {
    const std::string text = manifest_text(manifest);
    EXPECT_TRUE(looks_like_manifest(text));
    EXPECT_EQ(parse_manifest(text, "x"), manifest);
  }
  EXPECT_NE(example().find("empty"), nullptr);
  EXPECT_EQ(example().find("fc2"), nullptr);
}

TEST(Manifest, QuotesNamesAsGitQuotesPaths) {
  EXPECT_EQ(quote_name("fc1.weight"), "fc1.weight");
  EXPECT_EQ(quote_name("with space"), "with space");
  EXPECT_EQ(quote_name(""), "\"\"");
  EXPECT_EQ(quote_name("a\tb\n\"\\"), "\"a\\tb\\n\\\"\\\\\"");
  EXPECT_EQ(quote_name("\x01\x7f\xc3\xa9"), "\"\\001\\177\\303\\251\"");
  std::mt19937 random(3);
  for (int round = 0; round < 2000; ++round) {
    std::string name(random() % 8, ' ');
    for (char& character : name) character = static_cast<char>(random());
    EXPECT_EQ(unquote_name(quote_name(name)), name);
  }
  for (const char* wrong : {"", "\"", "a\"b", "\"a\"", "\"\\400\"", "\"\\18\"", "\"\\q\"", "\"\\\"",
                            "\"\\141\"", "\"a\"b\""})
    EXPECT_EQ(unquote_name(wrong), std::nullopt) << wrong;
}

/// Two tensors of one storage, one of them transposed; a slice; a scalar.
Manifest placed() {
  const Digest table = sha256(as_bytes("table"));
  Manifest manifest{"pytorch", 1000, sha256(as_bytes("layout")), {}};
  manifest.tensors = {{{"a", DType::kF32, {4, 4}}, table},
                      {{"b", DType::kF32, {4, 4}}, table, Placement{64, 0, {1, 4}}},
                      {{"c", DType::kF16, {2, 3}}, table, Placement{64, 8, {3, 1}}},
                      {{"d", DType::kF64, {}}, table, Placement{64, 7, {}}}};
  return manifest;
}

TEST(Manifest, SaysWhereInItsStorageATensorLies) {
  const std::string table = sha256(as_bytes("table")).hex();
  const std::string text = manifest_text(placed());
  EXPECT_THAT(text, HasSubstr("tensor a\n  F32 4,4 " + table + "\n"));
  EXPECT_THAT(text, HasSubstr("tensor b\n  F32 4,4 " + table + " of 64 at 0 strides 1,4\n"));
  EXPECT_THAT(text, HasSubstr("tensor c\n  F16 2,3 " + table + " of 64 at 8\n"));
  EXPECT_THAT(text, HasSubstr("tensor d\n  F64 scalar " + table + " of 64 at 7\n"));
  EXPECT_EQ(parse_manifest(text, "x"), placed());
  for (const auto& [from, to, reason] : std::vector<std::array<std::string, 3>>{
           {"of 64 at 0", "of 63 at 0", "inside"},
           {"of 64 at 0", "of 64 at 1", "inside"},
           {"of 64 at 7", "of 64 at 8", "inside"},
           {"of 64 at 7", "of 18446744073709551615 at 0", "two sizes"},
           {"of 64 at 0", "of 65 at 0", "two sizes"},
           {"strides 1,4", "strides 1,5", "inside"},
           {"strides 1,4", "strides 1", "inside"},
           {"strides 1,4", "strides 4,1", "as mgit writes"},
           {"strides 1,4", "strides 1,4 5", "after the strides"},
           {"strides 1,4", "Strides 1,4", "strides"},
           {"of 64 at 8", "of 64 at 8 strides 3,1", "as mgit writes"},
           {"of 64 at 7", "of 64 at 07", "as mgit writes"},
           {"of 64 at 7", "of 64", "expected \"at\""},
           {"F16 2,3", "F16 0,3", "inside"},
           {"F16 2,3", "F4 2,3", "inside"},
           {"F16 2,3", "BYTES 2,3", "inside"},
           {"F16 2,3", "Q4_0 2,32", "inside"}})
    EXPECT_THAT(manifest_refusal(replaced(text, from, to)), HasSubstr(reason)) << to;
}

TEST(Manifest, AcceptsOnlyWhatItWrites) {
  const std::string text = manifest_text(example());
  const std::string hex = sha256(as_bytes("3")).hex();
  EXPECT_THAT(manifest_refusal(""), HasSubstr("line 1"));
  EXPECT_THAT(manifest_refusal("#!/bin/sh\n"), HasSubstr("not a manifest"));
  EXPECT_THAT(manifest_refusal(replaced(text, "checkpoint 1", "checkpoint 2")),
              HasSubstr("version"));
  EXPECT_THAT(manifest_refusal(replaced(text, "format safetensors", "format ggml")),
              HasSubstr("line 2: unknown format ggml"));
  EXPECT_THAT(manifest_refusal(replaced(text, "size 5000", "size 05000")), HasSubstr("line 3"));
  EXPECT_THAT(manifest_refusal(replaced(text, "size 5000", "size 2072")), HasSubstr("larger than"));
  EXPECT_THAT(manifest_refusal(replaced(text, "size 5000", "size -1")), HasSubstr("not a number"));
  EXPECT_THAT(manifest_refusal(replaced(text, "size", "Size")), HasSubstr("expected \"size\""));
  EXPECT_THAT(manifest_refusal(replaced(text, "BF16 512", "BF16 0512")), HasSubstr("line 12"));
  EXPECT_THAT(manifest_refusal(replaced(text, "BF16 512", "BF17 512")), HasSubstr("unknown dtype"));
  EXPECT_THAT(manifest_refusal(replaced(text, "512", "512,")), HasSubstr("not a number"));
  EXPECT_THAT(manifest_refusal(replaced(text, "512", "18446744073709551615,2")),
              HasSubstr("impossible"));
  EXPECT_THAT(manifest_refusal(replaced(text, hex, hex.substr(1))), HasSubstr("SHA-256"));
  EXPECT_THAT(manifest_refusal(replaced(text, "fc1.weight", "a")), HasSubstr("order"));
  EXPECT_THAT(manifest_refusal(replaced(text, "fc1.weight", "\"fc1\"")), HasSubstr("name"));
  EXPECT_THAT(manifest_refusal(text + "\n"), HasSubstr("line 15"));
  EXPECT_THAT(manifest_refusal(replaced(text, "bytes 1 ", "bytes 0 ")), HasSubstr("no bytes"));
  EXPECT_THAT(manifest_refusal(replaced(text, "bytes 1 ", "bytes 18446744073709551615 ")),
              HasSubstr("larger than"));
  EXPECT_THAT(manifest_refusal(text + "tensor z\n  U8 1 " + hex + "\n"),
              HasSubstr("expected \"tensor\""));
  EXPECT_THAT(manifest_refusal(replaced(text, "\n", "\r\n")), HasSubstr("line 1"));
  const std::string bytes = manifest_text(whole());
  EXPECT_THAT(manifest_refusal(replaced(bytes, "bytes 9", "bytes 8")), HasSubstr("has bytes only"));
  EXPECT_THAT(manifest_refusal(replaced(bytes, "bytes 9", "bytes 10")), HasSubstr("larger than"));
  EXPECT_THAT(manifest_refusal(replaced(bytes, "format whole", "format safetensors")), "accepted");
  EXPECT_THAT(manifest_refusal(bytes.substr(0, bytes.size() - 2) + "\n"), HasSubstr("SHA-256"));
  for (std::size_t length = 0; length < text.size(); ++length) {
    const bool at_tensor =
        text.compare(length, 7, "tensor ") == 0 || text.compare(length, 6, "bytes ") == 0;
    EXPECT_EQ(manifest_refusal(text.substr(0, length)) == "accepted", at_tensor) << length;
  }
}

TEST(Manifest, SurvivesRandomDamage) {
  const std::array<std::string, 2> texts{manifest_text(example()), manifest_text(placed())};
  std::mt19937 random(11);
  for (int round = 0; round < 40000; ++round) {
    std::string damaged = texts[random() % 2];
    for (auto changes = 1 + random() % 3; changes > 0; --changes)
      damaged[random() % damaged.size()] = static_cast<char>(random());
    try {
      EXPECT_EQ(manifest_text(parse_manifest(damaged, "x")), damaged);
    } catch (const CorruptError&) {
    }
  }
}

}  // namespace
}  // namespace mgit
