#include "base/progress.h"

#include <unistd.h>

#include <cinttypes>
#include <cstdio>

namespace mgit {

using std::chrono::steady_clock;

Progress::Progress(std::string title, std::uint64_t total, Unit unit)
    : title_(std::move(title)),
      total_(total),
      unit_(unit),
      terminal_(::isatty(STDERR_FILENO) == 1),
      start_(steady_clock::now()),
      last_(start_) {}

Progress::~Progress() {
  if (drawn_) std::fputs("\r\033[K", stderr);
}

void Progress::advance(std::uint64_t amount) {
  if (!terminal_) return;
  const std::lock_guard lock(mutex_);
  done_ += amount;
  const auto now = steady_clock::now();
  if (now - start_ < std::chrono::seconds(1) || now - last_ < std::chrono::milliseconds(100))
    return;
  last_ = now;
  draw();
}

void Progress::draw() {
  const double seconds = std::chrono::duration<double>(last_ - start_).count();
  drawn_ = true;
  if (total_ == 0) {
    std::fprintf(stderr, "\r%s: %" PRIu64 " (%.0f s)\033[K", title_.c_str(), done_, seconds);
    return;
  }
  const double share = static_cast<double>(done_) / static_cast<double>(total_);
  const double left = share > 0 ? seconds * (1 - share) / share : 0;
  const double rate = static_cast<double>(done_) / 1e6 / seconds;
  std::fprintf(stderr, "\r%s: %3.0f %% (", title_.c_str(), 100 * share);
  if (unit_ == Unit::kBytes) std::fprintf(stderr, "%.0f MB/s, ", rate);
  std::fprintf(stderr, "%.0f s left)\033[K", left);
}

}  // namespace mgit
