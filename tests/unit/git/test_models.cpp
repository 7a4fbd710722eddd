// Models in commits: what is one, what is refused, what is left alone.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/git/sandbox.h"

namespace mgit::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr const char* kIndex = "model.safetensors.index.json";

std::string names(const std::vector<CommittedModel>& models) {
  std::string text;
  for (const CommittedModel& model : models) {
    text += model.path + "(";
    for (const ManifestTensor& tensor : model.manifest.tensors) text += tensor.info.name + " ";
    text += ")";
  }
  return text;
}

class CommittedModels : public ::testing::Test {
 protected:
  /// The manifest of a checkpoint with these tensors; the same names have the same content.
  static std::string shard(const std::vector<std::string>& tensors,
                           const std::string& format = "safetensors") {
    Manifest manifest;
    manifest.format = format;
    manifest.size = 100;
    manifest.layout = sha256(as_bytes("layout"));
    for (const std::string& name : tensors)
      manifest.tensors.push_back({{name, DType::kF32, {2}}, sha256(as_bytes(name))});
    return manifest_text(manifest);
  }

  static std::string index(const std::vector<std::pair<std::string, std::string>>& map) {
    std::string entries;
    for (const auto& [tensor, file] : map)
      entries += (entries.empty() ? "" : ",") + ("\"" + tensor + "\":\"" + file + "\"");
    return R"({"metadata":{"total_size":16},"weight_map":{)" + entries + "}}";
  }

  void write_pair(const std::string& folder = "") {
    git_.write(folder + "1.safetensors", shard({"b", "c"}));
    git_.write(folder + "2.safetensors", shard({"a"}));
    git_.write(folder + kIndex,
               index({{"a", "2.safetensors"}, {"b", "1.safetensors"}, {"c", "1.safetensors"}}));
  }

  std::string problem_of(const Oid& commit) {
    const Repository repository = git_.open();
    return error_of([&] { repository.models_at(commit); });
  }

  GitSandbox git_;
};

TEST_F(CommittedModels, AnIndexAndItsShardsAreOne) {
  write_pair();
  write_pair("deep/er/");
  git_.write("alone.safetensors", shard({"x"}));
  const Oid commit = git_.commit();
  const Repository repository = git_.open();
  const auto models = repository.models_at(commit);
  EXPECT_EQ(names(models), "alone.safetensors(x )deep/er/" + std::string(kIndex) + "(a b c )" +
                               kIndex + "(a b c )");
  const CommittedModel& model = models[2];
  ASSERT_EQ(model.parts.size(), 2U);
  EXPECT_EQ(model.parts[0].path, "1.safetensors");
  EXPECT_TRUE(model.index);
  EXPECT_EQ(model.manifest.size, 24U);
  EXPECT_FALSE(models[0].index);
  EXPECT_EQ(model_digest(models[0]), sha256(as_bytes(shard({"x"}))));
}

TEST_F(CommittedModels, OtherShardsAreTheSameModel) {
  write_pair();
  const Oid before = git_.commit();
  git_.git({"rm", "-q", "2.safetensors"});
  git_.write("1.safetensors", shard({"a", "b"}));
  git_.write("3.safetensors", shard({"c"}));
  git_.write(kIndex,
             index({{"a", "1.safetensors"}, {"b", "1.safetensors"}, {"c", "3.safetensors"}}));
  const Oid after = git_.commit();
  const Repository repository = git_.open();
  const auto old_model = repository.model_at(before, kIndex);
  const auto new_model = repository.model_at(after, kIndex);
  EXPECT_TRUE(same_weights(*old_model, *new_model));
  EXPECT_EQ(model_digest(*old_model), model_digest(*new_model));
}

TEST_F(CommittedModels, AModelIsFoundInItsOtherForm) {
  git_.write("model.safetensors", shard({"a", "b", "c"}));
  const Oid single = git_.commit();
  git_.git({"rm", "-q", "model.safetensors"});
  write_pair();
  const Oid sharded = git_.commit();
  const Repository repository = git_.open();
  EXPECT_EQ(repository.model_at(single, kIndex)->path, "model.safetensors");
  EXPECT_EQ(repository.model_at(sharded, "model.safetensors")->path, kIndex);
  EXPECT_FALSE(repository.model_at(sharded, "other.safetensors").has_value());
  EXPECT_TRUE(
      same_weights(*repository.model_at(single, kIndex), *repository.model_at(sharded, kIndex)));
}

TEST_F(CommittedModels, ABrokenSetIsNamedInOneLine) {
  write_pair();
  std::filesystem::remove(git_.path() / "2.safetensors");
  EXPECT_THAT(problem_of(git_.commit()),
              HasSubstr(std::string(kIndex) + "|its shard 2.safetensors is not there|"));

  std::filesystem::create_symlink("1.safetensors", git_.path() / "2.safetensors");
  EXPECT_THAT(problem_of(git_.commit()), HasSubstr("2.safetensors is a symbolic link"));

  std::filesystem::remove(git_.path() / "2.safetensors");
  git_.write("2.safetensors", "no manifest");
  EXPECT_THAT(problem_of(git_.commit()), HasSubstr("2.safetensors is not stored as a checkpoint"));

  git_.write("2.safetensors", "mgit checkpoint 1\nformat whole\nsize 1\nlayout " +
                                  std::string(64, '0') + "\nbytes 1 " + std::string(64, '0') +
                                  "\n");
  EXPECT_THAT(problem_of(git_.commit()), HasSubstr("2.safetensors is stored whole"));

  git_.write("2.safetensors", shard({"b"}));
  EXPECT_THAT(problem_of(git_.commit()), HasSubstr("tensor b is in two shards"));

  git_.write("2.safetensors", shard({"d"}));
  EXPECT_THAT(problem_of(git_.commit()), HasSubstr("which the index does not name"));

  write_pair();
  git_.write(kIndex, "{");
  EXPECT_THAT(problem_of(git_.commit()), HasSubstr(std::string(kIndex) + "|broken shard index"));

  write_pair();
  git_.write(kIndex, index({{"a", "../2.safetensors"}}));
  EXPECT_THAT(problem_of(git_.commit()), HasSubstr("../2.safetensors of tensor a is not a plain"));
}

TEST_F(CommittedModels, OneBrokenSetLeavesOthersAlone) {
  write_pair("good/");
  write_pair("bad/");
  std::filesystem::remove(git_.path() / "bad" / "2.safetensors");
  const Oid commit = git_.commit();
  const ModelListing listing = git_.open().list_models(commit);
  EXPECT_EQ(names(listing.models), "good/" + std::string(kIndex) + "(a b c )");
  ASSERT_EQ(listing.problems.size(), 1U);
  EXPECT_EQ(listing.problems[0].where(), "bad/" + std::string(kIndex));
  EXPECT_EQ(git_.open().model_at(commit, "good/" + std::string(kIndex))->parts.size(), 2U);
}

TEST_F(CommittedModels, AnIndexOfFilesThatAreNoCheckpointsIsNoModel) {
  git_.write("pytorch_model.bin.index.json", index({{"a", "1.bin"}}));
  git_.write("1.bin", "bytes");
  git_.write("model.safetensors", shard({"a"}));
  const Oid commit = git_.commit();
  EXPECT_EQ(names(git_.open().models_at(commit)), "model.safetensors(a )");
  EXPECT_THAT(error_of([&] { git_.open().model_at(commit, "pytorch_model.bin.index.json"); }),
              HasSubstr("its shard 1.bin is not stored as a checkpoint|mgit track '1.bin'"));
}

}  // namespace
}  // namespace mgit::testing
