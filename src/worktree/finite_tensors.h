// Tensors whose values were found to be all finite while they were stored, so that the pre-commit
// hook need not read them again.
//
// A cache below the store's directory, lines of "DTYPE OBJECT": lost, the hook reads. In a folder
// of its own, as gc keeps whatever the files beside the store mention (git/reachable).
#pragma once

#include <filesystem>
#include <mutex>
#include <set>
#include <utility>

#include "mgit/tensor.h"

namespace mgit {

/// add() may be called from several threads.
class FiniteTensors {
 public:
  explicit FiniteTensors(const std::filesystem::path& store_directory)
      : file_(store_directory / "cache" / "finite") {}

  /// What earlier processes saved.
  void load();
  bool contains(const Digest& object, DType dtype) const {
    return tensors_.contains({dtype, object});
  }

  /// Looks at the values; `view` is the object, all of it.
  void add(const Digest& object, const TensorView& view);
  /// Adds to the file what add() found; a failure costs time later, no more.
  void save() const;
  /// Removes the file.
  void forget() const;

 private:
  std::filesystem::path file_;
  std::mutex mutex_;  // guards tensors_ in add()
  std::set<std::pair<DType, Digest>> tensors_;
};

}  // namespace mgit
