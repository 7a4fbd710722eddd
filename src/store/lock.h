// The lock between writers and gc: flock on .git/mgit/lock.
//
// A writer that meets an object which is in the store already does not write it again: from that
// moment it relies on gc not dropping it, until what names the object (a manifest in git's index, a
// commit) is where gc looks. So a writer holds the lock shared from before its first such look-up
// to the end of its Store, and freshens the object's age in the transaction of its batch. gc marks
// and copies without a lock, takes it exclusively for the moment in which rows and packs go, and
// looks again at what was freshened or written meanwhile. Readers take no lock: a pack they have
// mapped stays readable, and one that is gone sends them back to the index.
//
// Not for several threads. The lock goes with the process, however that ends.
#pragma once

#include <chrono>
#include <filesystem>
#include <memory>

#include "base/os.h"

namespace mgit {

class StoreLock {
 public:
  /// Creates the store's directory where it is not there yet. On a file system without flock the
  /// writer goes on without.
  static std::unique_ptr<StoreLock> shared(const std::filesystem::path& store);
  /// nullptr if others still write after `patience`. Throws Error on a file system without flock.
  static std::unique_ptr<StoreLock> exclusive(const std::filesystem::path& store,
                                              std::chrono::milliseconds patience);
  /// For one gc at a time; nullptr if another is at work.
  static std::unique_ptr<StoreLock> collector(const std::filesystem::path& store);

 private:
  explicit StoreLock(os::File file) : file_(std::move(file)) {}
  os::File file_;
};

}  // namespace mgit
