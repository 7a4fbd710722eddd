// Networks for the tests of this room: lists of tensors as torchvision writes them, models with
// random values, and the real ones of the shared data.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "mgit/perm.h"
#include "mgit/random_permutation.h"
#include "mgit/tensor.h"

namespace mgit::testing {

using Network = std::vector<TensorInfo>;

class NetworkBuilder {
 public:
  NetworkBuilder& add(const std::string& name, Shape shape, DType dtype = DType::kF32);
  NetworkBuilder& linear(const std::string& name, std::uint64_t out, std::uint64_t in,
                         bool bias = true);
  NetworkBuilder& conv(const std::string& name, std::uint64_t out, std::uint64_t in,
                       std::uint64_t kernel, bool bias = true);
  NetworkBuilder& batch_norm(const std::string& name, std::uint64_t width);
  /// Sorted by name.
  Network build() const;

 private:
  Network tensors_;
};

/// features/classifier; `plan` has output channels, 0 for a pooling layer.
Network vgg(const std::vector<std::uint64_t>& plan, bool norm, std::uint64_t pooled,
            std::uint64_t hidden, std::uint64_t classes);
Network vgg16(bool norm);

struct ResNetPlan {
  std::vector<std::uint64_t> blocks = {2, 2, 2, 2};
  std::uint64_t width = 64;
  bool bottleneck = false;
  bool norm = true;
  bool bias = false;
};
Network resnet(const ResNetPlan& plan);

/// Three heads of four dimensions between an input and an output.
Network attention();

/// Gaussian values for float tensors, counters for integers.
MemoryModel random_model(const Network& network, std::uint64_t seed);

/// The random permutation that this seed gives.
Permutation random_permutation(const Spec& spec, std::uint64_t seed);

/// The tensors of a safetensors file.
MemoryModel read_safetensors(const std::filesystem::path& path);

std::vector<double> values(const TensorSource& model, const std::string& name);

/// Positions of a bound spec that one group takes, as "tensor:axis", sorted.
std::vector<std::string> members(const Spec& spec, const std::string& group);

}  // namespace mgit::testing
