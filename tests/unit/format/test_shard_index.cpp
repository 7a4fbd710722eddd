#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "format/shard_index.h"
#include "mgit/base.h"

namespace mgit {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

ShardIndex parse(std::string_view json) { return parse_shard_index(json, "index"); }

std::string refusal(std::string_view json) {
  try {
    parse(json);
  } catch (const CorruptError& error) {
    EXPECT_EQ(error.where(), "index");
    return error.what();
  }
  return "accepted";
}

TEST(ShardIndex, AsTransformersWritesIt) {
  const ShardIndex index = parse(R"({
  "metadata": {"total_parameters": 12, "total_size": 48, "nested": [{"a": null}, 1.5, true, -1]},
  "weight_map": {"b": "m-2.safetensors", "a": "m-1.safetensors", "c": "m-2.safetensors"}
})");
  EXPECT_THAT(index.weight_map,
              ElementsAre(Pair("a", "m-1.safetensors"), Pair("b", "m-2.safetensors"),
                          Pair("c", "m-2.safetensors")));
  EXPECT_THAT(index.shards(), ElementsAre("m-1.safetensors", "m-2.safetensors"));
  EXPECT_EQ(*index.find("c"), "m-2.safetensors");
  EXPECT_EQ(index.find("d"), nullptr);
}

TEST(ShardIndex, RefusesWhatIsNoIndex) {
  EXPECT_THAT(refusal(""), HasSubstr("bad JSON"));
  EXPECT_THAT(refusal("[]"), HasSubstr("not a JSON object"));
  EXPECT_THAT(refusal("7"), HasSubstr("not a JSON object"));
  EXPECT_THAT(refusal("{}"), HasSubstr("no weight_map"));
  EXPECT_THAT(refusal(R"({"metadata": {"weight_map": {"a": "b"}}})"), HasSubstr("no weight_map"));
  EXPECT_THAT(refusal(R"({"weight_map": []})"), HasSubstr("not an object"));
  EXPECT_THAT(refusal(R"({"weight_map": "x"})"), HasSubstr("not an object"));
  EXPECT_THAT(refusal(R"({"weight_map": {}})"), HasSubstr("empty"));
  EXPECT_THAT(refusal(R"({"weight_map": {"a": 1}})"), HasSubstr("tensor a has no file name"));
  EXPECT_THAT(refusal(R"({"weight_map": {"a": ["b"]}})"), HasSubstr("tensor a has no file name"));
  EXPECT_THAT(refusal(R"({"weight_map": {"a": {"b": "c"}}})"), HasSubstr("no file name"));
  EXPECT_THAT(refusal(R"({"weight_map": {"a": "b"})"), HasSubstr("bad JSON"));
  EXPECT_THAT(refusal(R"({"weight_map": {"a": "b"}} x)"), HasSubstr("bad JSON"));
  EXPECT_THAT(refusal(std::string(R"({"weight_map": {"a": "b"}})") + '\0' + "x"),
              HasSubstr("bad JSON"));
  EXPECT_THAT(refusal(R"({"x": )" + std::string(100'000, '[')), HasSubstr("nested too deeply"));
}

TEST(ShardIndex, RefusesATensorNamedTwice) {
  EXPECT_THAT(refusal(R"({"weight_map": {"a": "1", "b": "1", "a": "2"}})"),
              HasSubstr("tensor a is in its weight_map twice"));
  EXPECT_THAT(refusal(R"({"weight_map": {"a": "1"}, "weight_map": {"b": "1"}})"),
              HasSubstr("two weight_maps"));
}

TEST(ShardIndex, RefusesPathsThatLeadOut) {
  for (const char* path : {"../x", "/etc/x", "a/../../x", "a//b", "./x", "", ".", "..", "a/",
                           "a/..", "a\\\\b", "a\\u0000b"})
    EXPECT_THAT(refusal(R"({"weight_map": {"t": ")" + std::string(path) + R"("}})"),
                HasSubstr("is not a plain one"))
        << path;
  EXPECT_EQ(parse(R"({"weight_map": {"t": "a/b..c"}})").weight_map[0].second, "a/b..c");
}

TEST(ShardIndex, TheFileItStandsFor) {
  EXPECT_EQ(checkpoint_of_index("model.safetensors.index.json"), "model.safetensors");
  EXPECT_EQ(checkpoint_of_index("a.b/pytorch_model.bin.index.json"), "a.b/pytorch_model.bin");
  EXPECT_EQ(checkpoint_of_index("x/model.safetensors.index.fp16.json"), "x/model.fp16.safetensors");
  for (const char* path :
       {"config.json", "model.safetensors", "index.json", ".bin.index.json", "model.bin.indexjson",
        "model.bin.index.a.b.json", "model.bin.indexes.json", "model.bin.index.json/x",
        "tf_model.h5.index.json", ""})
    EXPECT_EQ(checkpoint_of_index(path), std::nullopt) << path;
  EXPECT_TRUE(same_model_path("model.safetensors", "model.safetensors.index.json"));
  EXPECT_TRUE(same_model_path("model.safetensors.index.json", "model.safetensors"));
  EXPECT_TRUE(same_model_path("a", "a"));
  EXPECT_FALSE(same_model_path("x/model.safetensors", "model.safetensors.index.json"));
}

TEST(ShardIndex, IndexAndShardsMustAgree) {
  const ShardIndex index = parse(R"({"weight_map": {"a": "1", "b": "1", "c": "2"}})");
  const std::vector<TensorInfo> ab{{"a", DType::kF32, {1}}, {"b", DType::kF32, {1}}};
  const std::vector<TensorInfo> abc{ab[0], ab[1], {"c", DType::kF32, {1}}};
  const std::vector<TensorInfo> a{ab[0]};
  const std::vector<TensorInfo> c{abc[2]};
  const std::vector<TensorInfo> bc{ab[1], abc[2]};
  const std::vector<TensorInfo> cd{abc[2], {"d", DType::kF32, {1}}};
  const auto problem = [&](const std::vector<TensorInfo>& one, const std::vector<TensorInfo>& two) {
    try {
      check_shards(index, {{"1", &one}, {"2", &two}}, "index");
    } catch (const CorruptError& error) {
      return std::string(error.what());
    }
    return std::string("fine");
  };
  EXPECT_EQ(problem(ab, c), "fine");
  EXPECT_EQ(problem(a, c), "shard 1 lacks tensor b, which the index places there");
  EXPECT_EQ(problem(ab, cd), "shard 2 holds tensor d, which the index does not name");
  EXPECT_EQ(problem(ab, bc), "tensor b is in two shards, 1 and 2");
  EXPECT_EQ(problem(a, bc), "tensor b is in shard 2, the index places it in 1");
  EXPECT_EQ(problem(abc, {}), "tensor c is in shard 1, the index places it in 2");
}

}  // namespace
}  // namespace mgit
