#include "base/without_sigpipe.h"

#include <cerrno>
#include <ctime>

namespace mgit {

WithoutSigpipe::WithoutSigpipe() {
  sigset_t pending;
  ::sigemptyset(&sigpipe_);
  ::sigaddset(&sigpipe_, SIGPIPE);
  ::sigpending(&pending);
  was_pending_ = ::sigismember(&pending, SIGPIPE) == 1;
  ::pthread_sigmask(SIG_BLOCK, &sigpipe_, &before_);
}

WithoutSigpipe::~WithoutSigpipe() {
  constexpr std::timespec kNow{0, 0};
  while (!was_pending_ && ::sigtimedwait(&sigpipe_, nullptr, &kNow) < 0 && errno == EINTR) {
  }
  ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

}  // namespace mgit
