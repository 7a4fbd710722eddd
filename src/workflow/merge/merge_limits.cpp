#include "workflow/merge/merge_limits.h"

#include <fmt/format.h>
#include <unistd.h>

#include <charconv>
#include <cmath>
#include <filesystem>
#include <optional>
#include <sstream>

#include "base/os.h"
#include "base/process.h"
#include "git/model_config.h"
#include "workflow/evaluate.h"
#include "workflow/merge/merge_evaluation.h"

namespace mgit {
namespace {

/// What is merged into HEAD: by MERGE_HEAD, which git writes after the hook pre-merge-commit, or by
/// the names of heads (GITHEAD_<id>) that git merge hands to what it calls.
std::vector<Oid> merged_heads(const Repository& repository) {
  std::vector<Oid> heads;
  const auto add = [&](std::string_view hex) {
    if (const auto id = Oid::from_hex(hex)) heads.push_back(*id);
  };
  const std::filesystem::path file = repository.git_dir() / "MERGE_HEAD";
  if (std::filesystem::exists(file)) {
    std::istringstream lines(os::read_file(file));
    for (std::string line; std::getline(lines, line);) add(line);
    return heads;
  }
  constexpr std::string_view kHead = "GITHEAD_";
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const std::string_view text = *variable;
    if (text.starts_with(kHead)) add(text.substr(kHead.size(), text.find('=') - kHead.size()));
  }
  return heads;
}

/// nullopt: none is set.
std::optional<double> limit(const Repository& repository, const Oid& head, const std::string& path,
                            const char* key) {
  const std::string text = model_setting(repository, head, path, key);
  if (text.empty()) return std::nullopt;
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value))
    throw Error(fmt::format("{} = {} is no number", key, text), path);
  return value;
}

bool is_changed(const Repository& repository, const std::vector<std::string>& command) {
  const ProcessResult result =
      run_process(command, {.directory = repository.work_dir().string(), .capture_errors = true});
  return result.status != 0;
}

/// Index against HEAD, or the working tree against the index.
bool is_staged(const Repository& repository, const std::string& path) {
  return is_changed(repository, {"git", "diff", "--cached", "--quiet", "HEAD", "--", path});
}
bool differs_from_staged(const Repository& repository, const std::string& path) {
  return is_changed(repository, {"git", "diff", "--quiet", "--", path});
}

/// Ours first, the merged model last; a side without the model is left out.
std::vector<double> losses(Workspace& repository, const Oid& head, const std::vector<Oid>& heads,
                           const std::string& path) {
  std::vector<std::string> names{head.hex() + ":" + path};
  for (const Oid& side : heads)
    if (repository.model_at(side, path)) names.push_back(side.hex() + ":" + path);
  names.push_back((repository.work_dir() / path).string());
  std::vector<double> result;
  for (const EvaluatedModel& model : evaluate_models(&repository, names, {}))
    result.push_back(model.result.loss);
  return result;
}

/// Past it, too, where the loss is no number.
bool is_past(double value, const std::optional<double>& highest) {
  return highest && !(value <= *highest);
}

std::vector<std::string> judge(Workspace& repository, const Oid& head,
                               const std::vector<Oid>& heads, const std::string& path) {
  const auto increase = limit(repository, head, path, "max-loss-increase");
  const auto barrier = limit(repository, head, path, "max-barrier");
  if (!increase && !barrier) return {};
  if (!repository.model_at(head, path) || !is_staged(repository, path)) return {};
  if (differs_from_staged(repository, path))
    throw Error("what is staged is not what the working tree has", path, "git add it");
  const std::vector<double> loss = losses(repository, head, heads, path);
  double mean = 0;
  for (std::size_t i = 0; i + 1 < loss.size(); ++i)
    mean += loss[i] / static_cast<double>(loss.size() - 1);
  const double rise = loss.back() - loss.front();
  const double over_mean = loss.back() - mean;
  std::vector<std::string> lines;
  if (is_past(rise, increase))
    lines.push_back(
        fmt::format("{}: the merged model's loss, {:.4f}, is {:.4f} above ours; "
                    ".mgitconfig allows max-loss-increase = {}",
                    path, loss.back(), rise, *increase));
  if (is_past(over_mean, barrier))
    lines.push_back(
        fmt::format("{}: the merged model's loss, {:.4f}, is {:.4f} above the mean of "
                    "what it was made of; .mgitconfig allows max-barrier = {}",
                    path, loss.back(), over_mean, *barrier));
  return lines;
}

}  // namespace

std::vector<std::string> past_merge_limits(Workspace& repository) {
  const std::optional<Oid> head = repository.head();
  const std::vector<Oid> heads = merged_heads(repository);
  if (!head || heads.empty()) return {};
  if (!evaluates_merges(repository)) return {};
  std::vector<std::string> problems;
  for (const ModelConfig& model : repository.models(head)) {
    try {
      for (std::string& line : judge(repository, *head, heads, model.path))
        problems.push_back(std::move(line));
    } catch (const Error& error) {
      problems.push_back(fmt::format("{}: the limits of .mgitconfig cannot be checked: {}{}{}",
                                     model.path, error.where().empty() ? "" : error.where() + ": ",
                                     error.what(),
                                     error.hint().empty() ? "" : " (" + error.hint() + ")"));
    }
  }
  return problems;
}

}  // namespace mgit
