#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>

#include "unit/git/sandbox.h"

namespace fs = std::filesystem;

namespace mgit::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

/// Changes the current directory for a scope.
class ScopedDirectory {
 public:
  explicit ScopedDirectory(const fs::path& path) : old_(fs::current_path()) {
    fs::current_path(path);
  }
  ~ScopedDirectory() { fs::current_path(old_); }
  ScopedDirectory(const ScopedDirectory&) = delete;
  ScopedDirectory& operator=(const ScopedDirectory&) = delete;

 private:
  fs::path old_;
};

TEST(Discover, FromASubdirectory) {
  const GitSandbox sandbox;
  fs::create_directories(sandbox.path() / "a/b");
  const Repository repository = Repository::discover(sandbox.path() / "a/b");
  EXPECT_TRUE(fs::equivalent(repository.work_dir(), sandbox.path()));
  EXPECT_TRUE(fs::equivalent(repository.git_dir(), sandbox.path() / ".git"));
  EXPECT_EQ(repository.common_dir(), repository.git_dir());
  EXPECT_EQ(repository.mgit_dir(), repository.common_dir() / "mgit");
}

TEST(Discover, OutsideOfARepository) {
  const GitSandbox sandbox;
  EXPECT_THAT(error_of([&] { Repository::discover(sandbox.root()); }),
              HasSubstr("not a git repository (or any of the parent directories)"));
}

TEST(Discover, BareRepository) {
  GitSandbox sandbox;
  sandbox.create("bare.git", true);
  const Repository repository = Repository::discover(sandbox.root() / "bare.git");
  EXPECT_TRUE(repository.work_dir().empty());
  EXPECT_TRUE(repository.is_clean());
  EXPECT_FALSE(repository.operation_under_way());
}

TEST(Discover, Environment) {
  const GitSandbox sandbox;
  fs::create_directories(sandbox.root() / "elsewhere");
  const std::string git_dir = (sandbox.path() / ".git").string();
  const ScopedVariable dir("GIT_DIR", git_dir.c_str());
  {
    const std::string tree = (sandbox.root() / "elsewhere").string();
    const ScopedVariable work_tree("GIT_WORK_TREE", tree.c_str());
    EXPECT_TRUE(fs::equivalent(Repository::discover("/").work_dir(), tree));
    EXPECT_EQ(std::getenv("GIT_WORK_TREE"), tree);
  }
  {
    const ScopedDirectory here(sandbox.root() / "elsewhere");
    EXPECT_TRUE(fs::equivalent(Repository::discover().work_dir(), fs::current_path()));
  }
  {
    const ScopedVariable wrong("GIT_DIR", "/nowhere");
    EXPECT_EQ(error_of([] { Repository::discover(); }), "/nowhere|not a git repository|");
  }
}

TEST(Discover, RelativeGitDirInAHook) {
  const GitSandbox sandbox;
  sandbox.write("f", "1");
  sandbox.commit();
  const ScopedVariable dir("GIT_DIR", ".git");
  const ScopedVariable index("GIT_INDEX_FILE", ".git/index");
  const ScopedDirectory here(sandbox.path());
  const Repository repository = Repository::discover();
  EXPECT_TRUE(fs::equivalent(repository.work_dir(), sandbox.path()));
  EXPECT_TRUE(repository.is_clean());
}

TEST(Discover, SomebodyElsesRepository) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root, to give a directory away";
  const GitSandbox sandbox;
  for (const auto& entry : {sandbox.path(), sandbox.path() / ".git"})
    ASSERT_EQ(::chown(entry.c_str(), 12345, 12345), 0);
  const std::string path = sandbox.path().string();
  {
    const ScopedVariable sudo("SUDO_UID", nullptr);
    const std::string error = error_of([&] { sandbox.open(); });
    EXPECT_THAT(error, HasSubstr("detected dubious ownership in repository at '" + path));
    EXPECT_THAT(error, HasSubstr("git config --global --add safe.directory " + path));
  }
  std::ofstream(sandbox.root() / "config") << "[safe]\n\tdirectory = *\n";
  const std::string config = (sandbox.root() / "config").string();
  const ScopedVariable global("GIT_CONFIG_GLOBAL", config.c_str());
  EXPECT_EQ(error_of([&] { sandbox.open(); }), "no error");
}

TEST(Revisions, GitsSyntax) {
  const GitSandbox sandbox;
  sandbox.write("f", "1");
  const Oid first = sandbox.commit("first");
  sandbox.write("f", "2");
  const Oid second = sandbox.commit("second");
  sandbox.git({"tag", "-a", "v1", "-m", "tag", first.hex()});
  sandbox.git({"checkout", "-q", "-b", "side"});
  const Repository repository = sandbox.open();
  EXPECT_EQ(repository.resolve("HEAD"), second);
  EXPECT_EQ(repository.resolve("@"), second);
  EXPECT_EQ(repository.resolve("main~1"), first);
  EXPECT_EQ(repository.resolve("v1"), first);
  EXPECT_EQ(repository.resolve(":/first"), first);
  EXPECT_EQ(repository.resolve("@{-1}"), second);
  EXPECT_EQ(repository.resolve(first.brief()), first);
  EXPECT_EQ(repository.resolve("refs/heads/main"), second);
  for (const char* wrong : {"", "nowhere", "main..side", "main:f", "--all", "main^5", "a b", "^"})
    EXPECT_FALSE(repository.resolve(wrong)) << wrong;
}

