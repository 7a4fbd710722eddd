// The one seam to operating system calls that matter to safety. Tests make the n-th call fail.
#pragma once

#include <filesystem>
#include <string>

#include "mgit/base.h"

namespace mgit::os {

/// A file descriptor that closes itself.
class File {
 public:
  File() = default;
  explicit File(int fd) : fd_(fd) {}
  ~File() { close(); }
  File(File&& other) noexcept : fd_(other.release()) {}
  File& operator=(File&& other) noexcept;
  int fd() const { return fd_; }
  int release() {
    const int fd = fd_;
    fd_ = -1;
    return fd;
  }
  void close();

 private:
  int fd_ = -1;
};

/// Creates (fails if there) for writing.
File create(const std::filesystem::path& path);
void write_all(const File& file, Bytes data, const std::filesystem::path& path);
/// All that fits from a place in the file, as several threads may do at once. False if it ends
/// before or cannot be read, with errno set then.
bool read_at(int fd, std::uint64_t offset, std::span<std::byte> out);
/// At a place in the file, as several threads may do at once.
void write_at(const File& file, Bytes data, std::uint64_t offset,
              const std::filesystem::path& path);
void sync(const File& file, const std::filesystem::path& path);
void sync_directory(const std::filesystem::path& path);
void rename(const std::filesystem::path& from, const std::filesystem::path& to);
/// Unlinks; a file that is not there is no failure.
void remove(const std::filesystem::path& path);
void create_directories(const std::filesystem::path& path);

/// Writes beside `path`, fsyncs, renames over it.
void write_file(const std::filesystem::path& path, Bytes data);
std::string read_file(const std::filesystem::path& path);

/// From now on the n-th of the calls above (1 = the next) fails with ENOSPC; 0 switches it off.
/// Also set by the environment: MGIT_FAIL_AT. MGIT_KILL_AT kills the process there instead.
void fail_at(int n);
int calls_made();

}  // namespace mgit::os
