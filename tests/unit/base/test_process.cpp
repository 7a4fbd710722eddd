#include "base/process.h"

#include <gtest/gtest.h>

#include <atomic>
#include <csignal>
#include <thread>
#include <vector>

namespace mgit {
namespace {

constexpr std::size_t kFarBeyondAPipe = std::size_t{64} << 20;

ProcessResult shell(const std::string& script, std::optional<std::string> input) {
  ProcessOptions options;
  options.input = std::move(input);
  options.capture_errors = true;
  return run_process({"sh", "-c", script}, options);
}

std::string text_of(std::size_t size) {
  std::string text(size, '\0');
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>('a' + i % 23);
  return text;
}

TEST(RunProcess, ReadsWhileItWrites) {
  const std::string input = text_of(kFarBeyondAPipe);
  const ProcessResult echo = shell("exec cat", input);
  EXPECT_EQ(echo.status, 0);
  EXPECT_TRUE(echo.output == input);  // not printed where it differs
}

TEST(RunProcess, ReadsErrorsWhileItWrites) {
  const std::string input = text_of(kFarBeyondAPipe / 8);
  const ProcessResult both = shell("exec tee /dev/stderr", input);
  EXPECT_EQ(both.status, 0);
  EXPECT_TRUE(both.output == input);
  EXPECT_TRUE(both.errors == input);
}

TEST(RunProcess, ChildThatEndsEarlyIsNoFailureOfOurs) {
  const ProcessResult result = shell("echo enough; exit 3", text_of(kFarBeyondAPipe));
  EXPECT_EQ(result.status, 3);
  EXPECT_EQ(result.output, "enough\n");
}

TEST(RunProcess, ChildThatClosesItsInputIsReadToItsEnd) {
  const ProcessResult result = shell(
      "exec 0<&-; sleep 0.1; head -c 300000 /dev/zero; echo late >&2", text_of(kFarBeyondAPipe));
  EXPECT_EQ(result.status, 0);
  EXPECT_EQ(result.output.size(), 300'000U);
  EXPECT_EQ(result.errors, "late\n");
}

TEST(RunProcess, ChildThatIsKilledEndsWithItsSignal) {
  const ProcessResult result =
      shell("head -c 10 >/dev/null; kill -KILL $$", text_of(kFarBeyondAPipe));
  EXPECT_EQ(result.status, 128 + SIGKILL);
}

TEST(RunProcess, EmptyInputIsAnEndOfFile) { EXPECT_EQ(shell("exec cat", "").output, ""); }

TEST(RunProcess, MissingProgramIs127) {
  ProcessOptions options;
  options.input = text_of(kFarBeyondAPipe);
  EXPECT_EQ(run_process({"/no/such/program"}, options).status, 127);
}

TEST(RunProcess, ChildrenGetSigpipeAsUsual) {
  // `yes` ends by the signal, or, were it ignored, by complaining.
  const ProcessResult result = shell("{ yes; echo $? >&2; } | head -1", "");
  EXPECT_EQ(result.output, "y\n");
  EXPECT_EQ(result.errors, std::to_string(128 + SIGPIPE) + "\n");
}

/// Were SIGPIPE switched off and on for the process, one of the threads would die of it.
TEST(RunProcess, ThreadsDoNotDisturbEachOther) {
  const std::string input = text_of(std::size_t{1} << 20);
  std::atomic<int> right = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 20; ++i)
        if (shell("exit 7", input).status == 7) ++right;
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(right, 80);
}

}  // namespace
}  // namespace mgit
