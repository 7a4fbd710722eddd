// Helpers shared by tests.
#pragma once

#include <filesystem>
#include <optional>
#include <random>
#include <string>

#include "mgit/tensor.h"

namespace mgit::testing {

/// A directory that is removed with everything in it.
class TemporaryDirectory {
 public:
  TemporaryDirectory();
  ~TemporaryDirectory();
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

/// MGIT_DATA (default ../shared beside the source): real data sets and models; nullopt if absent.
/// Tests that need it must GTEST_SKIP with a message.
std::optional<std::filesystem::path> shared_data();

/// Gaussian float32 bytes.
Buffer random_floats(std::size_t count, std::uint64_t seed);

}  // namespace mgit::testing
