// Appends to a file from aligned buffers, large files in a thread of its own and past the page
// cache (O_DIRECT) where the file system can do that.
//
// For one thread at a time; the file belongs to the caller and must outlive the writer. What fits
// into one buffer is written by finish() in one call, without a thread. A write that fails is
// thrown by a later call and by every one after it: finish() never returns over a hole.
#pragma once

#include <condition_variable>
#include <deque>
#include <exception>
#include <filesystem>
#include <memory>
#include <mutex>
#include <thread>

#include "base/os.h"

namespace mgit {

class BackgroundWriter {
 public:
  BackgroundWriter() = default;
  /// Drops what is not written yet.
  ~BackgroundWriter();
  BackgroundWriter(const BackgroundWriter&) = delete;
  BackgroundWriter& operator=(const BackgroundWriter&) = delete;

  /// `file` is empty. Before everything else.
  void open(const os::File& file, std::filesystem::path path);
  void write(Bytes bytes);
  /// Bytes given to write() so far.
  std::uint64_t size() const { return size_; }
  /// What was written so far can be read from the file. From now on all of it goes through the page
  /// cache.
  void flush();
  /// Everything is in the file, which is an ordinary one (without O_DIRECT) again.
  void finish();

 private:
  struct Aligned {
    void operator()(std::byte* memory) const;
  };
  using Block = std::unique_ptr<std::byte[], Aligned>;

  void submit();
  void serve();
  void end_thread();
  void write_rest();
  Block take_block();
  void rethrow();

  const os::File* file_ = nullptr;
  std::filesystem::path path_;
  std::uint64_t size_ = 0;
  Block current_;           // none after a full one was handed over
  std::size_t filled_ = 0;  // of current_
  std::size_t blocks_ = 0;  // that exist

  std::thread thread_;
  std::mutex mutex_;  // guards everything below
  std::condition_variable changed_;
  std::deque<Block> full_;  // to be written, in order
  std::deque<Block> empty_;
  bool ending_ = false;
  bool cached_ = false;
  std::exception_ptr failure_;
};

}  // namespace mgit
