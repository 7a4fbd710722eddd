#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "unit/lineage/lineage_sandbox.h"

namespace mgit {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class LineageText : public ::testing::Test {
 protected:
  std::string describe(const std::string& revision, const std::string& path = {}) const {
    const Workspace repository = sandbox_.open();
    Lineage lineage(repository);
    lineage.update();
    return lineage.describe(repository.require(revision), false, path);
  }

  nlohmann::json describe_json(const std::string& revision) const {
    const Workspace repository = sandbox_.open();
    Lineage lineage(repository);
    lineage.update();
    return nlohmann::json::parse(lineage.describe_json(repository.require(revision)));
  }

  testing::LineageSandbox sandbox_;
};

TEST_F(LineageText, FineTuning) {
  const Oid one = sandbox_.commit_model("Train", 1);
  sandbox_.write("readme", "text");
  sandbox_.commit("Explain");
  const Oid two = sandbox_.commit_model("Train on", 1, 2);
  EXPECT_EQ(describe("main"), fmt::format("model.safetensors\n"
                                          "● {}  Train on  Ada Author, 2023-11-14\n"
                                          "│   trained on from {}: 3 of 3 tensors changed\n"
                                          "● {}  Train  Ada Author, 2023-11-14\n"
                                          "    first of its line\n",
                                          two.brief(), one.brief(), one.brief()));
}

TEST_F(LineageText, AnotherTrainingInItsPlace) {
  const Oid one = sandbox_.commit_model("One", 1);
  sandbox_.commit_model("Two", 2);
  const std::string text = describe("main");
  EXPECT_THAT(text, HasSubstr("trained on its own, in place of " + one.brief()));
  EXPECT_THAT(text, Not(HasSubstr("One")));
}

TEST_F(LineageText, WithoutObjectsNothingIsClaimed) {
  const Oid one = sandbox_.commit_model("One", 1);
  sandbox_.commit_model("Two", 2);
  std::filesystem::remove_all(sandbox_.path() / ".git" / "mgit");
  const std::string text = describe("main");
  EXPECT_THAT(text, HasSubstr("changed from " + one.brief() + ": 3 of 3 tensors changed"));
}

/// main and a feature branch, each with a model of its own; the branch rebased, then merged.
class RebasedAndMerged : public LineageText {
 protected:
  void SetUp() override {
    sandbox_.write("readme", "text");
    sandbox_.commit("Begin");
    sandbox_.git({"switch", "-q", "-c", "feature"});
    origin_ = sandbox_.commit_model("Train on my share", 2);
    sandbox_.git({"update-ref", "refs/mgit/origin/" + origin_.hex(), origin_.hex()});
    sandbox_.git({"switch", "-q", "main"});
    onto_ = sandbox_.commit_model("Train on main's share", 1);
    sandbox_.git({"switch", "-q", "feature"});
    sandbox_.model(3);
    sandbox_.git({"add", "-A"});
    sandbox_.git({"commit", "-q", "--amend", "-m",
                  "Train on my share\n\nMgit-Rebase: onto " + onto_.hex() +
                      " method weights seed 0\nMgit-Permutation: " + std::string(64, 'a') +
                      "\nMgit-Spec: " + std::string(64, 'b') +
                      " proof family\nMgit-Origin: " + origin_.hex()});
    rebased_ = *Oid::from_hex(sandbox_.git({"rev-parse", "HEAD"}));
    sandbox_.git({"switch", "-q", "main"});
    sandbox_.git({"merge", "-q", "-s", "ours", "--no-commit", "feature"});
    sandbox_.model(4);
    merged_ = sandbox_.commit(
        "Merge branch 'feature'\n\nMgit-Merge: strategy mean weights 0.5 0.333333333 model "
        "model.safetensors\nMgit-Base: none model model.safetensors");
  }

