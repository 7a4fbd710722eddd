// Repairing a merged network with data: what its average got wrong inside, seen on some inputs.
//
// - Running statistics: those of batch norms are taken anew, as a pass in training mode would.
// - REPAIR (Jordan et al., arXiv 2211.08403): each channel of each layer gets the parents' mean and
//   deviation, weighted. Of layers that a batch norm follows, that is the norm's statistics.
// - Least squares: each layer is fitted, from the input on, to the parents' mean of what it should
//   give, on what the layers before it, already repaired, give it.
// The last two need the parents, in the merged network's basin. Labels are not looked at. The same
// inputs give the same bytes on one machine with one LibTorch and number of threads.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "mgit/eval.h"
#include "mgit/tensor.h"

namespace mgit {

enum class RepairMethod : std::uint8_t { kStatistics, kChannels, kLeastSquares };

/// "batch-norm-reset", "repair", "least-squares": as options and records have it.
std::string_view repair_method_name(RepairMethod method);
/// Throws UsageError that lists what there is.
RepairMethod require_repair_method(std::string_view name);

/// A model that was merged, in the basin of the merged one, with its share.
struct RepairSide {
  const TensorSource& weights;
  double weight = 0;
};

struct RepairRequest {
  const TensorSource& merged;
  std::vector<RepairSide> sides;  // none: statistics only
  RepairMethod method = RepairMethod::kLeastSquares;
  EvaluatorOptions network;   // graph, data with a tensor "input", batch
  std::uint64_t samples = 0;  // of the data, the first ones; 0: all
  /// Called as the walk through the graph goes on.
  std::function<void(std::size_t done, std::size_t total)> progress{};
};

struct RepairedNetwork {
  MemoryModel tensors;        // those that are other now, under the names and dtypes of `merged`
  std::size_t norms = 0;      // whose statistics were taken anew
  std::size_t layers = 0;     // that were fitted
  std::size_t left = 0;       // layers that could not be: too wide, or broken on this data
  std::uint64_t samples = 0;  // that were used: as many as fit into memory
};

/// Throws Error for a network that does not run on the data; for one that has no batch norms where
/// only their statistics are to be taken anew; where nothing of it can be repaired.
RepairedNetwork repair_network(const RepairRequest& request);

}  // namespace mgit
