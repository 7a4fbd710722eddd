// The networks of the demo: a data set, cut in two biased shares, a small perceptron for each.
#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "eval/plugin.h"
#include "mgit/tensor.h"

namespace mgit {

struct DemoData {
  MemoryModel first;   // four in five pictures of 0-4, one in five of 5-9
  MemoryModel second;  // the rest
  MemoryModel test;
};

/// Drawn from `seed`, or MNIST from a directory if that is not empty.
DemoData make_demo_data(const std::filesystem::path& mnist, std::uint64_t seed);

TorchNetwork train_demo_network(const MemoryModel& share, std::uint64_t seed);

std::uint64_t sample_count(const TensorSource& data);

}  // namespace mgit
