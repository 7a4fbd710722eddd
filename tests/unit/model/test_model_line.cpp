#include "model/model_line.h"

#include <gmock/gmock.h>

#include <chrono>

#include "model/model_spec.h"
#include "model/operation_record.h"
#include "unit/lineage/lineage_sandbox.h"

namespace mgit::testing {
namespace {

using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

constexpr const char* kPath = "model.safetensors";

class ModelLine : public ::testing::Test {
 protected:
  Oid branch_at(const std::string& name, const Oid& commit) const {
    sandbox_.git({"update-ref", "refs/heads/" + name, commit.hex()});
    return commit;
  }
  std::set<Oid> trainings_of(const Oid& commit) const {
    Workspace repository = sandbox_.open();
    return trainings(repository, commit, kPath);
  }
  /// Parent's tree with the model as it is in the working tree.
  Oid commit_on(const std::vector<Oid>& parents, const std::string& message, std::uint64_t seed,
                std::uint64_t drift = 0) const {
    sandbox_.model(seed, drift);
    sandbox_.git({"add", "-A"});
    const std::string tree = sandbox_.git({"write-tree"});
    std::vector<std::string> command{"commit-tree", tree, "-m", message};
    for (const Oid& parent : parents) command.insert(command.end(), {"-p", parent.hex()});
    return *Oid::from_hex(sandbox_.git(command));
  }
  void note(const Oid& commit, const std::string& text) const {
    Workspace repository = sandbox_.open();
    repository.set_note(kOperationNotes, commit, text);
  }

