#include "eval/safetensors_writer.h"

#include <cstring>
#include <nlohmann/json.hpp>

#include "base/os.h"

namespace mgit {

Buffer safetensors_bytes(const TensorSource& tensors) {
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  Buffer data;
  for (const TensorInfo& info : tensors.tensors()) {
    const TensorData tensor = tensors.read(info.name);
    const std::size_t begin = data.size();
    data.insert(data.end(), tensor.view.data.begin(), tensor.view.data.end());
    header[info.name] = {{"dtype", dtype_name(info.dtype)},
                         {"shape", info.shape},
                         {"data_offsets", {begin, data.size()}}};
  }
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');
  const std::uint64_t length = text.size();
  Buffer file(sizeof(length) + text.size());
  std::memcpy(file.data(), &length, sizeof(length));
  std::memcpy(file.data() + sizeof(length), text.data(), text.size());
  file.insert(file.end(), data.begin(), data.end());
  return file;
}

void write_safetensors(const std::filesystem::path& path, const TensorSource& tensors) {
  os::write_file(path, safetensors_bytes(tensors));
}

}  // namespace mgit
