// One line of progress on a terminal; silence everywhere else.
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>

namespace mgit {

/// Shows "title: 42 % (7 s left)" on stderr, with "310 MB/s" where the total is in bytes, or
/// "title: 12 (3 s)" where nobody knows it (0); only on a terminal and only after a second. Clears
/// itself. Any thread may advance it.
class Progress {
 public:
  enum class Unit { kSteps, kBytes };
  Progress(std::string title, std::uint64_t total, Unit unit = Unit::kSteps);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  void advance(std::uint64_t amount = 1);

 private:
  void draw();

  std::string title_;
  std::uint64_t total_;
  Unit unit_;
  bool terminal_;
  std::mutex mutex_;  // guards what changes
  std::uint64_t done_ = 0;
  bool drawn_ = false;
  std::chrono::steady_clock::time_point start_;
  std::chrono::steady_clock::time_point last_;
};

}  // namespace mgit
