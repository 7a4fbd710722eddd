// Copies of the index against what git says of the files afterwards.
#include "worktree/index_copy.h"

#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "unit/git/sandbox.h"

namespace mgit::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::system_clock;

/// Sleeps until this long after a second has begun, the next one if it is later than that.
void wait_for(milliseconds after) {
  const auto now = system_clock::now();
  auto then = std::chrono::floor<std::chrono::seconds>(now) + after;
  if (then < now) then += std::chrono::seconds(1);
  std::this_thread::sleep_until(then);
}

TEST(IndexCopy, AFileThatChangedMeanwhileWithinItsSecondIsNotTakenForClean) {
  const GitSandbox sandbox;
  wait_for(milliseconds(10));
  sandbox.write("text", "one\n");
  std::this_thread::sleep_for(milliseconds(100));
  sandbox.git({"add", "text"});
  const Repository repository = Repository::discover(sandbox.path());
  IndexCopy copy(repository);
  sandbox.write("text", "two\n");
  wait_for(milliseconds(10));
  copy.refresh({});
  copy.install();
  EXPECT_EQ(sandbox.git({"diff", "--name-only"}), "text");
}

}  // namespace
}  // namespace mgit::testing
