// A real git repository in a temporary directory, out of reach of the host's configuration.
#pragma once

#include <cstdlib>
#include <fstream>
#include <string>

#include "base/process.h"
#include "mgit/format.h"
#include "mgit/git.h"
#include "support/support.h"

namespace mgit::testing {

/// Sets an environment variable (nullptr: removes it) for a scope.
class ScopedVariable {
 public:
  ScopedVariable(const char* name, const char* value) : name_(name) {
    if (const char* old = std::getenv(name); old != nullptr) old_ = old;
    if (value != nullptr)
      ::setenv(name, value, 1);
    else
      ::unsetenv(name);
  }
  ~ScopedVariable() {
    if (old_)
      ::setenv(name_.c_str(), old_->c_str(), 1);
    else
      ::unsetenv(name_.c_str());
  }
  ScopedVariable(const ScopedVariable&) = delete;
  ScopedVariable& operator=(const ScopedVariable&) = delete;

 private:
  std::string name_;
  std::optional<std::string> old_;
};

class GitSandbox {
 public:
  GitSandbox()
      : home_("HOME", directory_.path().c_str()), global_("GIT_CONFIG_GLOBAL", "/dev/null") {
    create("repo");
  }

  std::filesystem::path root() const { return directory_.path(); }
  std::filesystem::path path() const { return root() / "repo"; }

  void create(const std::string& name, bool bare = false) {
    std::vector<std::string> arguments = {"init", "-q", "-b", "main"};
    if (bare) arguments.emplace_back("--bare");
    arguments.push_back((root() / name).string());
    git(arguments, root());
  }
  std::string git(std::vector<std::string> arguments) const {
    return git(std::move(arguments), path());
  }
  std::string git(std::vector<std::string> arguments, const std::filesystem::path& where) const {
    arguments.insert(arguments.begin(), "git");
    ProcessOptions options;
    options.directory = where.string();
    std::string output = run_checked(arguments, options);
    while (output.ends_with('\n')) output.pop_back();
    return output;
  }
  void write(const std::string& file, std::string_view content) const {
    std::filesystem::create_directories((path() / file).parent_path());
    std::ofstream(path() / file, std::ios::binary) << content;
  }
  /// Commits all files; returns the commit.
  Oid commit(const std::string& message = "a change") const {
    git({"add", "-A"});
    git({"commit", "-q", "--allow-empty", "-m", message});
    return *Oid::from_hex(git({"rev-parse", "HEAD"}));
  }
  Repository open() const { return Repository::discover(path()); }

 private:
  TemporaryDirectory directory_;
  ScopedVariable home_;
  ScopedVariable global_;
  ScopedVariable system_{"GIT_CONFIG_NOSYSTEM", "1"};
  ScopedVariable author_name_{"GIT_AUTHOR_NAME", "Ada Author"};
  ScopedVariable author_email_{"GIT_AUTHOR_EMAIL", "ada@example.com"};
  ScopedVariable author_date_{"GIT_AUTHOR_DATE", "1700000000 +0100"};
  ScopedVariable committer_name_{"GIT_COMMITTER_NAME", "Carl Committer"};
  ScopedVariable committer_email_{"GIT_COMMITTER_EMAIL", "carl@example.com"};
  ScopedVariable committer_date_{"GIT_COMMITTER_DATE", "1700000100 -0330"};
};

/// A manifest with one tensor "w" of four floats whose object is named by `content`.
inline Manifest manifest_of(std::string_view content, std::string_view layout = "layout") {
  Manifest manifest;
  manifest.format = "safetensors";
  manifest.size = 100;
  manifest.layout = sha256(as_bytes(layout));
  manifest.tensors.push_back({{"w", DType::kF32, {4}}, sha256(as_bytes(content))});
  return manifest;
}

/// What an Error says, for matching.
template <typename Call>
std::string error_of(Call&& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.where() + "|" + error.what() + "|" + error.hint();
  }
  return "no error";
}

}  // namespace mgit::testing
