#include "fuzz.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace fs = std::filesystem;

namespace mgit::fuzz {
namespace {

/// Before anything asks for the number of threads: starting some for every input would be most of
/// the time.
const bool kOneThread = ::setenv("MGIT_THREADS", "1", 0) == 0;

}  // namespace

void require(bool holds, const char* property, const char* file, int line) {
  if (holds) return;
  std::fprintf(stdout, "%s:%d: does not hold: %s\n", file, line, property);
  std::fflush(stdout);
  std::abort();
}

std::uint8_t Input::u8() {
  const Bytes byte = take(1);
  return byte.empty() ? std::uint8_t{0} : std::to_integer<std::uint8_t>(byte[0]);
}

std::uint16_t Input::u16() {
  const unsigned low = u8();
  return static_cast<std::uint16_t>(low | static_cast<unsigned>(u8()) << 8U);
}

std::uint64_t Input::u64() {
  std::uint64_t value = 0;
  for (unsigned shift = 0; shift < 64; shift += 8) value |= std::uint64_t{u8()} << shift;
  return value;
}

Bytes Input::take(std::size_t count) {
  const Bytes taken = rest_.first(std::min(count, rest_.size()));
  rest_ = rest_.subspan(taken.size());
  return taken;
}

Scratch::Scratch() {
  const fs::path memory = "/dev/shm";
  std::error_code ignored;
  const fs::path parent = fs::is_directory(memory, ignored) ? memory : fs::temp_directory_path();
  std::string name = (parent / "mgit-fuzz-XXXXXX").string();
  require(::mkdtemp(name.data()) != nullptr, "there is a directory to work in");
  path_ = name;
}

Scratch::~Scratch() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

void Scratch::clear() const {
  for (const fs::directory_entry& entry : fs::directory_iterator(path_)) fs::remove_all(entry);
}

void silence() {
  static const bool done = [] {
    if (std::FILE* nowhere = std::fopen("/dev/null", "w"); nowhere != nullptr) stderr = nowhere;
    return true;
  }();
  static_cast<void>(done);
}

}  // namespace mgit::fuzz
