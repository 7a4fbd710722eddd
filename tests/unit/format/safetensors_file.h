// Builds safetensors files for tests, well-formed or not.
#pragma once

#include <string>
#include <vector>

#include "mgit/tensor.h"

namespace mgit::testing {

/// The length, `header` as it is, `data`.
inline std::string raw_file(const std::string& header, const std::string& data = {}) {
  std::string file;
  for (int i = 0; i < 8; ++i) file += static_cast<char>(header.size() >> (8 * i) & 0xff);
  return file + header + data;
}

/// One entry of a header: "name":{"dtype":..,"shape":[..],"data_offsets":[begin,end]}. `name` is
/// JSON already escaped.
inline std::string entry(const std::string& name, const std::string& dtype,
                         const std::string& shape, std::uint64_t begin, std::uint64_t end) {
  return "\"" + name + "\":{\"dtype\":\"" + dtype + "\",\"shape\":[" + shape +
         "],\"data_offsets\":[" + std::to_string(begin) + "," + std::to_string(end) + "]}";
}

}  // namespace mgit::testing
