// Sharded sets on disk.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "store/model_file.h"
#include "unit/store/store_support.h"

namespace mgit::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class ModelFile : public ::testing::Test {
 protected:
  void SetUp() override {
    fs::create_directory(folder_.path() / "sub");
    write("1.safetensors", FileBuilder().add("b", DType::kU8, {2}, "bb").text());
    write("sub/2.safetensors", FileBuilder().add("a", DType::kU8, {3}, "aaa").text());
    index(R"("a":"sub/2.safetensors","b":"1.safetensors")");
  }
  void write(const std::string& name, const std::string& content) const {
    write_whole(folder_.path() / name, content);
  }
  void index(const std::string& map) const {
    write("m.safetensors.index.json", R"({"weight_map":{)" + map + "}}");
  }
  std::unique_ptr<TensorSource> open() const {
    return open_model_file(folder_.path() / "m.safetensors.index.json");
  }
  std::string refusal() const {
    try {
      open();
    } catch (const Error& error) {
      return error.what();
    }
    return "opened";
  }

  TemporaryDirectory folder_;
};

TEST_F(ModelFile, AnIndexOpensItsShards) {
  const auto model = open();
  ASSERT_EQ(model->tensors().size(), 2U);
  EXPECT_EQ(to_string(model->read("a").view.data), "aaa");
  EXPECT_EQ(to_string(model->read("b").view.data), "bb");
  EXPECT_EQ(open_model_file(folder_.path() / "1.safetensors")->tensors().size(), 1U);
}

TEST_F(ModelFile, WhatIsWrongIsSaid) {
  fs::rename(folder_.path() / "sub", folder_.path() / "real");
  EXPECT_EQ(refusal(), "its shard sub/2.safetensors is not there");
  fs::create_directory_symlink("real", folder_.path() / "sub");
  EXPECT_EQ(refusal(), "its shard sub/2.safetensors is a symbolic link");
  fs::remove(folder_.path() / "sub");
  fs::rename(folder_.path() / "real", folder_.path() / "sub");
  index(R"("a":"sub","b":"1.safetensors")");
  EXPECT_EQ(refusal(), "its shard sub is not a file");
  index(R"("a":"sub/2.safetensors","c":"1.safetensors")");
  EXPECT_THAT(refusal(), HasSubstr("shard 1.safetensors holds tensor b"));
  index(R"("a":"sub/2.safetensors","b":"/1.safetensors")");
  EXPECT_THAT(refusal(), HasSubstr("is not a plain one"));
}

}  // namespace
}  // namespace mgit::testing