  LineageSandbox sandbox_;
};

const std::string kMerge = "Merge\n\nMgit-Merge: strategy mean weights 1 1 model model.safetensors";

TEST_F(ModelLine, TrainingOnAddsNoneAndAMergeHoldsThoseOfItsParents) {
  const Oid one = commit_on({}, "one", 1);
  const Oid on = commit_on({one}, "on", 1, 2);
  EXPECT_THAT(trainings_of(on), UnorderedElementsAre(one));
  const Oid other = commit_on({one}, "other", 2);
  EXPECT_THAT(trainings_of(other), UnorderedElementsAre(other));
  const Oid merged = commit_on({on, other}, kMerge, 3);
  EXPECT_THAT(trainings_of(merged), UnorderedElementsAre(one, other));
}

/// The record that an amended message lost.
TEST_F(ModelLine, ANoteCountsWhereTheMessageHasNoRecord) {
  const Oid one = commit_on({}, "one", 1);
  const Oid other = commit_on({one}, "other", 2);
  const Oid merged = commit_on({one, other}, "Edited away", 3);
  EXPECT_THAT(trainings_of(merged), UnorderedElementsAre(merged));
  note(merged, "Mgit-Merge: strategy mean weights 1 1 model model.safetensors\n");
  EXPECT_THAT(trainings_of(merged), UnorderedElementsAre(one, other));
}

/// Two people who merge each other's work, over and over: paths double with each round.
TEST_F(ModelLine, CrissCrossMergesAreWalkedOnce) {
  Oid a = commit_on({}, "a", 1);
  Oid b = commit_on({a}, "b", 2);
  const Oid first = a;
  const Oid second = b;
  for (int round = 0; round < 30; ++round) {
    const Oid next = commit_on({a, b}, kMerge + "\nRound: " + std::to_string(round), 3, 1);
    b = commit_on({b, a}, kMerge + "\nRound: b" + std::to_string(round), 3, 2);
    a = next;
  }
  const auto start = std::chrono::steady_clock::now();
  EXPECT_THAT(trainings_of(a), UnorderedElementsAre(first, second));
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
}

TEST_F(ModelLine, ARenameEndsNoLine) {
  const Oid one = commit_on({}, "one", 1);
  std::filesystem::remove(sandbox_.path() / kPath);
  sandbox_.model(1, 0, "renamed.safetensors");
  sandbox_.git({"add", "-A"});
  const std::string tree = sandbox_.git({"write-tree"});
  const Oid renamed =
      *Oid::from_hex(sandbox_.git({"commit-tree", tree, "-m", "move", "-p", one.hex()}));
  Workspace repository = sandbox_.open();
  EXPECT_EQ(path_before(repository, renamed, one, "renamed.safetensors"), kPath);
  EXPECT_THAT(trainings(repository, renamed, "renamed.safetensors"), UnorderedElementsAre(one));
}

TEST_F(ModelLine, OriginsAreBelievedOnlyIfTheyAreCommitsWithTheModel) {
  const Oid one = commit_on({}, "one", 1);
  const Oid rebased = commit_on(
      {}, "two\n\nMgit-Rebase: onto x method weights seed 0\nMgit-Origin: " + one.hex(), 2);
  EXPECT_THAT(trainings_of(rebased), UnorderedElementsAre(one));
  for (const std::string& origin : {std::string("HEAD"), std::string("main"), std::string(40, 'a'),
                                    sandbox_.git({"rev-parse", one.hex() + "^{tree}"})}) {
    const Oid odd = commit_on({}, "Mgit-Origin\n\nMgit-Rebase: onto x\nMgit-Origin: " + origin, 2);
    branch_at("main", odd);
    EXPECT_THAT(trainings_of(odd), UnorderedElementsAre(odd)) << origin;
    Workspace repository = sandbox_.open();
    EXPECT_THAT(recorded_since(repository, std::nullopt, odd, kPath), IsEmpty());
  }
}

TEST_F(ModelLine, CirclesOfOriginsEnd) {
  const Oid one = commit_on({}, "one", 1);
  const Oid two = commit_on({}, "two", 2);
  const std::string rebase = "Mgit-Rebase: onto x method weights seed 0\nMgit-Origin: ";
  note(one, rebase + two.hex() + "\n");
  note(two, rebase + one.hex() + "\n");
  EXPECT_THAT(trainings_of(one), UnorderedElementsAre(one));
  EXPECT_THAT(trainings_of(two), UnorderedElementsAre(two));
  note(one, rebase + one.hex() + "\n");
  EXPECT_THAT(trainings_of(one), UnorderedElementsAre(one));
}

/// A commit with a true record of a rebase, by a spec of its own.
class RecordedRebase : public ModelLine {
 protected:
  static constexpr const char* kSpec =
      "mgit-perm 1\nperm H:40\nfc1.weight: H, _\nfc1.bias: H\nfc2.weight: _, H\n";

