// Which exchanges of blocks a network allows, found by trying.
#pragma once

#include <string>
#include <vector>

#include "mgit/graph.h"

namespace mgit::testing {

struct AxisMove {
  std::string tensor;
  std::size_t axis = 0;
  Gather gather;
  bool operator==(const AxisMove&) const = default;
};

/// Axes whose order changes, by tensor and axis; the others stay.
using Exchange = std::vector<AxisMove>;

/// Two of `count` units are exchanged, on every axis that has a part in it: blocks of an axis, of
/// any size, everywhere with one stride, or in one place alone.
struct ExchangedUnits {
  std::size_t count = 0;
  std::size_t a = 0;
  std::size_t b = 0;
};

/// Goes through the operators in their order and tries at each every move of the parameters that it
/// is the first to read. What an operator computes must be what it computed before in another order
/// (of any kind), so an exchange of which two halves cancel out later is not seen.
class ExchangeSearch {
 public:
  /// Gives up after so many operators.
  ExchangeSearch(const Graph& graph, std::size_t most_runs);
  ~ExchangeSearch();
  ExchangeSearch(const ExchangeSearch&) = delete;
  ExchangeSearch& operator=(const ExchangeSearch&) = delete;

  /// Exchanges that keep the outputs. False: it gave up; what was found until then is added.
  bool run(const ExchangedUnits& units, std::vector<Exchange>& found);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

/// Is it a permutation of the spec's groups?
bool allows(const Spec& spec, const std::vector<TensorInfo>& network, const Exchange& exchange);

/// First one, then the other.
Exchange product(const Exchange& first, const Exchange& second);

/// Do all moves of `part` stand in `whole`?
bool is_part(const Exchange& part, const Exchange& whole);

/// "t3:0 (0 2)(1 3)  t4:1 (0 1)".
std::string exchange_text(const Exchange& exchange);

}  // namespace mgit::testing
