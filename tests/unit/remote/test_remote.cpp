#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mgit/remote.h"
#include "remote/object_remote.h"
#include "unit/workspace/workspace_sandbox.h"

namespace fs = std::filesystem;

namespace mgit::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::IsSupersetOf;
using ::testing::UnorderedElementsAre;

Digest named(std::string_view content) { return sha256(as_bytes(content)); }

void put(Store& store, const std::vector<std::string>& contents) {
  const auto batch = store.begin();
  for (const std::string& content : contents) batch->put(as_bytes(content), 1);
  batch->commit();
}

/// A repository "repo" with three commits, a checkpoint in each, and a bare "there.git".
struct WithRemote : WorkspaceSandbox {
  WithRemote() {
    create("there.git", true);
    git({"remote", "add", "origin", "../there.git"});
    write("m.safetensors", manifest_text(manifest_of("one")));
    first = commit("first");
    write("m.safetensors", manifest_text(manifest_of("two")));
    write("sub/n.safetensors", manifest_text(manifest_of("one", "other layout")));
    second = commit("second");
    third = commit("third\n\nMgit-Permutation: " + named("perm").hex() + "\nMgit-Merge-Spec: " +
                   named("spec").hex() + " proof numeric\nMgit-Origin: " + first.hex());
  }
  fs::path there() const { return root() / "there.git"; }
  Oid first, second, third;
};

const std::vector<std::string> kContents = {"one", "two", "layout", "other layout", "perm", "spec"};

TEST(StoreBehind, Paths) {
  WorkspaceSandbox sandbox;
  sandbox.create("bare.git", true);
  sandbox.create("with space");
  sandbox.commit();
  sandbox.git({"worktree", "add", "-q", "-b", "side", (sandbox.root() / "linked").string()});
  const std::string root = sandbox.root().string();
  const auto behind = [&](std::string_view url) { return store_behind(url, sandbox.path()); };
  const fs::path bare = sandbox.root() / "bare.git/mgit";
  EXPECT_EQ(behind(root + "/bare.git"), bare);
  EXPECT_EQ(behind(root + "/bare.git/"), bare);
  EXPECT_EQ(behind(root + "/bare"), bare);
  EXPECT_EQ(behind("../bare.git"), bare);
  EXPECT_EQ(behind("~/bare.git"), bare);
  EXPECT_EQ(behind("file://" + root + "/bare.git"), bare);
  EXPECT_EQ(behind("file://localhost" + root + "/bare.git"), bare);
  EXPECT_EQ(behind("file://" + root + "/with%20space"), sandbox.root() / "with space/.git/mgit");
  EXPECT_EQ(behind("."), sandbox.path() / ".git/mgit");
  EXPECT_EQ(behind(root + "/repo/.git"), sandbox.path() / ".git/mgit");
  EXPECT_EQ(behind(root + "/linked"), sandbox.path() / ".git/mgit");
}

TEST(StoreBehind, EverythingElse) {
  const WorkspaceSandbox sandbox;
  for (const char* url : {"https://example.com/repo.git", "ssh://host/repo", "host:path",
                          "git@host:repo.git", "ext::sh -c x", "", "nowhere", "file://", "C:x"})
    EXPECT_FALSE(store_behind(url, sandbox.path())) << url;
}

TEST(ObjectsInHistory, ManifestsAndTrailers) {
  const WithRemote sandbox;
  const Workspace repository = sandbox.open();
  EXPECT_THAT(objects_in_history(repository, {sandbox.third}, {}),
              UnorderedElementsAre(named("one"), named("two"), named("layout"),
                                   named("other layout"), named("perm"), named("spec")));
  EXPECT_THAT(objects_in_history(repository, {sandbox.first}, {}),
              UnorderedElementsAre(named("one"), named("layout")));
  EXPECT_THAT(objects_in_history(repository, {sandbox.third}, {sandbox.third}), IsEmpty());
  EXPECT_THAT(objects_in_history(repository, {sandbox.third}, {sandbox.second}),
              IsSupersetOf({named("perm"), named("spec")}));
}

TEST(ObjectsInHistory, ACorruptManifestDoesNotHideItsNeighbours) {
  const WorkspaceSandbox sandbox;
  sandbox.write("bad.safetensors", "mgit checkpoint 1\n<<<<<<< ours\n");
  sandbox.write("good.safetensors", manifest_text(manifest_of("one")));
  const Oid commit = sandbox.commit();
  EXPECT_THAT(objects_in_history(sandbox.open(), {commit}, {}),
              UnorderedElementsAre(named("one"), named("layout")));
}

TEST(Transfer, OnlyWhatIsLacking) {
  const WithRemote sandbox;
  const Workspace repository = sandbox.open();
  put(repository.store(), kContents);
  Store there(sandbox.there() / "mgit");
  put(there, {"one", "layout"});
  const TransferReport report =
      transfer(repository.store(), there, {named("one"), named("two"), named("layout")});
  EXPECT_EQ(report.objects, 1U);
  EXPECT_GT(report.stored_bytes, 0U);
  EXPECT_TRUE(there.contains(named("two")));
  EXPECT_FALSE(there.contains(named("spec")));
  EXPECT_EQ(transfer(repository.store(), there, {named("two")}).objects, 0U);
  EXPECT_THROW(transfer(repository.store(), there, {named("nowhere")}), MissingError);
}

