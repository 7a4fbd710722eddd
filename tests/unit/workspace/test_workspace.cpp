#include <gmock/gmock.h>

#include <barrier>
#include <thread>

#include "unit/workspace/workspace_sandbox.h"

namespace fs = std::filesystem;

namespace mgit::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

void put(Store& store, const std::vector<std::string>& contents) {
  const auto batch = store.begin();
  for (const std::string& content : contents) batch->put(as_bytes(content), 4);
  batch->commit();
}

TEST(Discover, HasTheStoreOfTheRepository) {
  const WorkspaceSandbox sandbox;
  fs::create_directories(sandbox.path() / "a/b");
  const Workspace workspace = Workspace::discover(sandbox.path() / "a/b");
  EXPECT_TRUE(fs::equivalent(workspace.git_dir(), sandbox.path() / ".git"));
  EXPECT_EQ(workspace.store().directory(), workspace.mgit_dir());
  EXPECT_FALSE(fs::exists(workspace.mgit_dir())) << "opening wrote something";
  EXPECT_THAT(error_of([&] { Workspace::discover(sandbox.root()); }),
              HasSubstr("not a git repository (or any of the parent directories)"));
}

TEST(Discover, AWorktreeHasTheSameStore) {
  const WorkspaceSandbox sandbox;
  sandbox.commit();
  sandbox.git({"worktree", "add", "-q", "../side"});
  put(sandbox.open().store(), {"tensor"});
  const Workspace side = Workspace::discover(sandbox.root() / "side");
  EXPECT_TRUE(side.store().contains(sha256(as_bytes("tensor"))));
}

// textconv and diff ask for the store in all workers at once; a store made on first use crashed
// them.
TEST(Store, IsThereForAllThreads) {
  const WorkspaceSandbox sandbox;
  for (int round = 0; round < 100; ++round) {
    const Workspace workspace = sandbox.open();
    constexpr int kThreads = 4;
    std::barrier start(kThreads);
    std::array<const Store*, kThreads> seen{};
    std::vector<std::thread> threads;
    for (const Store*& store : seen)
      threads.emplace_back([&] {
        start.arrive_and_wait();
        store = &workspace.store();
      });
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(std::count(seen.begin(), seen.end(), seen.front()), kThreads);
  }
}

TEST(Store, StaysWhereItIsWhenTheWorkspaceMoves) {
  const WorkspaceSandbox sandbox;
  Workspace workspace = sandbox.open();
  const Store* store = &workspace.store();
  workspace.set_fetcher([](const Workspace& w, const auto&) { put(w.store(), {"tensor", "gap"}); });
  const Workspace moved = std::move(workspace);
  EXPECT_EQ(&moved.store(), store);
  moved.need(manifest_of("tensor", "gap"), "model.safetensors");
  EXPECT_TRUE(store->contains(sha256(as_bytes("tensor"))));
}

TEST(Need, AsksTheFetcherThenNamesTheTensor) {
  const WorkspaceSandbox sandbox;
  Workspace workspace = sandbox.open();
  const Manifest manifest = manifest_of("tensor", "gap");
  put(workspace.store(), {"gap"});
  const std::string sha = sha256(as_bytes("tensor")).hex().substr(0, 12);
  EXPECT_THAT(error_of([&] { workspace.need(manifest, "model.safetensors"); }),
              HasSubstr("model.safetensors|tensor object " + sha +
                        " of w is not in this repository|fetch it"));
  int calls = 0;
  workspace.set_fetcher([&](const Workspace& w, const std::vector<Digest>& wanted) {
    ++calls;
    EXPECT_THAT(wanted, ElementsAre(sha256(as_bytes("tensor"))));
    put(w.store(), {"tensor"});
  });
  workspace.need(manifest, "model.safetensors");
  workspace.need(manifest, "model.safetensors");
  EXPECT_EQ(calls, 1);
}

TEST(Need, KeepsWhatAFetcherThatFailedHasBrought) {
  const WorkspaceSandbox sandbox;
  Workspace workspace = sandbox.open();
  workspace.set_fetcher([](const Workspace& w, const auto&) {
    put(w.store(), {"gap"});
    throw Error("the line is dead");
  });
  EXPECT_THAT(error_of([&] { workspace.need(manifest_of("tensor", "gap"), "main"); }),
              HasSubstr("the line is dead"));
  EXPECT_TRUE(workspace.store().contains(sha256(as_bytes("gap"))));
}

TEST(OpenModel, ReadsAShardedModelFromItsShards) {
  const WorkspaceSandbox sandbox;
  const Workspace workspace = sandbox.open();
  put(workspace.store(), {"aaaaaaaa", "bbbbbbbb", "cccccccc"});
  const auto shard = [](const std::vector<std::string>& tensors) {
    Manifest manifest = manifest_of("", "layout");
    manifest.tensors.clear();
    for (const std::string& name : tensors)
      manifest.tensors.push_back(
          {{name, DType::kF32, {2}}, sha256(as_bytes(std::string(8, name[0])))});
    return manifest_text(manifest);
  };
  sandbox.write("1.safetensors", shard({"b", "c"}));
  sandbox.write("2.safetensors", shard({"a"}));
  const std::string index = "model.safetensors.index.json";
  sandbox.write(index, R"({"metadata":{"total_size":24},"weight_map":{"a":"2.safetensors",)"
                       R"("b":"1.safetensors","c":"1.safetensors"}})");
  const auto model = workspace.model_at(sandbox.commit(), index);
  const auto source = open_model(workspace.store(), *model);
  EXPECT_EQ(source->tensors().size(), 3U);
  EXPECT_EQ(as_text(source->read("a").view.data), "aaaaaaaa");
  EXPECT_EQ(as_text(source->read("c").view.data), "cccccccc");
  EXPECT_THAT(error_of([&] { workspace.need(*model, "main"); }),
              HasSubstr("main (1.safetensors)|layout object"));
}

}  // namespace
}  // namespace mgit::testing
