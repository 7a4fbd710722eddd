#include "git/prefetch.h"

#include <fnmatch.h>

#include <set>
#include <sstream>

#include "base/os.h"
#include "base/process.h"
#include "git/attribute_lines.h"
#include "git/object_database.h"

namespace mgit {
namespace {

ProcessResult git(const Repository& repository, std::vector<std::string> arguments,
                  std::string input) {
  arguments.insert(arguments.begin(), "git");
  ProcessOptions options;
  options.environment["GIT_DIR"] = repository.git_dir().string();
  options.directory = repository.git_dir().string();
  options.capture_errors = true;
  options.input = std::move(input);
  return run_process(arguments, options);
}

/// The first remote that promised to have what is not here; empty in a whole clone.
std::string promising_remote(const Repository& repository) {
  const std::string output =
      git(repository,
          {"config", "-z", "--name-only", "--get-regexp", R"(^remote\..*\.promisor$)", "true"}, {})
          .output;
  const std::string key = output.substr(0, output.find('\0'));
  constexpr std::string_view kBefore = "remote.";
  constexpr std::string_view kAfter = ".promisor";
  if (key.size() <= kBefore.size() + kAfter.size()) return {};
  return key.substr(kBefore.size(), key.size() - kBefore.size() - kAfter.size());
}

/// File names of checkpoints, as patterns.
std::vector<std::string> checkpoint_names(const Repository& repository) {
  std::string attributes;
  const std::filesystem::path file = repository.work_dir() / ".gitattributes";
  if (!repository.work_dir().empty() && std::filesystem::exists(file))
    attributes = os::read_file(file);
  else if (const auto head = repository.head())
    if (const auto there = repository.file_at(*head, ".gitattributes"))
      attributes = repository.blob(there->blob);
  std::vector<std::string> names = mgit_patterns(attributes);
  for (std::string& name : names) name.erase(0, name.rfind('/') + 1);
  return names;
}

/// Looks at each tree once.
class MissingManifests {
 public:
  explicit MissingManifests(const Repository& repository)
      : objects_(repository, ObjectDatabase::Mode::kOnlyName),
        names_(checkpoint_names(repository)) {}

  void look_at(const Oid& root) {
    std::vector<Oid> pending{root};
    while (!pending.empty()) {
      const Oid tree = pending.back();
      pending.pop_back();
      if (!seen_.insert(tree).second || !is_here(tree)) continue;
      for (const RawEntry& entry : parse_tree(objects_.read(tree, ObjectType::kTree))) {
        if (entry.is_tree()) pending.push_back(entry.id);
        if (entry.is_file() && is_checkpoint(entry.name) && seen_.insert(entry.id).second &&
            !is_here(entry.id))
          missing_ += entry.id.hex() + "\n";
      }
    }
  }

  const std::string& lines() const { return missing_; }

 private:
  bool is_here(const Oid& id) const {
    try {
      objects_.type(id);
      return true;
    } catch (const MissingError&) {
      return false;
    }
  }
  bool is_checkpoint(const std::string& name) const {
    return std::any_of(names_.begin(), names_.end(), [&](const std::string& pattern) {
      return ::fnmatch(pattern.c_str(), name.c_str(), 0) == 0;
    });
  }

  ObjectDatabase objects_;
  std::vector<std::string> names_;
  std::set<Oid> seen_;
  std::string missing_;
};

void fetch_missing(const Repository& repository, const std::string& remote,
                   const std::vector<Oid>& commits) {
  MissingManifests missing(repository);
  for (const Oid& commit : commits) missing.look_at(repository.commit(commit).tree);
  if (missing.lines().empty()) return;
  // As git itself fetches what was promised.
  git(repository,
      {"-c", "fetch.negotiationAlgorithm=noop", "fetch", "--quiet", "--no-tags",
       "--no-write-fetch-head", "--recurse-submodules=no", "--filter=blob:none", "--stdin", remote},
      missing.lines());
}

}  // namespace

void prefetch_history(const Repository& repository, const Oid& tip) {
  const std::string remote = promising_remote(repository);
  if (!remote.empty()) fetch_missing(repository, remote, repository.history({}, {tip}));
}

void prefetch_manifests(const Repository& repository, const std::vector<Oid>& commits) {
  const std::string remote = promising_remote(repository);
  if (!remote.empty()) fetch_missing(repository, remote, commits);
}

}  // namespace mgit
