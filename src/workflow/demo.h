// mgit demo: the whole story in a fresh repository, with the real commands.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

namespace mgit {

struct DemoOptions {
  std::filesystem::path directory = "mgit-demo";
  std::filesystem::path mnist;  // empty: digits that the program draws itself
  std::uint64_t seed = 0;
  bool colour = false;
  std::function<void(const std::string&)> say;  // the story, line by line
};

/// Trains two networks on disjoint, biased shares of a data set, commits them on two branches, and
/// measures, rebases, measures again and merges, by running mgit itself. The repository stays.
/// Throws Error if the directory holds anything, or a command fails.
void run_demo(const DemoOptions& options);

}  // namespace mgit
