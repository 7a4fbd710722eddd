// What tests of networks on LibTorch share.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "base/mapped_file.h"
#include "eval/plugin.h"
#include "mgit/format.h"
#include "mgit/tensor.h"

namespace mgit::testing {

/// Tests that are skipped, loudly, where there is no plugin.
class WithPlugin : public ::testing::Test {
 protected:
  void SetUp() override {
    try {
      torch_plugin();
    } catch (const Error& error) {
      GTEST_SKIP() << "no LibTorch plugin: " << error.what();
    }
  }
};

/// Runs `work`, which must throw an Error; returns "where: what".
template <typename Work>
std::string error_of(const Work& work) {
  try {
    work();
  } catch (const Error& error) {
    return error.where() + ": " + error.what();
  }
  return "no error";
}

/// All tensors of a file, in memory.
inline MemoryModel load(const std::filesystem::path& path) {
  const MappedFile file(path);
  MemoryModel model;
  for (const StoredTensor& tensor : parse_checkpoint(file.bytes(), path.string()).tensors) {
    const Bytes data = file.bytes().subspan(tensor.offset, tensor.length);
    model.set(tensor.info, Buffer(data.begin(), data.end()));
  }
  return model;
}

}  // namespace mgit::testing
