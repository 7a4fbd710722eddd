#include "workflow/checkout.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <memory>

#include "base/process.h"
#include "git/hooks.h"
#include "workflow/mend_manifests.h"
#include "worktree/pending_checkout.h"

namespace mgit {
namespace {

constexpr int kInterrupted = 130;
constexpr int kFatal = 128;

volatile sig_atomic_t signal_received = 0;

/// Lets git end by itself when the user interrupts both of us: we still have its lock to release.
class Signals {
 public:
  Signals() {
    struct sigaction note {};
    note.sa_handler = [](int number) { signal_received = number; };
    note.sa_flags = SA_RESTART;
    for (const int number : {SIGINT, SIGTERM, SIGHUP}) ::sigaction(number, &note, nullptr);
  }
  static bool any() { return signal_received != 0; }
};

bool suits(const Repository& repository) {
  return !repository.work_dir().empty() && std::getenv("GIT_INDEX_FILE") == nullptr &&
         !has_foreign_hook(repository, "post-checkout") &&
         repository.config("submodule.recurse").value_or("false") == "false";
}

std::string head_name(const Repository& repository) {
  const auto head = repository.head();
  return head ? head->hex() : std::string();
}

/// nullptr: libgit2 does not read this kind of index, or somebody has locked it.
std::unique_ptr<IndexCopy> copy_of_index(const Repository& repository) {
  try {
    return std::make_unique<IndexCopy>(repository);
  } catch (const Error&) {
    return nullptr;
  }
}

/// What is done and what is not, where it is not everything.
void report(const PlacedFiles& placed) {
  const std::size_t written = placed.files.size();
  const std::size_t missing = placed.failed.size() + placed.left;
  if (missing == 0) return;
  fmt::print(stderr,
             "error: {} of {} checkpoints {} not written{}{}; everything else is done\n"
             "hint: mgit checkout, without arguments, writes what is missing\n",
             missing, written + missing, missing == 1 ? "is" : "are",
             placed.failed.empty() ? "" : ": ", fmt::join(placed.failed, ", "));
}

/// git has moved HEAD already.
void install(IndexCopy& index) {
  try {
    index.install();
  } catch (const Error& error) {
    throw Error(error.what(), error.where(),
                "HEAD and the files are what you asked for, the index is not: git reset");
  }
}

}  // namespace

std::optional<int> checkout_files(Workspace& repository, const std::string& command,
                                  const std::vector<std::string>& arguments) {
  if (!suits(repository)) return std::nullopt;
  std::unique_ptr<IndexCopy> index = copy_of_index(repository);
  if (!index) return std::nullopt;
  std::vector<std::string> words{"git", command};
  words.insert(words.end(), arguments.begin(), arguments.end());

  const std::string before = head_name(repository);
  const Signals signals;
  ProcessOptions options;
  options.capture_output = false;
  options.environment = leave_checkout_to_mgit(repository);
  options.environment["GIT_INDEX_FILE"] = index->path().string();
  const int status = run_process(words, options).status;
  PlacedFiles placed;
  std::exception_ptr failure;
  try {
    placed = place_pending(repository, *index, Signals::any);
    if (!placed.files.empty()) index->refresh(placed.files);
    report(placed);
  } catch (...) {
    failure = std::current_exception();
  }
  install(*index);
  if (failure) std::rethrow_exception(failure);
  if (Signals::any()) return kInterrupted;
  if (!placed.failed.empty()) return status == 0 ? kFatal : status;
  forget_pending(repository);
  index.reset();  // gives the lock back
  const std::string after = head_name(repository);
  mend_moved(repository, before, after, before != after,
             [](const std::string& line) { fmt::print(stderr, "{}\n", line); });
  return status;
}

}  // namespace mgit
