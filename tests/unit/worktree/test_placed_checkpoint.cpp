#include "worktree/placed_checkpoint.h"

#include <gtest/gtest.h>

#include <mutex>

#include "base/os.h"
#include "support/support.h"

namespace mgit {
namespace {

namespace fs = std::filesystem;

class PlacedCheckpoint : public ::testing::Test {
 protected:
  PlacedCheckpoint() : content_(1 << 20, 'x') {
    for (std::size_t i = 0; i < content_.size(); ++i) content_[i] = static_cast<char>(i * i >> 7);
    const auto batch = store_.begin();
    manifest_ = add_checkpoint(*batch, as_bytes(content_), "file");
    batch->commit();
  }

  std::string placed_beside(const fs::path& twin) {
    const fs::path file = directory_.path() / "file";
    os::write_file(file, as_bytes(manifest_text(manifest_)));
    std::uint64_t told = 0;
    std::mutex mutex;
    place_checkpoint(
        store_, manifest_, file,
        [&](std::uint64_t bytes) {
          const std::lock_guard lock(mutex);
          told += bytes;
        },
        twin);
    EXPECT_EQ(told, content_.size());
    return os::read_file(file);
  }

  const testing::TemporaryDirectory directory_;
  Store store_{directory_.path() / "store"};
  std::string content_;
  Manifest manifest_;
};

TEST_F(PlacedCheckpoint, IsTheContentWhateverItsTwinIs) {
  const fs::path twin = directory_.path() / "twin";
  EXPECT_EQ(placed_beside({}), content_);
  EXPECT_EQ(placed_beside(twin), content_);
  os::write_file(twin, as_bytes(content_));
  EXPECT_EQ(placed_beside(twin), content_);
  EXPECT_EQ(os::read_file(twin), content_);
  for (const std::size_t at : {std::size_t{0}, content_.size() / 2, content_.size() - 1}) {
    std::string damaged = content_;
    damaged[at] = static_cast<char>(damaged[at] ^ 1);
    os::write_file(twin, as_bytes(damaged));
    EXPECT_EQ(placed_beside(twin), content_) << at;
  }
  os::write_file(twin, as_bytes(content_ + "more"));
  EXPECT_EQ(placed_beside(twin), content_);
  fs::remove(twin);
  fs::create_symlink(directory_.path() / "file", twin);
  EXPECT_EQ(placed_beside(twin), content_);
}

}  // namespace
}  // namespace mgit
