#include "cli/weights.h"

#include <algorithm>
#include <charconv>

#include "mgit/base.h"

namespace mgit::cli {

std::vector<double> parse_weights(const std::string& text) {
  std::vector<double> weights;
  const char* at = text.data();
  const char* const end = at + text.size();
  while (true) {
    double weight = 0;
    const auto [next, error] = std::from_chars(at, end, weight);
    const bool finite = weight >= 0 && weight <= 1e9;
    if (error != std::errc() || !finite || (next != end && *next != ','))
      throw UsageError(
          "not a weight, nor weights separated by commas", "--weight " + text,
          "--weight 0.3 (theirs' share), --weight 2,1 (ours, theirs), or --weight data");
    weights.push_back(weight);
    if (next == end) break;
    at = next + 1;
  }
  if (weights.size() == 1) {
    if (weights[0] > 1)
      throw UsageError("a single weight is theirs' share, between 0 and 1", "--weight " + text);
    weights.insert(weights.begin(), 1 - weights[0]);
  }
  if (std::all_of(weights.begin(), weights.end(), [](double weight) { return weight == 0; }))
    throw UsageError("weights that are all zero leave no model", "--weight " + text);
  return weights;
}

}  // namespace mgit::cli
