// Checkpoints and stores for tests.
#pragma once

#include <fstream>
#include <random>
#include <string>

#include "mgit/store.h"
#include "support/support.h"

namespace mgit::testing {

inline std::string to_string(Bytes bytes) { return std::string(as_text(bytes)); }

inline std::string read_whole(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

inline void write_whole(const std::filesystem::path& path, const std::string& content) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << content;
}

inline std::string random_bytes(std::size_t count, std::mt19937_64& random) {
  std::string bytes(count, ' ');
  for (char& byte : bytes) byte = static_cast<char>(random());
  return bytes;
}

/// A safetensors file with these tensors, in this order, from {name, dtype, shape} and data.
class FileBuilder {
 public:
  FileBuilder& add(const std::string& json_name, DType dtype, const Shape& shape,
                   const std::string& data) {
    if (!header_.empty()) header_ += ",";
    std::string dimensions;
    for (const auto length : shape)
      dimensions += (dimensions.empty() ? "" : ",") + std::to_string(length);
    header_ += "\"" + json_name + "\":{\"dtype\":\"" + std::string(dtype_name(dtype)) +
               "\",\"shape\":[" + dimensions + "],\"data_offsets\":[" +
               std::to_string(data_.size()) + "," + std::to_string(data_.size() + data.size()) +
               "]}";
    data_ += data;
    return *this;
  }
  std::string text() const {
    const std::string header = "{" + header_ + "}";
    std::string file;
    for (int i = 0; i < 8; ++i) file += static_cast<char>(header.size() >> (8 * i) & 0xff);
    return file + header + data_;
  }

 private:
  std::string header_;
  std::string data_;
};

/// Tensors of every dtype, scalars, empty ones, odd names, compressible and random data.
inline std::string random_checkpoint(std::mt19937_64& random) {
  static const std::vector<std::string> kNames{"",        "a",   "layer.0.weight", "x\\ny", "q\\\"",
                                               "\\u00e9", "z z", "b\\u0000c",      "\\\\",  "same"};
  FileBuilder builder;
  for (const std::string& name : kNames) {
    if (random() % 4 == 0) continue;
    const auto dtype = static_cast<DType>(random() % 22);
    Shape shape;
    for (auto rank = random() % 4; rank > 0; --rank) shape.push_back(random() % 12);
    if (dtype_bits(dtype) < 8) shape.push_back(4);
    const std::size_t bytes = *byte_size(dtype, shape);
    builder.add(name, dtype, shape,
                random() % 2 == 0 ? random_bytes(bytes, random)
                                  : std::string(bytes, static_cast<char>(random())));
  }
  return builder.text() + random_bytes(random() % 3, random);
}

/// Adds a file to a store in a batch of its own.
inline Manifest add(Store& store, const std::string& file,
                    const std::string& path = "model.safetensors") {
  const auto batch = store.begin();
  const Manifest manifest = add_checkpoint(*batch, as_bytes(file), path);
  batch->commit();
  return manifest;
}

inline std::string checked_out(const Store& store, const Manifest& manifest) {
  std::string file;
  write_checkpoint(store, manifest, [&file](Bytes piece) { file += as_text(piece); });
  return file;
}

}  // namespace mgit::testing
