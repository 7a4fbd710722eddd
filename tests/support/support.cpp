#include "support/support.h"

#include <cstdlib>
#include <cstring>

namespace mgit::testing {

TemporaryDirectory::TemporaryDirectory() {
  std::string name = (std::filesystem::temp_directory_path() / "mgit-test-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) throw Error("cannot create a directory", name);
  path_ = name;
}

TemporaryDirectory::~TemporaryDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::optional<std::filesystem::path> shared_data() {
  const char* configured = std::getenv("MGIT_DATA");
  const std::filesystem::path path =
      configured != nullptr ? configured
                            : std::filesystem::path(MGIT_SOURCE_DIRECTORY).parent_path() / "shared";
  if (!std::filesystem::exists(path / "models")) return std::nullopt;
  return path;
}

Buffer random_floats(std::size_t count, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::normal_distribution<float> normal;
  Buffer data(count * sizeof(float));
  for (std::size_t i = 0; i < count; ++i) {
    const float value = normal(random);
    std::memcpy(data.data() + i * sizeof(float), &value, sizeof(float));
  }
  return data;
}

}  // namespace mgit::testing
