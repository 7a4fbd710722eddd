#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "model/operation_record.h"
#include "unit/lineage/lineage_sandbox.h"

namespace mgit {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class LineageIndex : public ::testing::Test {
 protected:
  void update() const {
    const Workspace repository = sandbox_.open();
    Lineage(repository).update();
  }

  /// What a new index, filled from git alone, contains.
  std::string fresh_content() const {
    sandbox_.remove_database();
    update();
    return sandbox_.content();
  }

  EvaluationRecord evaluate(const Oid& commit, double loss) const {
    Workspace repository = sandbox_.open();
    const auto checkpoint = repository.checkpoint_at(commit, "model.safetensors");
    EvaluationRecord record;
    record.commit = commit;
    record.path = "model.safetensors";
    record.checkpoint = sha256(as_bytes(manifest_text(checkpoint->manifest)));
    record.data = sha256(as_bytes("data"));
    record.data_name = "eval.safetensors";
    record.loss_name = "cross_entropy";
    record.result = {loss, 0.9784, 10'000};
    record.recorded = 1'700'000'000;
    Lineage(repository).record(repository, record);
    return record;
  }

  testing::LineageSandbox sandbox_;
};

TEST_F(LineageIndex, StepByStepEqualsAtOnce) {
  update();
  sandbox_.write("readme", "text");
  sandbox_.commit("No model yet");
  update();
  const Oid first = sandbox_.commit_model("First", 1);
  update();
  evaluate(first, 0.1);
  sandbox_.git({"switch", "-q", "-c", "side"});
  const Oid side = sandbox_.commit_model("Side", 2);
  update();
  sandbox_.model(3, 0, "other.safetensors");
  sandbox_.commit("A second model");
  sandbox_.git({"rm", "-q", "other.safetensors"});
  sandbox_.commit("Not any more");
  update();
  sandbox_.git({"tag", "-a", "-m", "a tag", "v1"});
  sandbox_.git({"switch", "-q", "main"});
  sandbox_.commit_model("Trained on", 1, 5);
  update();
  sandbox_.git({"merge", "-q", "-s", "ours", "--no-ff", "-m",
                "Merge\n\nMgit-Merge: strategy mean weights 1 1 model model.safetensors\n"
                "Mgit-Base: none model model.safetensors",
                "side"});
  update();
  sandbox_.commit("Rebased\n\nMgit-Rebase: onto " + first.hex() +
                  " method weights seed 0\nMgit-Permutation: " + std::string(64, 'a') +
                  "\nMgit-Spec: " + std::string(64, 'b') +
                  " proof family\nMgit-Origin: " + side.hex());
  update();
  evaluate(first, 0.25);
  sandbox_.git({"checkout", "-q", "--detach"});
  sandbox_.commit_model("On no branch", 9);
  update();
  const std::string grown = sandbox_.content();
  EXPECT_THAT(grown, HasSubstr("Rebased"));
  EXPECT_THAT(grown, HasSubstr("On no branch"));
  EXPECT_THAT(grown, HasSubstr("|family|"));
  EXPECT_THAT(grown, HasSubstr("|mean|1 1|none|"));
  EXPECT_THAT(grown, HasSubstr("|0.25|"));
  EXPECT_EQ(grown, fresh_content());
  const Workspace repository = sandbox_.open();
  Lineage(repository).rebuild();
  EXPECT_EQ(grown, sandbox_.content());
}

TEST_F(LineageIndex, WhatNoRefReachesIsDropped) {
  const Oid kept = sandbox_.commit_model("Kept", 1);
  sandbox_.git({"switch", "-q", "-c", "side"});
  const Oid lost = sandbox_.commit_model("Lost", 2);
  evaluate(lost, 0.5);
  EXPECT_THAT(sandbox_.rows("commits"), HasSubstr("Lost"));
  sandbox_.git({"switch", "-q", "main"});
  sandbox_.git({"branch", "-q", "-D", "side"});
  update();
  EXPECT_THAT(sandbox_.rows("commits"), Not(HasSubstr("Lost")));
  EXPECT_EQ(sandbox_.rows("evaluations"), "");
  const std::string dropped = sandbox_.content();
  EXPECT_EQ(dropped, fresh_content());
  // And it comes back, with its evaluation.
  sandbox_.git({"branch", "side", lost.hex()});
  update();
  EXPECT_THAT(sandbox_.rows("evaluations"), HasSubstr("|0.5|"));
  const std::string back = sandbox_.content();
  EXPECT_EQ(back, fresh_content());
  EXPECT_NE(back, dropped);
  EXPECT_THAT(back, HasSubstr(kept.hex()));
}

TEST_F(LineageIndex, AmendedAndPruned) {
  sandbox_.commit_model("One", 1);
  update();
  sandbox_.git({"commit", "-q", "--amend", "-m", "Two"});
  sandbox_.git({"reflog", "expire", "--expire=all", "--all"});
  sandbox_.git({"gc", "-q", "--prune=now"});
  update();
  EXPECT_THAT(sandbox_.rows("commits"), Not(HasSubstr("One")));
  EXPECT_EQ(sandbox_.content(), fresh_content());
}

TEST_F(LineageIndex, NotesStandInForLostTrailers) {
  const Oid commit = sandbox_.commit_model("Edited later", 1);
  update();
  EXPECT_EQ(sandbox_.rows("rebases"), "");
  Workspace repository = sandbox_.open();
  repository.set_note(kOperationNotes, commit,
                      "Mgit-Rebase: onto " + commit.hex() + " method weights seed 3\n");
  update();
  EXPECT_THAT(sandbox_.rows("rebases"), HasSubstr("|weights|3|"));
  EXPECT_THAT(sandbox_.rows("trailers"), HasSubstr("|note|"));
  EXPECT_EQ(sandbox_.content(), fresh_content());
  sandbox_.git({"notes", "--ref", kOperationNotes, "remove", commit.hex()});
  update();
  EXPECT_EQ(sandbox_.rows("rebases") + sandbox_.rows("trailers"), "");
}

TEST_F(LineageIndex, EarlierEvaluationsStay) {
  const Oid commit = sandbox_.commit_model("Model", 1);
  const EvaluationRecord first = evaluate(commit, 0.1 + 0.2);
  evaluate(commit, 0.125);
  const std::string note = sandbox_.git({"notes", "--ref", kEvalNotes, "show", commit.hex()});
  EXPECT_THAT(note, HasSubstr("0.30000000000000004"));
  EXPECT_THAT(note, HasSubstr("\n"));
  EXPECT_THAT(sandbox_.rows("evaluations"), HasSubstr("|0.125|"));
  EXPECT_THAT(note, HasSubstr(first.checkpoint.hex()));
}

TEST_F(LineageIndex, DamageIsRepaired) {
  sandbox_.commit_model("Model", 1);
  update();
  const std::string whole = sandbox_.content();
  const auto size = std::filesystem::file_size(sandbox_.database());
  const auto write = [&](const std::string& bytes) {
    sandbox_.remove_database();
    std::ofstream(sandbox_.database(), std::ios::binary) << bytes;
  };
  write("this is no database, but it is long enough to be looked at");
  update();
  EXPECT_EQ(sandbox_.content(), whole);
  write(std::string(size, '\0'));
  update();
  EXPECT_EQ(sandbox_.content(), whole);
  write("");
  update();
  EXPECT_EQ(sandbox_.content(), whole);
  sandbox_.commit_model("Another", 2);
  update();
  std::filesystem::remove(sandbox_.database());  // and only it
  update();
  EXPECT_EQ(sandbox_.content(), fresh_content());
}

TEST_F(LineageIndex, DamagedPagesAndOtherTables) {
  const Oid commit = sandbox_.commit_model("Model", 1);
  update();
  const std::string whole = sandbox_.content();
  const auto run_sql = [&](const char* sql) {
    sqlite3* handle = nullptr;
    ASSERT_EQ(sqlite3_open(sandbox_.database().c_str(), &handle), SQLITE_OK);
    ASSERT_EQ(sqlite3_exec(handle, sql, nullptr, nullptr, nullptr), SQLITE_OK);
    sqlite3_close(handle);
  };
  run_sql("DROP TABLE commits");
  const Workspace repository = sandbox_.open();
  EXPECT_THAT(Lineage(repository).describe(commit, false), HasSubstr("Model"));
  EXPECT_EQ(sandbox_.content(), whole);
  run_sql("PRAGMA user_version = 99");
  update();
  EXPECT_EQ(sandbox_.content(), whole);
  run_sql("PRAGMA wal_checkpoint(TRUNCATE)");
  std::filesystem::resize_file(sandbox_.database(), 8192);
  sandbox_.commit_model("Another", 2);
  update();
  EXPECT_EQ(sandbox_.content(), fresh_content());
}

TEST_F(LineageIndex, RefsThatNameNoCommit) {
  sandbox_.commit_model("Model", 1);
  update();
  sandbox_.git({"update-ref", "refs/odd/tree", sandbox_.git({"rev-parse", "HEAD^{tree}"})});
  update();
  EXPECT_EQ(sandbox_.content(), fresh_content());
}

TEST_F(LineageIndex, SeveralAtOnce) {
  for (int i = 1; i <= 4; ++i) {
    sandbox_.git({"switch", "-q", "--orphan", "branch" + std::to_string(i)});
    sandbox_.commit_model("Model " + std::to_string(i), static_cast<std::uint64_t>(i));
  }
  std::vector<std::thread> threads;
  std::vector<std::string> failures(4);
  for (std::size_t i = 0; i < 4; ++i)
    threads.emplace_back([&, i] {
      try {
        for (int round = 0; round < 5; ++round) {
          const Workspace repository = sandbox_.open();
          Lineage lineage(repository);
          lineage.update();
          if (round % 2 == 0) lineage.rebuild();
        }
      } catch (const std::exception& error) {
        failures[i] = error.what();
      }
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(failures, ::testing::Each(""));
  EXPECT_EQ(sandbox_.content(), fresh_content());
}

TEST_F(LineageIndex, ShallowCloneGrows) {
  sandbox_.commit_model("One", 1);
  sandbox_.commit_model("Two", 1, 2);
  sandbox_.commit_model("Three", 1, 3);
  const auto clone = sandbox_.root() / "clone";
  sandbox_.git(
      {"clone", "-q", "--depth", "1", "file://" + sandbox_.path().string(), clone.string()});
  const Workspace shallow = Workspace::discover(clone);
  Lineage lineage(shallow);
  lineage.update();
  const Oid tip = *shallow.head();
  EXPECT_THAT(lineage.describe(tip, false), Not(HasSubstr("Two")));
  sandbox_.git({"fetch", "-q", "--unshallow"}, clone);
  const Workspace whole = Workspace::discover(clone);
  Lineage grown(whole);
  grown.update();
  EXPECT_THAT(grown.describe(tip, false), HasSubstr("One"));
}

TEST_F(LineageIndex, ManyCommits) {
  constexpr int kCommits = 10'000;
  std::string stream;
  for (int i = 1; i <= kCommits; ++i) {
    const std::string text =
        manifest_text(testing::manifest_of("content " + std::to_string(i / 2)));
    stream += fmt::format(
        "commit refs/heads/main\ncommitter C <c@example.com> {} +0000\ndata <<END\nNo {}\nEND\n"
        "M 100644 inline model.safetensors\ndata {}\n{}\n",
        1'700'000'000 + i, i, text.size(), text);
  }
  ProcessOptions options;
  options.directory = sandbox_.path().string();
  options.input = stream;
  run_checked({"git", "fast-import", "--quiet"}, options);
  sandbox_.git({"reset", "-q", "--hard"});

  const auto timed = [](const char* what, const auto& work) {
    const auto start = std::chrono::steady_clock::now();
    work();
    const std::chrono::duration<double, std::milli> passed =
        std::chrono::steady_clock::now() - start;
    RecordProperty(what, fmt::format("{:.1f} ms", passed.count()));
    fmt::print("{}: {:.1f} ms\n", what, passed.count());
    return passed.count();
  };
  EXPECT_LT(timed("fill", [&] { update(); }), 60'000);
  EXPECT_LT(timed("unchanged", [&] { update(); }), 1'000);
  sandbox_.commit_model("One more", 1);
  EXPECT_LT(timed("one commit", [&] { update(); }), 1'000);
  const Workspace repository = sandbox_.open();
  const Oid tip = *repository.head();
  timed("describe",
        [&] { EXPECT_THAT(Lineage(repository).describe(tip, false), HasSubstr("No 1  ")); });
  sandbox_.git({"reset", "-q", "--hard", "HEAD~5000"});
  EXPECT_LT(timed("drop half", [&] { update(); }), 60'000);
  const std::string commits = sandbox_.rows("commits");
  EXPECT_EQ(std::count(commits.begin(), commits.end(), '\n'), 5001);
}

}  // namespace
}  // namespace mgit
