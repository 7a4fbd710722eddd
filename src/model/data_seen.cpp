#include "model/data_seen.h"

#include <charconv>

#include "format/shard_index.h"
#include "mgit/git.h"
#include "model/trailer_value.h"

namespace mgit {
namespace {

/// Sums of so many stay exact as doubles.
constexpr std::uint64_t kLargest = 1'000'000'000'000'000;

}  // namespace

std::optional<std::string> data_claim(std::string_view message, const std::string& path) {
  std::optional<std::string> claim;
  for (const Trailer& trailer : trailers_of(message)) {
    if (trailer.key != kTrainedKey) continue;
    std::string value = trailer.value;
    const auto model = cut_model(value);
    if (model && (model->empty() || same_model_path(*model, path))) claim = std::move(value);
  }
  return claim;
}

std::optional<DataSeen> parse_data_seen(std::string_view claim) {
  const std::vector<std::string> words = words_of(claim);
  if (words.size() != 2 || (words[0] != "samples" && words[0] != "tokens")) return std::nullopt;
  const std::string& number = words[1];
  DataSeen seen{words[0], 0};
  const char* const end = number.data() + number.size();
  const auto read = std::from_chars(number.data(), end, seen.count);
  if (read.ec != std::errc() || read.ptr != end || seen.count < 1 || seen.count > kLargest)
    return std::nullopt;
  return seen;
}

}  // namespace mgit
