#include <gmock/gmock.h>

#include "unit/git/sandbox.h"

namespace mgit::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::vector<std::string> paths(const Repository& repository, const Oid& commit) {
  std::vector<std::string> result;
  for (const auto& [path, file] : repository.files_at(commit)) result.push_back(path);
  return result;
}

TEST(Trees, Files) {
  const GitSandbox sandbox;
  sandbox.write("a/b", "1");
  sandbox.write("a.b", "2");
  sandbox.write("run.sh", "3");
  std::filesystem::permissions(sandbox.path() / "run.sh", std::filesystem::perms(0755));
  std::filesystem::create_symlink("a.b", sandbox.path() / "link");
  const Oid commit = sandbox.commit();
  const Repository repository = sandbox.open();
  EXPECT_THAT(paths(repository, commit), ElementsAre("a.b", "a/b", "link", "run.sh"));
  EXPECT_EQ(repository.file_at(commit, "run.sh")->mode, 0100755U);
  EXPECT_EQ(repository.file_at(commit, "link")->mode, 0120000U);
  EXPECT_EQ(repository.blob(repository.file_at(commit, "a/b")->blob), "1");
  for (const char* wrong : {"a", "", "a/c", "a/b/c", "/a"})
    EXPECT_FALSE(repository.file_at(commit, wrong)) << wrong;
  EXPECT_THROW(repository.blob(Oid()), MissingError);
}

TEST(Trees, Checkpoints) {
  const GitSandbox sandbox;
  const Manifest one = manifest_of("one");
  const Manifest two = manifest_of("two");
  sandbox.write("z.safetensors", manifest_text(one));
  sandbox.write("deep/er/m.pt", manifest_text(two));
  sandbox.write("deep/code.py", "print()");
  sandbox.write("large.txt", std::string(200000, 'x'));
  std::filesystem::create_symlink("z.safetensors", sandbox.path() / "link");
  const Oid commit = sandbox.commit();
  const Repository repository = sandbox.open();
  const auto check = [&](const Repository& r) {
    const auto found = r.checkpoints_at(commit);
    ASSERT_EQ(found.size(), 2U);
    EXPECT_EQ(found[0].path, "deep/er/m.pt");
    EXPECT_EQ(found[0].manifest, two);
    EXPECT_EQ(found[1].path, "z.safetensors");
    EXPECT_EQ(found[1].manifest, one);
  };
  check(repository);
  check(repository);
  EXPECT_EQ(repository.checkpoint_at(commit, "z.safetensors")->manifest, one);
  EXPECT_FALSE(repository.checkpoint_at(commit, "deep/code.py"));
  EXPECT_FALSE(repository.checkpoint_at(commit, "none"));
  sandbox.git({"gc", "-q"});  // packed objects are read another way
  check(sandbox.open());
}

TEST(Trees, CorruptManifestNamesItsPath) {
  const GitSandbox sandbox;
  const std::string text = manifest_text(manifest_of("one"));
  sandbox.write("dir/m.safetensors", text.substr(0, text.size() - 10));
  const Oid commit = sandbox.commit();
  const Repository repository = sandbox.open();
  EXPECT_THROW(repository.checkpoints_at(commit), CorruptError);
  EXPECT_THAT(error_of([&] { repository.checkpoints_at(commit); }), HasSubstr("dir/m.safetensors"));
}

TEST(Trees, WriteTree) {
  const GitSandbox sandbox;
  sandbox.write("keep", "1");
  sandbox.write("dir/only", "2");
  sandbox.write("file", "3");
  const Oid commit = sandbox.commit();
  Repository repository = sandbox.open();
  const Oid base = repository.commit(commit).tree;
  const TreeFile blob{repository.write_blob("new"), 0100644};
  const auto written = [&](const std::map<std::string, std::optional<TreeFile>>& changes) {
    const Oid tree = repository.write_tree(base, changes);
    return sandbox.git({"ls-tree", "-r", "--name-only", tree.hex()});
  };
  EXPECT_EQ(repository.write_tree(base, {}), base);
  EXPECT_EQ(written({{"a/b/c", blob}, {"a/d", blob}}), "a/b/c\na/d\ndir/only\nfile\nkeep");
  EXPECT_EQ(written({{"dir/only", std::nullopt}}), "file\nkeep");
  EXPECT_EQ(written({{"dir/none", std::nullopt}, {"no/thing", std::nullopt}}),
            "dir/only\nfile\nkeep");
  EXPECT_EQ(written({{"file/now", blob}, {"dir", blob}}), "dir\nfile/now\nkeep");
  EXPECT_EQ(written({{"keep", std::nullopt}, {"dir/only", std::nullopt}, {"file", std::nullopt}}),
            "");
  EXPECT_THROW(repository.write_tree(base, {{".git/config", blob}}), Error);
  EXPECT_THROW(repository.write_tree(base, {{"a/../b", blob}}), Error);
  EXPECT_THROW(repository.write_tree(base, {{"a//b", blob}}), Error);
}

TEST(Trees, WriteCommit) {
  const GitSandbox sandbox;
  const Oid first = sandbox.commit();
  Repository repository = sandbox.open();
  const Oid tree = repository.commit(first).tree;
  const Signature author{"Zo\xc3\xab", "", 1234567890, -90};
  const std::string message = "subject without line end\n\n\n  # not a comment\nA: 1";
  const Oid id = repository.write_commit(tree, {first, first}, author, message);
  const Commit commit = repository.commit(id);
  EXPECT_EQ(commit.message, message);
  EXPECT_EQ(commit.author.name, author.name);
  EXPECT_EQ(commit.author.email, "");
  EXPECT_EQ(commit.author.time, author.time);
  EXPECT_EQ(commit.author.offset, -90);
  EXPECT_EQ(commit.committer.name, "Carl Committer");
  EXPECT_EQ(commit.committer.time, 1700000100);
  EXPECT_EQ(commit.committer.offset, -210);
  EXPECT_THAT(commit.parents, ElementsAre(first, first));
  EXPECT_EQ(sandbox.git({"log", "-1", "--format=%an %aI", id.hex()}),
            "Zo\xc3\xab 2009-02-13T22:01:30-01:30");
  sandbox.git({"fsck", "--strict"});
  EXPECT_THROW(repository.write_commit(tree, {}, author, std::string("a\0b", 3)), Error);
  EXPECT_THROW(repository.write_commit(tree, {}, {"a\nb", "", 0, 0}, "m"), Error);
}

