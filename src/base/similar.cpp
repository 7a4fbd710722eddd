#include "base/similar.h"

#include <algorithm>

namespace mgit {
namespace {

/// Optimal string alignment: a swap of neighbours counts as one.
std::size_t distance(const std::string& a, const std::string& b) {
  std::vector<std::vector<std::size_t>> cost(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) {
    for (std::size_t j = 0; j <= b.size(); ++j) {
      if (i == 0 || j == 0) {
        cost[i][j] = i + j;
        continue;
      }
      const std::size_t change = a[i - 1] == b[j - 1] ? 0 : 1;
      cost[i][j] = std::min({cost[i - 1][j] + 1, cost[i][j - 1] + 1, cost[i - 1][j - 1] + change});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        cost[i][j] = std::min(cost[i][j], cost[i - 2][j - 2] + 1);
    }
  }
  return cost[a.size()][b.size()];
}

}  // namespace

std::vector<std::string> similar_names(const std::string& typed,
                                       const std::vector<std::string>& names) {
  constexpr std::size_t kLongest = 100;
  const std::size_t dashes = std::min(typed.find_first_not_of('-'), typed.size());
  const std::size_t letters = typed.size() - dashes;
  if (letters < 2 || letters > kLongest) return {};
  std::size_t nearest = std::max<std::size_t>(1, letters / 3);
  std::vector<std::string> found;
  for (const std::string& name : names) {
    const std::size_t far = distance(typed, name);
    if (far > nearest) continue;
    if (far < nearest) found.clear();
    nearest = far;
    if (std::find(found.begin(), found.end(), name) == found.end()) found.push_back(name);
  }
  return found;
}

}  // namespace mgit
