// What fuzz targets share. A target is one file with one LLVMFuzzerTestOneInput: libFuzzer calls it
// (build-fuzz, clang), and so does standalone_main.cpp, which needs no clang and runs in ./dev
// test.
//
// A target lets only those exceptions pass that the code under test promises; anything else, a
// property that does not hold, or a report of a sanitizer ends the process: a finding.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "mgit/base.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace mgit::fuzz {

/// Ends the process unless the property holds.
void require(bool holds, const char* property, const char* file = __builtin_FILE(),
             int line = __builtin_LINE());

inline Bytes bytes_of(const std::uint8_t* data, std::size_t size) {
  return std::as_bytes(std::span(data, size));
}

/// Takes numbers and pieces off the front of an input; what is not there is 0 or empty.
class Input {
 public:
  explicit Input(Bytes bytes) : rest_(bytes) {}
  std::uint8_t u8();
  std::uint16_t u16();
  std::uint64_t u64();
  Bytes take(std::size_t count);
  Bytes rest() const { return rest_; }
  bool empty() const { return rest_.empty(); }

 private:
  Bytes rest_;
};

/// An empty directory, in memory where there is a file system for that, removed at exit.
class Scratch {
 public:
  Scratch();
  ~Scratch();
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  const std::filesystem::path& path() const { return path_; }
  /// Empties it.
  void clear() const;

 private:
  std::filesystem::path path_;
};

/// What the code under test says on stderr goes nowhere from now on; sanitizers and libFuzzer keep
/// theirs.
void silence();

/// Calls `try_one` with copies of the file in which some of its words, which are views into it,
/// stand in the place of others, filled up with spaces. The same copies each time.
void try_others(Bytes file, const std::vector<std::string_view>& words,
                const std::function<void(Bytes)>& try_one);

}  // namespace mgit::fuzz