TEST(Push, BringsWhatTheCommitsNeed) {
  const WithRemote sandbox;
  const Workspace repository = sandbox.open();
  put(repository.store(), kContents);
  const std::string url = "../there.git";
  EXPECT_EQ(push_objects(repository, url, {sandbox.first}, {}).objects, 2U);
  const Oid unknown = *Oid::from_hex(std::string(40, '1'));
  EXPECT_EQ(push_objects(repository, url, {sandbox.third}, {sandbox.first, unknown}).objects, 4U);
  EXPECT_EQ(push_objects(repository, url, {sandbox.third}, {}).objects, 0U);
  const Store there(sandbox.there() / "mgit");
  for (const std::string& content : kContents) EXPECT_TRUE(there.contains(named(content)));
  EXPECT_EQ(push_objects(repository, "git://host/path", {sandbox.third}, {}).objects, 0U);
}

TEST(Push, MissingObjectsAreRefusedOrFetchedFirst) {
  const WithRemote sandbox;
  const Workspace repository = sandbox.open();
  put(repository.store(), {"one", "layout"});
  WorkspaceSandbox other;
  other.create("bare.git", true);
  const std::string url = (other.root() / "bare.git").string();
  EXPECT_THAT(error_of([&] { push_objects(repository, url, {sandbox.third}, {}); }),
              HasSubstr("2 of 4 objects to push are not in this repository"));
  EXPECT_FALSE(fs::exists(other.root() / "bare.git/mgit"));
  Store there(sandbox.there() / "mgit");
  put(there, kContents);
  EXPECT_EQ(push_objects(repository, url, {sandbox.third}, {}).objects, 6U);
}

TEST(Fetch, LooksInAllRemotes) {
  WithRemote sandbox;
  sandbox.create("second.git", true);
  sandbox.git({"remote", "add", "unreachable", "/nowhere/at/all.git"});
  sandbox.git({"remote", "add", "elsewhere", "ftp://127.0.0.1:1/x.git"});
  sandbox.git({"remote", "add", "web", "ftp://127.0.0.1:1/y.git"});
  sandbox.git({"remote", "set-url", "--push", "web", (sandbox.root() / "second.git").string()});
  Store first(sandbox.there() / "mgit");
  put(first, {"one"});
  Store second(sandbox.root() / "second.git/mgit");
  put(second, {"two"});
  Workspace repository = sandbox.open();
  fetch_objects(repository, {named("one"), named("two"), named("nowhere")});
  EXPECT_TRUE(repository.store().contains(named("one")));
  EXPECT_TRUE(repository.store().contains(named("two")));
  EXPECT_FALSE(repository.store().contains(named("nowhere")));
  repository.set_fetcher(fetch_objects);
  put(first, {"layout", "three"});
  repository.need(manifest_of("three"), "m.safetensors");
  EXPECT_THROW(repository.need(manifest_of("four"), "m.safetensors"), MissingError);
}

TEST(Fetch, TwoProcessesAtOnce) {
  const WithRemote sandbox;
  Store there(sandbox.there() / "mgit");
  put(there, kContents);
  std::vector<Digest> wanted;
  for (const std::string& content : kContents) wanted.push_back(named(content));
  std::vector<pid_t> children;
  for (int i = 0; i < 2; ++i) {
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      const std::string error = error_of([&] { fetch_objects(sandbox.open(), wanted); });
      ::_exit(error == "no error" ? 0 : 1);
    }
    children.push_back(child);
  }
  for (const pid_t child : children) {
    int status = 0;
    ::waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
  }
  const Workspace repository = sandbox.open();
  for (const Digest& object : wanted) EXPECT_TRUE(repository.store().contains(object));
}

TEST(ObjectRemotes, AreOpenedByTheKindOfTheirUrl) {
  WithRemote sandbox;
  const Workspace repository = sandbox.open();
  EXPECT_EQ(remote_kind("ftp://host/models.git"), nullptr);
  EXPECT_NE(remote_kind("https://host/models.git"), nullptr);
  EXPECT_NE(remote_kind("s3://bucket/models"), nullptr);
  EXPECT_NE(remote_kind("host:models.git"), nullptr);
  EXPECT_NE(remote_kind("file:///models.git"), nullptr);
  EXPECT_EQ(open_remote(repository, "ftp://host/models.git"), nullptr);
  EXPECT_EQ(open_remote(repository, "../nothing.git"), nullptr);
  EXPECT_NE(open_remote(repository, "../there.git"), nullptr);
  put(repository.store(), {"one"});
  EXPECT_TRUE(open_remote(repository, sandbox.path().string())->is(repository.store()));
}

TEST(ObjectRemotes, OnAPathTakeAndGiveWhatIsLacking) {
  WithRemote sandbox;
  const Workspace repository = sandbox.open();
  put(repository.store(), {"one", "two"});
  const std::vector<Digest> objects{named("one"), named("two")};
  const auto there = open_remote(repository, "../there.git");
  EXPECT_EQ(there->lacking(objects), objects);
  EXPECT_FALSE(fs::exists(sandbox.there() / "mgit")) << "asking wrote something";
  EXPECT_EQ(there->send(repository.store(), std::span(objects).first(1)).objects, 1U);
  EXPECT_EQ(there->lacking(objects), std::vector{named("two")});
  EXPECT_THROW(there->send(repository.store(), std::vector{named("two"), named("nowhere")}),
               MissingError);
  EXPECT_EQ(there->lacking(objects), std::vector{named("two")}) << "half of it was sent";
  Store other(sandbox.root() / "other");
  const auto batch = other.begin();
  EXPECT_EQ(there->receive(*batch, std::span(objects).first(1)), 1U);
  batch->commit();
  EXPECT_TRUE(other.contains(named("one")));
}

}  // namespace
}  // namespace mgit::testing
