// What a training says of the data that it saw: a line that whoever trains writes into the message
// of the commit, `Mgit-Trained: samples 20000` (docs/formats.md). It is a claim: it counts only as
// a whole number of samples or tokens, and nobody can check more than that.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace mgit {

inline constexpr const char* kTrainedKey = "Mgit-Trained";

struct DataSeen {
  std::string unit;         // "samples" or "tokens"
  std::uint64_t count = 0;  // 1 to 10^15
  bool operator==(const DataSeen&) const = default;
};

/// What the message says of the model at `path`, as it stands there: the last line that names it,
/// or that names no model. nullopt if there is none.
std::optional<std::string> data_claim(std::string_view message, const std::string& path);

/// nullopt for anything but "samples N" or "tokens N".
std::optional<DataSeen> parse_data_seen(std::string_view claim);

}  // namespace mgit
