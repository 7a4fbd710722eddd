#include "git/model_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdio>
#include <optional>

#include "base/os.h"
#include "base/process.h"
#include "base/similar.h"
#include "format/shard_index.h"
#include "git/text.h"

namespace fs = std::filesystem;

namespace mgit {
namespace {

/// A key of [model "NAME"] and where it goes.
struct ModelKey {
  std::string_view name;
  std::string ModelConfig::*member;  // nullptr: non_finite_tensors(), model_setting()
};

constexpr std::array<ModelKey, 12> kModelKeys{{{"path", &ModelConfig::path},
                                               {"spec", &ModelConfig::spec},
                                               {"graph", &ModelConfig::graph},
                                               {"data", &ModelConfig::data},
                                               {"calibration", &ModelConfig::calibration},
                                               {"loss", &ModelConfig::loss},
                                               {"nonfinite", nullptr},
                                               {"key", nullptr},
                                               {"input", nullptr},
                                               {"optimizer", nullptr},
                                               {"max-loss-increase", nullptr},
                                               {"max-barrier", nullptr}}};

/// A path inside the repository: relative, no "..".
bool stays_inside(const std::string& path) {
  const fs::path candidate(path);
  if (path.empty() || candidate.is_absolute()) return false;
  return std::none_of(candidate.begin(), candidate.end(),
                      [](const fs::path& part) { return part == ".."; });
}

/// "model.my.net.path" is section "model", subsection "my.net", name "path".
struct Entry {
  std::string section;
  std::optional<std::string> subsection{};
  std::string name;
  std::optional<std::string> value{};  // none: a name alone

  bool is_of_model() const { return section == "model" && subsection; }
  std::string heading() const {
    return subsection ? fmt::format("[{} \"{}\"]", section, *subsection) : "[" + section + "]";
  }
};

/// Key, line end, value, NUL; a key without value has no line end.
std::vector<Entry> entries_of(std::string_view listing) {
  std::vector<Entry> entries;
  for (std::size_t position = 0; position < listing.size();) {
    const std::size_t end = std::min(listing.find('\0', position), listing.size());
    const std::string text(listing.substr(position, end - position));
    position = end + 1;
    const std::size_t line = text.find('\n');
    const std::string key = text.substr(0, line);
    const std::size_t first = key.find('.');
    const std::size_t last = key.rfind('.');
    if (last == std::string::npos) continue;
    Entry entry{key.substr(0, first), {}, key.substr(last + 1), {}};
    if (first != last) entry.subsection = key.substr(first + 1, last - first - 1);
    if (line != std::string::npos) entry.value = text.substr(line + 1);
    entries.push_back(std::move(entry));
  }
  return entries;
}

std::string lower(std::string_view text) {
  std::string result(text);
  std::ranges::transform(result, result.begin(), [](unsigned char c) {
    return static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  });
  return result;
}

std::string_view trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t\r");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r") - begin + 1);
}

/// "[Model "net"]" and "[model]" as Entry::heading() has them, as far as such a line goes.
std::string heading_in(std::string_view line) {
  const std::size_t end = line.find(']');
  if (!line.starts_with('[') || end == std::string_view::npos) return {};
  const std::size_t quote = std::min(line.find('"'), end);
  std::string heading = lower(trimmed(line.substr(1, quote - 1)));
  if (quote < end) heading += " " + std::string(line.substr(quote, end - quote));
  return "[" + heading + "]";
}

/// ".mgitconfig:7" for the first line of this section, or of this name in it; without a number
/// where the text does not say it plainly.
std::string place(std::string_view text, const std::string& heading, std::string_view name = {}) {
  bool inside = false;
  std::size_t number = 0;
  while (!text.empty()) {
    ++number;
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = trimmed(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.starts_with('[')) inside = heading_in(line) == heading;
    const std::string key = lower(trimmed(line.substr(0, line.find('='))));
    if (inside && (name.empty() || key == name))
      return fmt::format("{}:{}", kModelConfigFile, number);
  }
  return kModelConfigFile;
}

std::vector<ModelConfig> models_in(const std::vector<Entry>& entries) {
  std::vector<ModelConfig> models;
  for (const Entry& entry : entries) {
    if (!entry.is_of_model() || !entry.value) continue;
    auto model = std::ranges::find(models, *entry.subsection, &ModelConfig::name);
    if (model == models.end()) {
      models.emplace_back().name = *entry.subsection;
      model = models.end() - 1;
    }
    const auto* const key = std::ranges::find(kModelKeys, entry.name, &ModelKey::name);
    if (key != kModelKeys.end() && key->member != nullptr) (*model).*(key->member) = *entry.value;
  }
  return models;
}