TEST(Revisions, UnknownOnesNameSimilarBranches) {
  const GitSandbox sandbox;
  const Repository repository = sandbox.open();
  EXPECT_THAT(error_of([&] { repository.require("HEAD"); }), HasSubstr("there is no commit yet"));
  sandbox.commit();
  sandbox.git({"branch", "feature-branch"});
  EXPECT_EQ(error_of([&] { repository.require("feature-brunch"); }),
            "feature-brunch|no such branch or revision|did you mean 'feature-branch'?");
  EXPECT_THAT(error_of([&] { repository.require("xyzzy"); }), HasSubstr("git branch -a"));
}

TEST(Revisions, Commit) {
  const GitSandbox sandbox;
  const Oid first = sandbox.commit("first");
  sandbox.git({"-c", "i18n.commitEncoding=ISO-8859-1", "commit", "-q", "--allow-empty",
               "--cleanup=verbatim", "-m", "caf\xe9\n\nbody\n\n"});
  const Repository repository = sandbox.open();
  const Commit commit = repository.commit(*repository.head());
  EXPECT_EQ(commit.message, "caf\xc3\xa9\n\nbody\n\n");
  EXPECT_THAT(commit.parents, ElementsAre(first));
  EXPECT_EQ(commit.author.name, "Ada Author");
  EXPECT_EQ(commit.author.email, "ada@example.com");
  EXPECT_EQ(commit.author.time, 1700000000);
  EXPECT_EQ(commit.author.offset, 60);
  EXPECT_EQ(commit.committer.offset, -210);
  EXPECT_THROW(repository.commit(commit.tree), Error);
  EXPECT_THROW(repository.commit(Oid()), Error);
}

/// main: a - b; side: a - c - m (merges b); orphan: o.
struct Diamond : GitSandbox {
  Diamond() {
    a = commit("a");
    b = commit("b");
    git({"checkout", "-q", "-b", "side", a.hex()});
    c = commit("c");
    git({"merge", "-q", "--no-ff", "-m", "m", "main"});
    m = *Oid::from_hex(git({"rev-parse", "HEAD"}));
    git({"checkout", "-q", "--orphan", "orphan"});
    o = commit("o");
  }
  Oid a, b, c, m, o;
};

TEST(Revisions, History) {
  const Diamond sandbox;
  const Repository repository = sandbox.open();
  EXPECT_THAT(repository.merge_bases(sandbox.b, sandbox.c), ElementsAre(sandbox.a));
  EXPECT_THAT(repository.merge_bases(sandbox.b, sandbox.m), ElementsAre(sandbox.b));
  EXPECT_THAT(repository.merge_bases(sandbox.b, sandbox.o), IsEmpty());
  EXPECT_TRUE(repository.is_ancestor(sandbox.a, sandbox.m));
  EXPECT_TRUE(repository.is_ancestor(sandbox.a, sandbox.a));
  EXPECT_FALSE(repository.is_ancestor(sandbox.m, sandbox.a));
  EXPECT_FALSE(repository.is_ancestor(sandbox.o, sandbox.m));
  EXPECT_THAT(repository.range(sandbox.b, sandbox.m), ElementsAre(sandbox.c, sandbox.m));
  const std::vector<Oid> all = repository.range(std::nullopt, sandbox.m);
  EXPECT_THAT(all, UnorderedElementsAre(sandbox.a, sandbox.b, sandbox.c, sandbox.m));
  EXPECT_EQ(all.front(), sandbox.a);
  EXPECT_EQ(all.back(), sandbox.m);
  EXPECT_THAT(repository.history({sandbox.b, sandbox.c}, {sandbox.m, sandbox.o}),
              UnorderedElementsAre(sandbox.m, sandbox.o));
  EXPECT_FALSE(repository.is_shallow());
}

TEST(Revisions, ShallowHistory) {
  const GitSandbox sandbox;
  sandbox.commit("a");
  const Oid b = sandbox.commit("b");
  const Oid c = sandbox.commit("c");
  sandbox.git({"clone", "-q", "--depth", "2", "file://" + sandbox.path().string(), "shallow"},
              sandbox.root());
  const Repository repository = Repository::discover(sandbox.root() / "shallow");
  EXPECT_TRUE(repository.is_shallow());
  EXPECT_THAT(repository.range(std::nullopt, c), ElementsAre(b, c));
  EXPECT_THAT(repository.merge_bases(b, c), ElementsAre(b));
  EXPECT_TRUE(repository.is_ancestor(b, c));
  EXPECT_FALSE(repository.is_ancestor(c, b));
}

