// Writing to a pipe that nobody may read any more.
#pragma once

#include <csignal>

namespace mgit {

/// Keeps SIGPIPE from this thread: a child that stops reading is an EPIPE, to be seen at the call.
/// Other threads, and what the process does about the signal, are left alone.
class WithoutSigpipe {
 public:
  WithoutSigpipe();
  ~WithoutSigpipe();
  WithoutSigpipe(const WithoutSigpipe&) = delete;
  WithoutSigpipe& operator=(const WithoutSigpipe&) = delete;

 private:
  sigset_t sigpipe_{};
  sigset_t before_{};
  bool was_pending_ = false;
};

}  // namespace mgit
