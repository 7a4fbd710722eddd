// Turns errors into one line and an exit status; dispatch.cpp finds the command.
#include <fmt/format.h>
#include <malloc.h>

#include <cstdio>

#include "cli/dispatch.h"
#include "mgit/base.h"

namespace mgit::cli {
namespace {

constexpr int kFatal = 128;

int report(const Error& error) {
  const std::string where = error.where().empty() ? "" : error.where() + ": ";
  const char* kind = error.exit_code() == kFatal ? "fatal" : "error";
  fmt::print(stderr, "{}: {}{}\n", kind, where, error.what());
  if (!error.hint().empty()) fmt::print(stderr, "hint: {}\n", error.hint());
  return error.exit_code();
}

int guarded(int argc, char** argv) {
  try {
    return dispatch(argv[0], {argv + 1, argv + argc});
  } catch (const Error& error) {
    std::fflush(stdout);
    return report(error);
  } catch (const std::bad_alloc&) {
    return report(Error("out of memory"));
  } catch (const std::exception& error) {
    return report(Error(error.what()));
  }
}

}  // namespace
}  // namespace mgit::cli

int main(int argc, char** argv) {
  // Buffers of frames and tensors come and go: giving their pages back to the kernel each time
  // costs more than coding them.
  ::mallopt(M_MMAP_THRESHOLD, 32 << 20);
  ::mallopt(M_TRIM_THRESHOLD, 32 << 20);
  const int status = mgit::cli::guarded(argc, argv);
  return std::fflush(stdout) == 0 ? status : 128;
}