  std::string record(const std::string& permutation, const Oid& origin) const {
    return "Mgit-Rebase: onto x method weights seed 0\nMgit-Permutation: " + permutation +
           "\nMgit-Origin: " + origin.hex();
  }
  Digest put(std::string_view text) const {
    const Workspace repository = sandbox_.open();
    const auto batch = repository.store().begin();
    const Digest name = batch->put(as_bytes(text), 1);
    batch->commit();
    return name;
  }
  std::string permutation_of(const Oid& commit, std::string_view spec_source) const {
    const Workspace repository = sandbox_.open();
    const Spec spec =
        bind_spec(spec_source, "test", infos_of(repository.model_at(commit, kPath)->manifest));
    Permutation permutation = identity_permutation(spec);
    return put(permutation_text({{kPath, put(spec_text(spec)), spec.groups, permutation}})).hex();
  }
  std::size_t found(const std::string& permutation, const Oid& origin) const {
    const Oid commit = commit_on({}, "rebased\n\n" + record(permutation, origin), 1);
    Workspace repository = sandbox_.open();
    return recorded_since(repository, std::nullopt, commit, kPath).size();
  }
};

TEST_F(RecordedRebase, IsFoundAndItsOriginFollowed) {
  const Oid base = commit_on({}, "base", 1);
  const Oid origin = commit_on({base}, "origin", 1, 1);
  const std::string permutation = permutation_of(origin, kSpec);
  const Oid again = commit_on({base}, "once\n\n" + record(permutation, origin), 1, 1);
  const Oid tip = commit_on({base}, "twice\n\n" + record(permutation, again), 1, 1);
  Workspace repository = sandbox_.open();
  EXPECT_EQ(recorded_since(repository, base, tip, kPath).size(), 2U);
  EXPECT_EQ(recorded_since(repository, std::nullopt, tip, kPath).size(), 2U);
  EXPECT_EQ(recorded_since(repository, tip, tip, kPath).size(), 0U);
  EXPECT_EQ(recorded_since(repository, again, tip, kPath).size(), 1U);
}

TEST_F(RecordedRebase, WhatCannotBeBelievedIsNoRebase) {
  const Oid origin = commit_on({}, "origin", 1);
  ASSERT_EQ(found(permutation_of(origin, kSpec), origin), 1U);
  EXPECT_EQ(found(std::string(64, 'f'), origin), 0U);  // nowhere
  EXPECT_EQ(found(put("no permutation at all").hex(), origin), 0U);
  EXPECT_EQ(found(put("mgit-permutation 1\n").hex(), origin), 0U);
  // A spec that does not bind, and one with other groups than the permutation.
  const Digest other = put("mgit-perm 1\nperm H:41\nfc1.weight: H, _\n");
  std::string text = std::string(
      as_text(sandbox_.open().store().read(*Digest::from_hex(permutation_of(origin, kSpec)))));
  const std::size_t at = text.find(
      put(spec_text(bind_spec(kSpec, "test",
                              infos_of(sandbox_.open().model_at(origin, kPath)->manifest))))
          .hex());
  ASSERT_NE(at, std::string::npos);
  text.replace(at, 64, other.hex());
  EXPECT_EQ(found(put(text).hex(), origin), 0U);
  text.replace(at, 64, std::string(64, 'e'));
  EXPECT_EQ(found(put(text).hex(), origin), 0U);
}

TEST(Continues, OneAnswerOfTheWholeModels) {
  // Small tensors alike and a large one anew: a sample would take them for one training.
  LineageSandbox sandbox;
  const Workspace repository = sandbox.open();
  const auto model = [&](std::uint64_t small, std::uint64_t large) {
    const auto batch = repository.store().begin();
    Manifest manifest = manifest_of("", "layout");
    manifest.tensors.clear();
    batch->put(as_bytes("layout"), 1);
    const TensorInfo head{"head", DType::kF32, {10, 200}};
    const TensorInfo body{"body", DType::kF32, {1500, 1500}};
    manifest.tensors.push_back({body, batch->put(random_floats(1500 * 1500, large), 4)});
    manifest.tensors.push_back({head, batch->put(random_floats(2000, small), 4)});
    batch->commit();
    CommittedModel committed;
    committed.path = kPath;
    committed.parts.push_back({kPath, {}, manifest});
    committed.manifest = manifest;
    return committed;
  };
  Continuation continuation(repository);
  EXPECT_FALSE(continuation.continues(model(1, 1), model(1, 2)));
  EXPECT_TRUE(continuation.continues(model(1, 1), model(2, 1)));
  EXPECT_EQ(continuation.if_here(model(1, 1), model(1, 2)), false);
  // Remembered: known without the objects, where others are not.
  const CommittedModel old_one = model(1, 1);
  const CommittedModel new_one = model(2, 1);
  for (const char* file : {"packs", "objects.db", "objects.db-wal", "objects.db-shm"})
    std::filesystem::remove_all(sandbox.path() / ".git" / "mgit" / file);
  const Workspace emptied = sandbox.open();
  EXPECT_EQ(Continuation(emptied).if_here(old_one, new_one), true);
  EXPECT_EQ(Continuation(emptied).if_here(new_one, old_one), std::nullopt);
}

}  // namespace
}  // namespace mgit::testing
