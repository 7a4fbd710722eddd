// One line of progress on a terminal; silence everywhere else.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace mgit {

/// Shows "title: 42 % (…)" on stderr, only on a terminal and only after a second. Clears itself.
/// May be advanced from one thread at a time.
class Progress {
 public:
  Progress(std::string title, std::uint64_t total);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  void advance(std::uint64_t amount = 1);

 private:
  void draw();

  std::string title_;
  std::uint64_t total_;
  std::uint64_t done_ = 0;
  bool terminal_;
  bool drawn_ = false;
  std::chrono::steady_clock::time_point start_;
  std::chrono::steady_clock::time_point last_;
};

}  // namespace mgit
