// Names in the file system that must not outlive what is under way: files half-written, locks.
#pragma once

#include <sys/stat.h>

#include <filesystem>
#include <string_view>

#include "base/os.h"

namespace mgit {

/// Removes the name when it is destroyed, and when SIGINT, SIGTERM, SIGHUP, SIGQUIT or SIGPIPE end
/// the process (where nobody else handles them, and they are not ignored). kill -9 leaves it.
/// Any thread may make one; each belongs to one thread. Beyond kMost at a time, and for paths
/// longer than the system takes, signals find nothing to remove.
class TemporaryName {
 public:
  static constexpr int kMost = 64;

  /// Nothing is created: the caller does that next.
  explicit TemporaryName(std::filesystem::path path);
  /// A name that others may take, too: it is removed only while it stands for `file`.
  TemporaryName(std::filesystem::path path, const os::File& file);
  ~TemporaryName();
  TemporaryName(const TemporaryName&) = delete;
  TemporaryName& operator=(const TemporaryName&) = delete;

  const std::filesystem::path& path() const { return path_; }
  /// It was renamed to something lasting.
  void keep();

 private:
  void remember(const struct stat* file);

  std::filesystem::path path_;
  struct stat file_ {};
  bool only_file_ = false;
  bool kept_ = false;
  int slot_ = -1;
};

/// A name in the directory of `file` that nobody has, short however long the file's is.
std::filesystem::path name_beside(const std::filesystem::path& file);

/// Whether a file name is one of those.
bool is_temporary_name(std::string_view name);

/// For whoever ends the process without destructors. Async-signal-safe.
void remove_temporary_names();

}  // namespace mgit
