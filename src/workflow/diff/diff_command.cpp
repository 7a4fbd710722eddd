#include "workflow/diff/diff_command.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <sstream>

#include "base/json.h"
#include "base/process.h"
#include "mgit/store.h"
#include "workflow/diff/diff.h"
#include "workflow/diff/diff_markdown.h"
#include "workflow/diff/diff_moves.h"
#include "workflow/diff/diff_sides.h"
#include "worktree/attributes.h"

namespace mgit {
namespace {

std::vector<std::string> git_diff(const std::vector<std::string>& options,
                                  const std::vector<std::string>& selection) {
  std::vector<std::string> command{"git", "diff"};
  command.insert(command.end(), options.begin(), options.end());
  command.insert(command.end(), selection.begin(), selection.end());
  return command;
}

/// One line of `git diff --raw`.
struct RawChange {
  std::string old_mode;
  std::string mode;
  Oid old_blob;
  Oid blob;  // zero: the file in the working tree
  char status = 'M';
  std::string old_path;
  std::string path;
};

std::vector<RawChange> raw_changes(const std::vector<std::string>& selection) {
  std::istringstream fields(run_checked(git_diff({"--raw", "-z", "--no-abbrev", "-M"}, selection)));
  std::vector<RawChange> changes;
  for (std::string head; std::getline(fields, head, '\0');) {
    if (head.starts_with("::")) {  // a merge under way: git's to show
      std::getline(fields, head, '\0');
      continue;
    }
    std::istringstream columns(head.substr(1));
    RawChange change;
    std::string old_blob;
    std::string blob;
    columns >> change.old_mode >> change.mode >> old_blob >> blob >> change.status;
    change.old_blob = Oid::from_hex(old_blob).value_or(Oid{});
    change.blob = Oid::from_hex(blob).value_or(Oid{});
    std::getline(fields, change.path, '\0');
    if (change.status == 'R' || change.status == 'C') {
      change.old_path = change.path;
      std::getline(fields, change.path, '\0');
    }
    changes.push_back(std::move(change));
  }
  return changes;
}

/// A difference and the sides it was made from.
struct Comparison {
  CheckpointDifference difference;
  std::optional<Side> before;
  std::optional<Side> after;
};

/// nullopt if one side is no checkpoint.
std::optional<Comparison> compare(const Workspace& repository, const RawChange& change) {
  const std::string& old_path = change.old_path.empty() ? change.path : change.old_path;
  Comparison result;
  result.difference.path = change.path;
  result.difference.old_path = change.old_path;
  result.difference.status = change.status;
  try {
    result.before = side_of(repository, change.old_mode, change.old_blob, old_path);
    result.after = side_of(repository, change.mode, change.blob, change.path);
    if (!result.before || !result.after) return std::nullopt;
    if (result.before->manifest && result.after->source->tensors().size() > 0)
      repository.need(*result.before->manifest, old_path);
    if (result.after->manifest && result.before->source->tensors().size() > 0)
      repository.need(*result.after->manifest, change.path);
    result.difference.tensors = compare_checkpoints(result.before->view(), result.after->view());
    result.difference.chunks = compare_chunks(result.before->chunks, result.after->chunks);
    result.difference.scalars = compare_scalars(result.before->outline, result.after->outline);
  } catch (const Error& error) {
    result.difference.problem =
        error.where().empty() ? error.what() : error.where() + ": " + error.what();
  }
  return result;
}

std::vector<CheckpointDifference> differences_of(std::vector<Comparison> comparisons) {
  std::vector<ComparedFile> files;
  for (Comparison& each : comparisons)
    if (each.difference.problem.empty())
      files.push_back({&each.difference, each.before->view(), each.after->view()});
  mark_moves(files);
  std::vector<CheckpointDifference> differences;
  for (Comparison& each : comparisons) differences.push_back(std::move(each.difference));
  return differences;
}

Json json_of(const std::vector<CheckpointDifference>& differences) {
  const auto type = [](const std::optional<TensorInfo>& info) -> Json {
    if (!info) return nullptr;
    return {{"dtype", dtype_name(info->dtype)}, {"shape", info->shape}};
  };
  Json files = Json::array();
  for (const CheckpointDifference& difference : differences) {
    Json file{{"path", difference.path},
              {"status", std::string(1, difference.status)},
              {"equal", 0},
              {"tensors", Json::array()}};
    if (!difference.old_path.empty()) file["old_path"] = difference.old_path;
    if (!difference.problem.empty()) file["problem"] = difference.problem;
    if (!difference.chunks.empty()) file["chunks"] = difference.chunks;
    for (const ScalarDifference& scalar : difference.scalars) {
      Json entry{{"name", scalar.name}, {"before", nullptr}, {"after", nullptr}};
      if (scalar.before) entry["before"] = *scalar.before;
      if (scalar.after) entry["after"] = *scalar.after;
      file["scalars"].push_back(std::move(entry));
    }
    int equal = 0;
    for (const TensorDifference& tensor : difference.tensors) {
      if (tensor.change == TensorChange::kEqual) {
        ++equal;
        continue;
      }
      Json entry{{"name", tensor.name},
                 {"change", change_name(tensor.change)},
                 {"before", type(tensor.before)},
                 {"after", type(tensor.after)}};
      if (tensor.relative) entry["relative"] = *tensor.relative;
      if (tensor.cosine) entry["cosine"] = *tensor.cosine;
      if (!tensor.other_file.empty()) entry["other_file"] = tensor.other_file;
      file["tensors"].push_back(std::move(entry));
    }
    file["equal"] = equal;
    files.push_back(std::move(file));
  }
  return {{"checkpoints", files}};
}

/// Sends stdout through git's pager while it exists.
class Pager {
 public:
  explicit Pager(const Repository& repository) {
    ProcessOptions options;
    options.directory = repository.git_dir().string();
    options.capture_errors = true;
    std::string command = run_process({"git", "var", "GIT_PAGER"}, options).output;
    while (command.ends_with('\n')) command.pop_back();
    if (command.empty() || command == "cat") return;
    ::setenv("LESS", "FRX", 0);
    ::setenv("GIT_PAGER_IN_USE", "true", 1);
    pipe_ = ::popen(command.c_str(), "w");
    if (pipe_ != nullptr) ::dup2(::fileno(pipe_), STDOUT_FILENO);
  }
  ~Pager() {
    if (pipe_ == nullptr) return;
    std::fflush(stdout);
    ::close(STDOUT_FILENO);
    ::pclose(pipe_);
    static_cast<void>(std::freopen("/dev/null", "w", stdout));
  }
  Pager(const Pager&) = delete;
  Pager& operator=(const Pager&) = delete;