TEST(Refs, Head) {
  const GitSandbox sandbox;
  const Repository repository = sandbox.open();
  EXPECT_FALSE(repository.head());
  EXPECT_EQ(repository.head_branch(), "refs/heads/main");
  const Oid first = sandbox.commit();
  EXPECT_EQ(repository.head(), first);
  sandbox.git({"checkout", "-q", "--detach"});
  EXPECT_FALSE(repository.head_branch());
  EXPECT_EQ(repository.head(), first);
}

TEST(Refs, Listing) {
  const GitSandbox sandbox;
  const Oid first = sandbox.commit();
  sandbox.git({"branch", "b/nested"});
  sandbox.git({"branch", "a"});
  sandbox.git({"pack-refs", "--all"});
  const Repository repository = sandbox.open();
  EXPECT_THAT(repository.refs("refs/heads/"),
              ElementsAre(Pair("refs/heads/a", first), Pair("refs/heads/b/nested", first),
                          Pair("refs/heads/main", first)));
  EXPECT_THAT(repository.refs("refs/mgit/"), IsEmpty());
  EXPECT_EQ(repository.ref("refs/heads/a"), first);
  EXPECT_FALSE(repository.ref("refs/heads/zzz"));
  EXPECT_FALSE(repository.ref("refs/heads/bad..name"));
}

TEST(Refs, UpdateIsCompareAndSwap) {
  const GitSandbox sandbox;
  const Oid first = sandbox.commit("first");
  const Oid second = sandbox.commit("second");
  Repository repository = sandbox.open();
  const std::string ref = "refs/mgit/origin/x";
  repository.update_ref(ref, first, std::nullopt, "created");
  EXPECT_EQ(repository.ref(ref), first);
  EXPECT_THAT(error_of([&] { repository.update_ref(ref, second, std::nullopt, "again"); }),
              HasSubstr("exists already"));
  EXPECT_THAT(error_of([&] { repository.update_ref(ref, second, second, "stale"); }),
              HasSubstr("has changed in the meantime"));
  EXPECT_EQ(repository.ref(ref), first);
  repository.update_ref(ref, second, first, "mgit: moved it");
  EXPECT_EQ(repository.ref(ref), second);
  EXPECT_THAT(sandbox.git({"reflog", "show", ref}), HasSubstr("mgit: moved it"));
  EXPECT_THAT(error_of([&] { repository.update_ref("refs/heads/main/x", second, {}, "no"); }),
              HasSubstr("refs/heads/main"));
}

TEST(Refs, CheckedOutElsewhere) {
  const GitSandbox sandbox;
  sandbox.commit();
  sandbox.git({"worktree", "add", "-q", "-b", "side", (sandbox.root() / "linked").string()});
  const Repository repository = sandbox.open();
  EXPECT_TRUE(repository.checked_out_elsewhere("refs/heads/side"));
  EXPECT_FALSE(repository.checked_out_elsewhere("refs/heads/main"));
  const Repository linked = Repository::discover(sandbox.root() / "linked");
  EXPECT_TRUE(linked.checked_out_elsewhere("refs/heads/main"));
  EXPECT_FALSE(linked.checked_out_elsewhere("refs/heads/side"));
  EXPECT_TRUE(fs::equivalent(linked.common_dir(), repository.git_dir()));
  EXPECT_NE(linked.git_dir(), repository.git_dir());
}

TEST(Notes, AreReplaced) {
  const GitSandbox sandbox;
  const Oid first = sandbox.commit("first");
  const Oid second = sandbox.commit("second");
  Repository repository = sandbox.open();
  const char* ref = "refs/notes/mgit/eval";
  EXPECT_FALSE(repository.note(ref, first));
  EXPECT_THAT(repository.notes(ref), IsEmpty());
  repository.set_note(ref, first, "one\n");
  repository.set_note(ref, second, "two\n");
  repository.set_note(ref, first, "one again\n");
  EXPECT_EQ(repository.note(ref, first), "one again\n");
  EXPECT_THAT(repository.notes(ref),
              UnorderedElementsAre(Pair(first, "one again\n"), Pair(second, "two\n")));
  EXPECT_EQ(sandbox.git({"notes", "--ref", "mgit/eval", "show", second.hex()}), "two");
}

TEST(State, CleanAndUnderWay) {
  const GitSandbox sandbox;
  sandbox.write("f", "1");
  sandbox.commit();
  const Repository repository = sandbox.open();
  sandbox.write("untracked", "x");
  EXPECT_TRUE(repository.is_clean());
  sandbox.write("f", "2");
  EXPECT_FALSE(repository.is_clean());
  sandbox.git({"add", "f"});
  EXPECT_FALSE(repository.is_clean());
  sandbox.commit();
  EXPECT_TRUE(repository.is_clean());
  EXPECT_FALSE(repository.operation_under_way());
  sandbox.git({"checkout", "-q", "-b", "side"});
  sandbox.commit("side");
  sandbox.git({"checkout", "-q", "main"});
  sandbox.git({"merge", "-q", "--no-ff", "--no-commit", "side"});
  EXPECT_EQ(repository.operation_under_way(), "merge");
}

}  // namespace
}  // namespace mgit::testing
