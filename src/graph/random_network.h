// Random weights and inputs for a graph, as a proof needs them: trained ones hide errors (zero
// biases, unit scales, dead units).
#pragma once

#include "mgit/graph.h"

namespace mgit {

class Random;

/// The tensors of the network that the graph reads: float64 random numbers for arithmetic ones,
/// positive where the graph wants a variance; others as they are. Tied names have one tensor.
/// Throws Error if the network lacks one, or has it in another shape.
MemoryModel random_weights(const Graph& graph, const TensorSource& network, Random& random);

/// How long open axes are and how many integers there are to choose from.
struct InputKind {
  std::uint64_t length = 0;  // 0: those that the network was tried with, 3 where it does not say
  std::uint64_t integers = 7;
};
std::map<ValueId, GraphTensor> random_inputs(const Graph& graph, const InputKind& kind,
                                             Random& random);

}  // namespace mgit
