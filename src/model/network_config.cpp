#include "model/network_config.h"

#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/os.h"

namespace mgit {
namespace {

constexpr std::size_t kMostBytes = 1 << 20;
constexpr int kDeepest = 4;

void flatten(const nlohmann::json& object, const std::string& prefix, int depth,
             NetworkConfig& out) {
  for (const auto& [key, value] : object.items()) {
    const std::string name = prefix + key;
    if (value.is_string()) {
      out.emplace(name, value.get<std::string>());
    } else if (value.is_number() || value.is_boolean()) {
      out.emplace(name, value.dump());
    } else if (value.is_object() && depth < kDeepest) {
      flatten(value, name + ".", depth + 1, out);
    }
  }
}

}  // namespace

NetworkConfig parse_network_config(std::string_view json) {
  NetworkConfig config;
  if (json.size() > kMostBytes) return config;
  const auto parsed = nlohmann::json::parse(json, nullptr, false);
  if (parsed.is_object()) flatten(parsed, "", 0, config);
  return config;
}

NetworkConfig network_config(const Repository* repository, const std::optional<Oid>& commit,
                             const std::string& path) {
  const std::filesystem::path file = std::filesystem::path(path).parent_path() / "config.json";
  if (repository != nullptr && commit) {
    const auto found = repository->file_at(*commit, file.string());
    return found ? parse_network_config(repository->blob(found->blob)) : NetworkConfig();
  }
  const std::filesystem::path place =
      repository != nullptr && !repository->work_dir().empty() && file.is_relative()
          ? repository->work_dir() / file
          : file;
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(place, ignored) ||
      std::filesystem::file_size(place, ignored) > kMostBytes)
    return {};
  return parse_network_config(os::read_file(place));
}

}  // namespace mgit
