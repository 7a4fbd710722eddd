#include "git/model_config.h"

#include <algorithm>

namespace fs = std::filesystem;

namespace mgit {
namespace {

/// A path inside the repository: relative, no "..".
bool stays_inside(const std::string& path) {
  const fs::path candidate(path);
  if (path.empty() || candidate.is_absolute()) return false;
  return std::none_of(candidate.begin(), candidate.end(),
                      [](const fs::path& part) { return part == ".."; });
}

/// "model.my.net.path" -> {"my.net", "path"}; nullopt for other sections.
std::optional<std::pair<std::string, std::string>> model_key(const std::string& key) {
  constexpr std::string_view kSection = "model.";
  const std::size_t dot = key.rfind('.');
  if (!key.starts_with(kSection) || dot < kSection.size()) return std::nullopt;
  return std::pair(key.substr(kSection.size(), dot - kSection.size()), key.substr(dot + 1));
}

void set_field(ModelConfig& model, const std::string& field, const std::string& value) {
  if (field == "path") model.path = value;
  if (field == "spec") model.spec = value;
  if (field == "graph") model.graph = value;
  if (field == "data") model.data = value;
  if (field == "loss") model.loss = value;
}

/// Key, line end, value, NUL; a key without value has no line end.
std::vector<ModelConfig> models_in(std::string_view listing) {
  std::vector<ModelConfig> models;
  std::size_t position = 0;
  while (position < listing.size()) {
    const std::size_t end = std::min(listing.find('\0', position), listing.size());
    const std::string entry(listing.substr(position, end - position));
    position = end + 1;
    const std::size_t line = entry.find('\n');
    const auto key = model_key(entry.substr(0, line));
    if (!key || line == std::string::npos) continue;
    auto model = std::find_if(models.begin(), models.end(),
                              [&](const ModelConfig& m) { return m.name == key->first; });
    if (model == models.end()) {
      models.emplace_back().name = key->first;
      model = models.end() - 1;
    }
    set_field(*model, key->second, entry.substr(line + 1));
  }
  return models;
}

void check_models(const std::vector<ModelConfig>& models) {
  for (const ModelConfig& model : models) {
    const std::string section = "[model \"" + model.name + "\"]";
    if (model.path.empty())
      throw Error(section + " has no path", kModelConfigFile, "add: path = <checkpoint>");
    if (!stays_inside(model.path))
      throw Error(section + ": path must stay inside the repository: " + model.path,
                  kModelConfigFile);
  }
}

}  // namespace

std::vector<ModelConfig> parse_models(std::string_view listing) {
  std::vector<ModelConfig> models = models_in(listing);
  check_models(models);
  return models;
}

}  // namespace mgit
