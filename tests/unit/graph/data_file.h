// Archives that PyTorch wrote, in tests/unit/graph/data.
#pragma once

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "mgit/graph.h"

namespace mgit::testing {

inline std::string from_disk(const std::string& name) {
  std::ifstream file(std::string(MGIT_SOURCE_DIRECTORY) + "/tests/unit/graph/data/" + name,
                     std::ios::binary);
  EXPECT_TRUE(file) << name;
  std::stringstream bytes;
  bytes << file.rdbuf();
  return bytes.str();
}

/// A network of zeros with the tensors that a graph reads.
inline MemoryModel zeros_for(const Graph& graph) {
  MemoryModel model;
  for (const GraphParameter& parameter : graph.parameters) {
    TensorInfo info{parameter.tensor, graph.values[parameter.value].dtype, {}};
    for (const auto& length : graph.values[parameter.value].shape)
      info.shape.push_back(length.value());
    Buffer data(byte_size(info.dtype, info.shape).value());
    model.set(std::move(info), std::move(data));
  }
  return model;
}

}  // namespace mgit::testing
