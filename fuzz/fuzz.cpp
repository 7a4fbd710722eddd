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

void try_others(Bytes file, const std::vector<std::string_view>& words,
                const std::function<void(Bytes)>& try_one) {
  constexpr int kOthers = 16;
  if (words.empty()) return;
  const std::string_view text = as_text(file);
  std::uint64_t state = std::hash<Digest>()(sha256(file));
  const auto any = [&] {
    state = state * 6364136223846793005U + 1442695040888963407U;
    return words[(state >> 33U) % words.size()];
  };
  for (int i = 0; i < kOthers; ++i) {
    std::string changed(text);
    for (int edit = 0; edit <= i % 4; ++edit) {
      const std::string_view from = any();
      std::string_view to = any();
      for (int more = 0; more < 8 && to.size() > from.size(); ++more) to = any();
      if (to.size() > from.size()) continue;
      const auto at = static_cast<std::size_t>(from.data() - text.data());
      changed.replace(at, from.size(), std::string(to) + std::string(from.size() - to.size(), ' '));
    }
    try_one(as_bytes(changed));
  }
}

}  // namespace mgit::fuzz