  Oid origin_;
  Oid onto_;
  Oid rebased_;
  Oid merged_;
};

TEST_F(RebasedAndMerged, Tree) {
  const std::string who = "  Ada Author, 2023-11-14\n";
  EXPECT_EQ(describe("main"),
            "model.safetensors\n● " + merged_.brief() + "  Merge branch 'feature'" + who +
                "│   merged: mean of 2 models, weights 0.5 0.3333, no common base\n├─● " +
                onto_.brief() + "  Train on main's share" + who + "│     first of its line\n╰─● " +
                rebased_.brief() + "  Train on my share" + who + "  │   rebased onto " +
                onto_.brief() + " (weights, seed 0, spec bbbbbbbbbb, proof family) from " +
                origin_.brief() + "\n  ● " + origin_.brief() + "  Train on my share" + who +
                "      first of its line\n");
}

TEST_F(RebasedAndMerged, Json) {
  const auto json = describe_json("main");
  const auto& history = json["models"][0]["history"];
  ASSERT_EQ(history.size(), 4U);
  EXPECT_EQ(json["models"][0]["path"], "model.safetensors");
  EXPECT_EQ(history[0]["kind"], "merge");
  EXPECT_EQ(history[0]["from"], nlohmann::json({onto_.hex(), rebased_.hex()}));
  EXPECT_EQ(history[0]["merge"]["base"], "none");
  EXPECT_EQ(history[1]["kind"], "training");
  EXPECT_EQ(history[2]["kind"], "rebase");
  EXPECT_EQ(history[2]["rebase"]["origin"], origin_.hex());
  EXPECT_EQ(history[2]["rebase"]["specs"][0]["proof"], "family");
  EXPECT_EQ(history[3]["commit"], origin_.hex());
}

TEST_F(RebasedAndMerged, ColourChangesNothingElse) {
  const Workspace repository = sandbox_.open();
  Lineage lineage(repository);
  lineage.update();
  std::string coloured = lineage.describe(merged_, true);
  EXPECT_THAT(coloured, HasSubstr("\033["));
  for (std::size_t at = 0; (at = coloured.find('\033')) != std::string::npos;)
    coloured.erase(at, coloured.find('m', at) + 1 - at);
  EXPECT_EQ(coloured, lineage.describe(merged_, false));
}

TEST_F(RebasedAndMerged, SidesThatMeetAreDrawnOnce) {
  sandbox_.git({"switch", "-q", "-c", "left"});
  const Oid left = sandbox_.commit_model("Left", 4, 1);
  sandbox_.git({"switch", "-q", "-c", "right", "main"});
  const Oid right = sandbox_.commit_model("Right", 4, 2);
  sandbox_.git({"merge", "-q", "-s", "ours", "--no-commit", "left"});
  sandbox_.model(4, 3);
  sandbox_.commit("Both\n\nMgit-Merge: strategy mean weights 1 1\nMgit-Base: " + merged_.hex());
  const std::string text = describe("right");
  EXPECT_THAT(text, HasSubstr("weights 1 1, base " + merged_.brief()));
  EXPECT_THAT(text, HasSubstr(merged_.brief() + "  Merge branch 'feature'  (see above)\n"));
  EXPECT_THAT(text, HasSubstr(left.brief()));
  EXPECT_THAT(text, HasSubstr(right.brief()));
}

TEST_F(LineageText, MergeThatTookOneSide) {
  sandbox_.commit_model("Begin", 1);
  sandbox_.git({"switch", "-q", "-c", "side"});
  const Oid side = sandbox_.commit_model("Side", 1, 2);
  sandbox_.git({"switch", "-q", "main"});
  sandbox_.write("readme", "text");
  sandbox_.commit("Explain");
  sandbox_.git({"merge", "-q", "--no-edit", "side"});
  EXPECT_THAT(describe("main"), HasSubstr("model.safetensors\n● " + side.brief() + "  Side"));
}

TEST_F(LineageText, EvaluationsFollowTheWeights) {
  const Oid trained = sandbox_.commit_model("Train", 1);
  Workspace repository = sandbox_.open();
  EvaluationRecord record;
  record.commit = trained;
  record.path = "model.safetensors";
  record.checkpoint =
      sha256(as_bytes(manifest_text(repository.checkpoint_at(trained, record.path)->manifest)));
  record.data_name = "eval.safetensors";
  record.loss_name = "cross_entropy";
  record.result = {0.5, 0.9, 100};
  record.recorded = 1;
  Lineage lineage(repository);
  lineage.record(repository, record);
  record.result = {0.0712, 0.9784, 100};
  record.recorded = 2;
  lineage.record(repository, record);
  sandbox_.write("readme", "text");
  sandbox_.commit("Explain");
  const std::string text = describe("main");
  EXPECT_THAT(text, HasSubstr("loss 0.0712, accuracy 97.84 % on eval.safetensors"));
  EXPECT_THAT(text, Not(HasSubstr("loss 0.5")));
  EXPECT_EQ(describe_json("main")["models"][0]["history"][0]["evaluations"][0]["loss"], 0.0712);
}

TEST_F(LineageText, SeveralModelsAndNone) {
  sandbox_.write("readme", "text");
  sandbox_.commit("No model");
  EXPECT_THAT(testing::error_of([&] { describe("main"); }),
              HasSubstr("there is no checkpoint in this commit"));
  sandbox_.model(1, 0, "a.safetensors");
  sandbox_.model(2, 0, "b.safetensors");
  sandbox_.commit("Two models");
  EXPECT_THAT(describe("main"), HasSubstr("first of its line\n\nb.safetensors\n"));
  EXPECT_THAT(describe("main", "b.safetensors"), Not(HasSubstr("a.safetensors")));
  EXPECT_THAT(testing::error_of([&] { describe("main", "c.safetensors"); }),
              HasSubstr("c.safetensors|there is no such checkpoint"));
}

TEST_F(LineageText, DataIsNoModel) {
  sandbox_.write(".mgitconfig",
                 "[model \"net\"]\n\tpath = model.safetensors\n\tdata = eval.safetensors\n");
  sandbox_.model(2, 0, "eval.safetensors");
  sandbox_.commit_model("Train", 1);
  EXPECT_THAT(describe("main"), Not(HasSubstr("eval.safetensors")));
  EXPECT_THAT(describe("main", "eval.safetensors"), HasSubstr("eval.safetensors"));
}

}  // namespace
}  // namespace mgit