 private:
  std::FILE* pipe_ = nullptr;
};

bool wants_colour(const DiffRequest& request, bool terminal) {
  if (request.colour_always || request.colour_never) return request.colour_always;
  ProcessOptions options;
  options.capture_errors = true;
  const char* answer = terminal ? "true" : "false";
  return run_process({"git", "config", "--get-colorbool", "color.diff", answer}, options).output ==
         "true\n";
}

/// git's diff of everything but these paths.
int diff_rest(const DiffRequest& request, const std::vector<CheckpointDifference>& shown,
              bool colour) {
  std::vector<std::string> options = request.patch;
  if (request.exit_code) options.emplace_back("--exit-code");
  options.emplace_back(colour ? "--color=always" : "--color=never");
  std::vector<std::string> selection = request.selection;
  for (const CheckpointDifference& difference : shown)
    for (const std::string& path : {difference.path, difference.old_path})
      if (!path.empty()) selection.push_back(":(exclude,top,literal)" + path);
  std::fflush(stdout);
  ProcessOptions inherit;
  inherit.capture_output = false;
  return run_process(git_diff(options, selection), inherit).status;
}

/// The checkpoints that differ; `rest`: something else does, too.
std::vector<CheckpointDifference> compare_all(Workspace& repository,
                                              const std::vector<std::string>& selection,
                                              bool& rest) {
  std::vector<Comparison> comparisons;
  const std::vector<RawChange> changes = raw_changes(selection);
  std::vector<std::string> paths;
  for (const RawChange& change : changes) paths.push_back(change.path);
  const std::vector<bool> tracked = tracked_by_mgit(repository, paths);
  for (std::size_t i = 0; i < changes.size(); ++i) {
    auto comparison =
        tracked[i] && changes[i].status != 'U' ? compare(repository, changes[i]) : std::nullopt;
    if (comparison)
      comparisons.push_back(std::move(*comparison));
    else
      rest = true;
  }
  return differences_of(std::move(comparisons));
}

}  // namespace

std::vector<CheckpointDifference> checkpoint_differences(
    Workspace& repository, const std::vector<std::string>& selection) {
  bool rest = false;
  return compare_all(repository, selection, rest);
}

std::optional<int> diff_files(Workspace& repository, const DiffRequest& request) {
  bool rest = false;
  const std::vector<CheckpointDifference> shown = compare_all(repository, request.selection, rest);
  if (request.json || request.markdown) {
    if (request.json)
      fmt::print("{}\n", json_of(shown).dump());
    else if (shown.empty())
      fmt::print("No checkpoint differs.\n");
    else
      for (const CheckpointDifference& difference : shown)
        fmt::print("{}", difference_markdown(difference));
    return request.exit_code && !shown.empty() ? 1 : 0;
  }
  if (shown.empty()) return std::nullopt;

  const bool terminal = ::isatty(STDOUT_FILENO) != 0;
  const bool colour = wants_colour(request, terminal);
  std::optional<Pager> pager;
  if (terminal) pager.emplace(repository);
  fmt::print("{}", resharding_text(shown));
  for (const CheckpointDifference& difference : shown)
    fmt::print("{}", difference_text(difference, colour));
  const int status = rest ? diff_rest(request, shown, colour) : 0;
  return status == 0 && request.exit_code ? 1 : status;
}

}  // namespace mgit