void check_models(const std::vector<ModelConfig>& models, std::string_view text) {
  for (const ModelConfig& model : models) {
    const std::string section = "[model \"" + model.name + "\"]";
    if (model.path.empty())
      throw Error(section + " has no path", place(text, section), "add: path = <checkpoint>");
    if (!stays_inside(model.path))
      throw Error(section + ": path must stay inside the repository: " + model.path,
                  place(text, section, "path"));
  }
}

std::string did_you_mean(const std::string& typed, const std::vector<std::string>& names) {
  const std::vector<std::string> similar = similar_names(typed, names);
  return similar.empty() ? std::string() : fmt::format("; did you mean {}?", similar.front());
}

/// The file as a commit has it, or the working tree.
std::string config_file(const Repository& repository, const std::optional<Oid>& commit) {
  if (commit) {
    const auto file = repository.file_at(*commit, kModelConfigFile);
    return file ? repository.blob(file->blob) : std::string();
  }
  const fs::path file = repository.work_dir() / kModelConfigFile;
  if (repository.work_dir().empty() || !fs::is_regular_file(file)) return {};
  return os::read_file(file);
}

/// What .mgitconfig says; no includes: the file may come from anybody.
std::string listing_of(const Repository& repository, const std::optional<Oid>& commit = {}) {
  ProcessOptions options;
  options.input = config_file(repository, commit);
  if (options.input->empty()) return {};
  return run_checked({"git", "config", "-z", "--no-includes", "--file", "-", "--list"},
                     std::move(options));
}

}  // namespace

std::vector<ModelConfig> parse_models(std::string_view listing, std::string_view text) {
  std::vector<ModelConfig> models = models_in(entries_of(listing));
  check_models(models, text);
  return models;
}

std::vector<NonFiniteTensors> non_finite_tensors(const Repository& repository) {
  const std::vector<Entry> entries = entries_of(listing_of(repository));
  std::vector<NonFiniteTensors> result;
  for (const ModelConfig& model : models_in(entries))
    for (const Entry& entry : entries)
      if (entry.is_of_model() && *entry.subsection == model.name && entry.name == "nonfinite" &&
          entry.value)
        result.push_back({model.path, *entry.value});
  return result;
}

std::string model_setting(const Repository& repository, const std::optional<Oid>& commit,
                          const std::string& model_path, std::string_view key) {
  const std::vector<Entry> entries = entries_of(listing_of(repository, commit));
  std::string value;
  for (const ModelConfig& model : models_in(entries)) {
    if (!same_model_path(model.path, model_path)) continue;
    for (const Entry& entry : entries)
      if (entry.is_of_model() && *entry.subsection == model.name && entry.name == key)
        value = entry.value.value_or("");
  }
  return value;
}

std::string config_complaint(const std::string& errors) {
  const std::string words = first_words(errors);
  const std::string shorter = words.substr(0, words.find(" in standard input"));
  return shorter.empty() ? "cannot be parsed" : shorter;
}

std::vector<std::string> unknown_config_keys(std::string_view listing, std::string_view text) {
  std::vector<std::string> names;
  names.reserve(kModelKeys.size());
  for (const ModelKey& key : kModelKeys) names.emplace_back(key.name);
  std::vector<std::string> lines;
  for (const Entry& entry : entries_of(listing)) {
    const bool known = std::ranges::find(names, entry.name) != names.end();
    if (entry.is_of_model() && known) continue;
    if (entry.section == "objects" && !entry.subsection && entry.name == "url") continue;
    if (entry.is_of_model())
      lines.push_back(fmt::format("{}: mgit knows no key '{}' in {}{}",
                                  place(text, entry.heading(), entry.name), entry.name,
                                  entry.heading(), did_you_mean(entry.name, names)));
    else if (entry.section == "model")
      lines.push_back(fmt::format("{}: a model needs a name: [model \"net\"]",
                                  place(text, entry.heading(), entry.name)));
    else
      lines.push_back(fmt::format("{}: mgit knows no section {}{}",
                                  place(text, entry.heading(), entry.name), entry.heading(),
                                  did_you_mean(entry.section, {"model"})));
  }
  return lines;
}

void warn_of_unknown_keys(std::string_view listing, std::string_view text) {
  static std::atomic<bool> warned = false;
  if (warned.exchange(true)) return;
  for (const std::string& line : unknown_config_keys(listing, text))
    fmt::print(stderr, "warning: {}\n", line);
}

}  // namespace mgit
