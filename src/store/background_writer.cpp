#include "store/background_writer.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <new>

namespace mgit {
namespace {

constexpr std::size_t kBlockSize = std::size_t{2} << 20;
constexpr std::size_t kAlignment = 4096;
constexpr std::size_t kBlocks = 4;

bool set_direct(int fd, bool on) {
  const int flags = ::fcntl(fd, F_GETFL);
  return flags >= 0 && ::fcntl(fd, F_SETFL, on ? flags | O_DIRECT : flags & ~O_DIRECT) == 0;
}

/// Some file systems take the flag and then refuse to write.
void try_direct(int fd, const std::byte* sample) {
  if (!set_direct(fd, true)) return;
  if (::pwrite(fd, sample, kAlignment, 0) != static_cast<ssize_t>(kAlignment))
    set_direct(fd, false);
}

}  // namespace

void BackgroundWriter::Aligned::operator()(std::byte* memory) const {
  ::operator delete[](memory, std::align_val_t{kAlignment});
}

BackgroundWriter::~BackgroundWriter() {
  {
    const std::lock_guard lock(mutex_);
    full_.clear();
  }
  end_thread();
}

void BackgroundWriter::open(const os::File& file, std::filesystem::path path) {
  file_ = &file;
  path_ = std::move(path);
  current_ = take_block();
}

BackgroundWriter::Block BackgroundWriter::take_block() {
  std::unique_lock lock(mutex_);
  rethrow();
  if (empty_.empty() && blocks_ < kBlocks) {
    Block block(
        static_cast<std::byte*>(::operator new[](kBlockSize, std::align_val_t{kAlignment})));
    ++blocks_;
    return block;
  }
  changed_.wait(lock, [this] { return !empty_.empty() || failure_; });
  rethrow();
  Block block = std::move(empty_.front());
  empty_.pop_front();
  return block;
}

void BackgroundWriter::rethrow() {
  if (failure_) std::rethrow_exception(failure_);
}

void BackgroundWriter::write(Bytes bytes) {
  while (!bytes.empty()) {
    if (filled_ == kBlockSize) submit();
    if (!current_) current_ = take_block();
    const std::size_t count = std::min(bytes.size(), kBlockSize - filled_);
    std::copy_n(bytes.data(), count, current_.get() + filled_);
    filled_ += count;
    size_ += count;
    bytes = bytes.subspan(count);
  }
}

void BackgroundWriter::submit() {
  if (!thread_.joinable()) {
    if (!cached_) try_direct(file_->fd(), current_.get());
    thread_ = std::thread([this] { serve(); });
  }
  {
    const std::lock_guard lock(mutex_);
    rethrow();
    full_.push_back(std::move(current_));
  }
  changed_.notify_all();
  filled_ = 0;
}

void BackgroundWriter::serve() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return ending_ || !full_.empty(); });
    if (full_.empty()) return;
    Block block = std::move(full_.front());
    full_.pop_front();
    lock.unlock();
    std::exception_ptr failure;
    try {
      os::write_all(*file_, {block.get(), kBlockSize}, path_);
    } catch (...) {
      failure = std::current_exception();
    }
    lock.lock();
    empty_.push_back(std::move(block));
    if (failure) {
      failure_ = failure;
      full_.clear();
    }
    changed_.notify_all();
    if (failure) return;
  }
}

void BackgroundWriter::end_thread() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void BackgroundWriter::flush() {
  {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] {
      return failure_ || (full_.empty() && empty_.size() + (current_ ? 1 : 0) == blocks_);
    });
    rethrow();
    cached_ = true;
  }
  write_rest();
}

void BackgroundWriter::finish() {
  end_thread();
  {
    const std::lock_guard lock(mutex_);
    rethrow();
  }
  write_rest();
}

/// What no thread has at hand. Its length is not one that O_DIRECT takes.
void BackgroundWriter::write_rest() {
  if (filled_ == 0) return;
  if (size_ > filled_) set_direct(file_->fd(), false);
  try {
    os::write_all(*file_, {current_.get(), filled_}, path_);
  } catch (...) {
    failure_ = std::current_exception();
    throw;
  }
  filled_ = 0;
}

}  // namespace mgit
