#include "unit/perm/networks.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "base/random.h"
#include "support/support.h"

namespace mgit::testing {

NetworkBuilder& NetworkBuilder::add(const std::string& name, Shape shape, DType dtype) {
  tensors_.push_back({name, dtype, std::move(shape)});
  return *this;
}

NetworkBuilder& NetworkBuilder::linear(const std::string& name, std::uint64_t out, std::uint64_t in,
                                       bool bias) {
  add(name + ".weight", {out, in});
  return bias ? add(name + ".bias", {out}) : *this;
}

NetworkBuilder& NetworkBuilder::conv(const std::string& name, std::uint64_t out, std::uint64_t in,
                                     std::uint64_t kernel, bool bias) {
  add(name + ".weight", {out, in, kernel, kernel});
  return bias ? add(name + ".bias", {out}) : *this;
}

NetworkBuilder& NetworkBuilder::batch_norm(const std::string& name, std::uint64_t width) {
  for (const char* part : {"weight", "bias", "running_mean", "running_var"})
    add(name + "." + part, {width});
  return add(name + ".num_batches_tracked", {}, DType::kI64);
}

Network NetworkBuilder::build() const {
  Network sorted = tensors_;
  std::sort(sorted.begin(), sorted.end(),
            [](const TensorInfo& a, const TensorInfo& b) { return a.name < b.name; });
  return sorted;
}

Network vgg(const std::vector<std::uint64_t>& plan, bool norm, std::uint64_t pooled,
            std::uint64_t hidden, std::uint64_t classes) {
  NetworkBuilder network;
  std::uint64_t channels = 3;
  int layer = 0;
  for (const std::uint64_t out : plan) {
    if (out == 0) {
      ++layer;
      continue;
    }
    network.conv(fmt::format("features.{}", layer++), out, channels, 3);
    if (norm) network.batch_norm(fmt::format("features.{}", layer++), out);
    ++layer;  // ReLU
    channels = out;
  }
  return network.linear("classifier.0", hidden, channels * pooled)
      .linear("classifier.3", hidden, hidden)
      .linear("classifier.6", classes, hidden)
      .build();
}

Network vgg16(bool norm) {
  return vgg({64, 64, 0, 128, 128, 0, 256, 256, 256, 0, 512, 512, 512, 0, 512, 512, 512, 0}, norm,
             49, 4096, 1000);
}

Network resnet(const ResNetPlan& plan) {
  NetworkBuilder network;
  const auto norm = [&](const std::string& name, std::uint64_t width) {
    if (plan.norm) network.batch_norm(name, width);
  };
  network.conv("conv1", plan.width, 3, 7, plan.bias);
  norm("bn1", plan.width);
  std::uint64_t stream = plan.width;
  for (std::size_t l = 0; l < plan.blocks.size(); ++l) {
    const std::uint64_t inner = plan.width << l;
    const std::uint64_t out = plan.bottleneck ? 4 * inner : inner;
    for (std::uint64_t b = 0; b < plan.blocks[l]; ++b) {
      const std::string block = fmt::format("layer{}.{}", l + 1, b);
      network.conv(block + ".conv1", inner, stream, plan.bottleneck ? 1 : 3, plan.bias);
      norm(block + ".bn1", inner);
      network.conv(block + ".conv2", inner, inner, 3, plan.bias);
      norm(block + ".bn2", inner);
      if (plan.bottleneck) {
        network.conv(block + ".conv3", out, inner, 1, plan.bias);
        norm(block + ".bn3", out);
      }
      if (b == 0 && (l > 0 || stream != out)) {
        network.conv(block + ".downsample.0", out, stream, 1, plan.bias);
        norm(block + ".downsample.1", out);
      }
      stream = out;
    }
  }
  return network.linear("fc", 1000, stream).build();
}

Network attention() {
  return NetworkBuilder()
      .add("in", {6, 5})
      .add("q", {12, 6})
      .add("k", {12, 6})
      .add("v", {12, 6})
      .add("o", {6, 12})
      .add("out", {2, 6})
      .build();
}

MemoryModel random_model(const Network& network, std::uint64_t seed) {
  MemoryModel model;
  for (const TensorInfo& tensor : network) {
    const std::size_t count = *element_count(tensor.shape);
    if (tensor.dtype == DType::kF32) {
      model.set(tensor, random_floats(count, seed++));
    } else {
      model.set(tensor, Buffer(*byte_size(tensor.dtype, tensor.shape), std::byte{7}));
    }
  }
  return model;
}

Permutation random_permutation(const Spec& spec, std::uint64_t seed) {
  Random random(seed);
  return mgit::random_permutation(spec, random);
}

MemoryModel read_safetensors(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::uint64_t length = 0;
  file.read(reinterpret_cast<char*>(&length), sizeof length);
  std::string header(length, '\0');
  file.read(header.data(), static_cast<std::streamsize>(length));
  MemoryModel model;
  const auto json = nlohmann::json::parse(header).get<std::map<std::string, nlohmann::json>>();
  for (const auto& [name, entry] : json) {
    if (name == "__metadata__") continue;
    const auto begin = entry["data_offsets"][0].get<std::uint64_t>();
    const auto end = entry["data_offsets"][1].get<std::uint64_t>();
    Buffer data(end - begin);
    file.seekg(static_cast<std::streamoff>(8 + length + begin));
    file.read(reinterpret_cast<char*>(data.data()), static_cast<std::streamsize>(data.size()));
    const auto dtype = dtype_from_name(entry["dtype"].get<std::string>());
    model.set({name, dtype.value(), entry["shape"].get<Shape>()}, std::move(data));
  }
  return model;
}

std::vector<double> values(const TensorSource& model, const std::string& name) {
  const TensorData data = model.read(name);
  std::vector<double> result(*element_count(data.view.shape));
  to_double(data.view, result);
  return result;
}

std::vector<std::string> members(const Spec& spec, const std::string& group) {
  std::vector<std::string> result;
  for (const SpecTensor& tensor : spec.tensors)
    for (std::size_t axis = 0; axis < tensor.axes.size(); ++axis)
      for (const Occurrence& place : tensor.axes[axis].occurrences)
        if (spec.groups[place.group].name == group)
          result.push_back(fmt::format("{}:{}", tensor.name, axis));
  return result;
}

}  // namespace mgit::testing