TEST(Identity, EnvironmentThenConfiguration) {
  const GitSandbox sandbox;
  EXPECT_EQ(sandbox.open().user().name, "Ada Author");
  const ScopedVariable name("GIT_AUTHOR_NAME", nullptr);
  const ScopedVariable email("GIT_AUTHOR_EMAIL", nullptr);
  sandbox.git({"config", "user.name", "Cora Config"});
  sandbox.git({"config", "user.email", "cora@example.com"});
  EXPECT_EQ(sandbox.open().user().name, "Cora Config");
  EXPECT_EQ(sandbox.open().user().email, "cora@example.com");
}

TEST(Identity, MissingIsExplained) {
  const GitSandbox sandbox;
  sandbox.git({"config", "user.useConfigOnly", "true"});
  const ScopedVariable name("GIT_AUTHOR_NAME", nullptr);
  const ScopedVariable email("GIT_AUTHOR_EMAIL", nullptr);
  EXPECT_THAT(error_of([&] { sandbox.open().user(); }),
              HasSubstr("git config --global user.email"));
}

TEST(Config, AllLevels) {
  const GitSandbox sandbox;
  sandbox.git({"config", "filter.mgit.clean", "mgit clean %f"});
  const Repository repository = sandbox.open();
  EXPECT_EQ(repository.config("filter.mgit.clean"), "mgit clean %f");
  EXPECT_FALSE(repository.config("no.such"));
  EXPECT_FALSE(repository.config("nonsense"));
  {
    const ScopedVariable count("GIT_CONFIG_COUNT", "1");
    const ScopedVariable key("GIT_CONFIG_KEY_0", "mgit.x");
    const ScopedVariable value("GIT_CONFIG_VALUE_0", "from outside");
    EXPECT_EQ(repository.config("mgit.x"), "from outside");
  }
  const ScopedVariable global("GIT_CONFIG_GLOBAL", nullptr);
  const ScopedVariable system("GIT_CONFIG_NOSYSTEM", nullptr);
  EXPECT_EQ(repository.config("filter.mgit.clean"), "mgit clean %f");
  EXPECT_FALSE(repository.config("no.such"));
  EXPECT_FALSE(repository.config("nonsense"));
}

TEST(Models, FromTheWorkingTreeAndFromACommit) {
  const GitSandbox sandbox;
  const Repository repository = sandbox.open();
  EXPECT_THAT(repository.models(std::nullopt), IsEmpty());
  sandbox.write(".mgitconfig",
                "[model \"my.net\"]\n\tpath = m.safetensors # comment\n\tspec = a.perm\n"
                "[model \"two\"]\n\tpath = \"two words.pt\"\n\tGraph = g.pt\n\tloss = mse\n"
                "\tdata = d.safetensors\n[eval]\n\tcommand = evil\n");
  const Oid commit = sandbox.commit();
  const auto models = repository.models(commit);
  ASSERT_EQ(models.size(), 2U);
  EXPECT_EQ(models[0].name, "my.net");
  EXPECT_EQ(models[0].path, "m.safetensors");
  EXPECT_EQ(models[0].spec, "a.perm");
  EXPECT_EQ(models[0].loss, "cross_entropy");
  EXPECT_EQ(models[1].path, "two words.pt");
  EXPECT_EQ(models[1].spec, "auto");
  EXPECT_EQ(models[1].graph, "g.pt");
  EXPECT_EQ(models[1].data, "d.safetensors");
  EXPECT_EQ(models[1].loss, "mse");
  sandbox.write(".mgitconfig", "[model \"one\"]\n\tpath = x\n");
  EXPECT_EQ(repository.models(std::nullopt).size(), 1U);
  EXPECT_EQ(repository.models(commit).size(), 2U);
}

TEST(Models, HostileFiles) {
  const GitSandbox sandbox;
  const Repository repository = sandbox.open();
  const auto error = [&](std::string_view text) {
    sandbox.write(".mgitconfig", text);
    return error_of([&] { repository.models(std::nullopt); });
  };
  EXPECT_THAT(error("[model \"a\"]\n\tpath = x\n[broken\n"),
              HasSubstr(".mgitconfig|bad config line 3"));
  EXPECT_THAT(error("[model \"a\"]\n\tspec = x\n"), HasSubstr("has no path"));
  EXPECT_THAT(error("[model \"a\"]\n\tpath = ../../etc/passwd\n"), HasSubstr("stay inside"));
  EXPECT_THAT(error("[model \"a\"]\n\tpath = /etc/passwd\n"), HasSubstr("stay inside"));
  EXPECT_THAT(error("[model]\n\tpath = x\n"), HasSubstr("no error"));
  std::ofstream(sandbox.root() / "other") << "[model \"x\"]\n\tpath = included\n";
  EXPECT_EQ(error("[include]\n\tpath = " + (sandbox.root() / "other").string() + "\n"), "no error");
  EXPECT_THAT(repository.models(std::nullopt), IsEmpty());
}

}  // namespace
}  // namespace mgit::testing
