#include "git/prefetch.h"

#include <gmock/gmock.h>

#include "unit/git/sandbox.h"

namespace mgit::testing {
namespace {

class Prefetch : public ::testing::Test {
 protected:
  void SetUp() override {
    sandbox_.write(".gitattributes", "*.safetensors filter=mgit\n");
    for (int i = 0; i < 5; ++i) {
      sandbox_.write("sub/m.safetensors", manifest_text(manifest_of(std::to_string(i))));
      sandbox_.write("notes.txt", "text " + std::to_string(i));
      sandbox_.commit();
    }
    sandbox_.git({"config", "uploadpack.allowFilter", "true"});
    sandbox_.git({"config", "uploadpack.allowAnySHA1InWant", "true"});
    clone_ = sandbox_.root() / "clone";
    sandbox_.git({"clone", "-q", "--filter=blob:none", "file://" + sandbox_.path().string(),
                  clone_.string()});
  }
  std::size_t missing() const {
    const std::string lines =
        sandbox_.git({"rev-list", "--objects", "--all", "--missing=print"}, clone_);
    return static_cast<std::size_t>(std::count(lines.begin(), lines.end(), '?'));
  }
  std::size_t packs() const {
    std::size_t count = 0;
    for (const auto& entry : std::filesystem::directory_iterator(clone_ / ".git/objects/pack"))
      if (entry.path().extension() == ".pack") ++count;
    return count;
  }

  GitSandbox sandbox_;
  std::filesystem::path clone_;
};

TEST_F(Prefetch, AllManifestsInOneFetchAndNothingElse) {
  ASSERT_EQ(missing(), 8U);
  const std::size_t before = packs();
  const Repository repository = Repository::discover(clone_);
  prefetch_manifests(repository, repository.history({}, {*repository.head()}));
  EXPECT_EQ(missing(), 4U);  // the older texts
  EXPECT_EQ(packs(), before + 1);
  for (const Oid& commit : repository.history({}, {*repository.head()}))
    EXPECT_EQ(repository.checkpoints_at(commit).size(), 1U);
  EXPECT_EQ(packs(), before + 1);
}

TEST_F(Prefetch, AWholeCloneIsLeftAlone) {
  const Repository repository = sandbox_.open();
  prefetch_manifests(repository, repository.history({}, {*repository.head()}));
}

TEST_F(Prefetch, ARemoteThatIsGoneIsLeftToWhoeverReads) {
  sandbox_.git({"remote", "set-url", "origin", "file:///nowhere"}, clone_);
  const Repository repository = Repository::discover(clone_);
  prefetch_manifests(repository, repository.history({}, {*repository.head()}));
  EXPECT_EQ(missing(), 8U);
}

}  // namespace
}  // namespace mgit::testing
