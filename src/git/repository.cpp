#include <cstdlib>

#include "base/shared_permissions.h"
#include "git/repository_impl.h"
#include "git/text.h"
#include "mgit/git.h"

namespace fs = std::filesystem;

/// Stands before the function of this name that libgit2 calls when it starts: parsing the system's
/// certificates is most of the start of a small command, and mgit leaves every connection to git.
extern "C" int mbedtls_x509_crt_parse_file(void*, const char*) {
  constexpr int kFileError = -0x3E00;  // MBEDTLS_ERR_PK_FILE_IO_ERROR
  return kFileError;
}

namespace mgit {
namespace {

/// libgit2 lives as long as the process.
void start_libgit2() {
  static const bool started = [] {
    git2::check(git_libgit2_init());
    // Extensions that do not change how objects and refs are read; config() asks git where
    // worktreeConfig is on.
    const char* extensions[] = {"worktreeconfig", "preciousobjects", "partialclone"};
    git2::check(git_libgit2_opts(GIT_OPT_SET_EXTENSIONS, extensions, std::size(extensions)));
    return true;
  }();
  (void)started;
}

fs::path without_slash(const char* text) {
  if (text == nullptr) return {};
  const fs::path path(text);
  return path.has_filename() ? path : path.parent_path();
}

/// Takes a variable out of the environment for a while. libgit2 1.5 refuses to open a repository
/// when GIT_WORK_TREE is set, which is applied afterwards, and reads GIT_INDEX_FILE at once,
/// although not every index can be read by it.
class HiddenVariable {
 public:
  explicit HiddenVariable(const char* name) : name_(name) {
    if (const char* value = std::getenv(name); value != nullptr) {
      value_ = value;
      ::unsetenv(name);
    }
  }
  ~HiddenVariable() {
    if (value_) ::setenv(name_, value_->c_str(), 1);
  }
  HiddenVariable(const HiddenVariable&) = delete;
  HiddenVariable& operator=(const HiddenVariable&) = delete;
  const std::optional<std::string>& value() const { return value_; }

 private:
  const char* name_;
  std::optional<std::string> value_;
};

/// libgit2 1.5 means GIT_EOWNER, but says "not found" where safe.directory is not configured at
/// all.
bool refused_owner(int status) {
  return status == GIT_EOWNER || (status == GIT_ENOTFOUND &&
                                  git2::last_words().find("safe.directory") != std::string::npos);
}

/// libgit2 knows only part of where safe.directory may stand, so git has the last word. Throws
/// Error with git's words if it, too, does not trust the owner.
void ask_git_about_owner(const fs::path& start) {
  ProcessOptions options;
  options.directory = start.string();
  options.capture_errors = true;
  const ProcessResult result = run_process({"git", "rev-parse", "--git-dir"}, options);
  if (result.status == 0) return;
  const std::string words = first_words(result.errors);
  const std::size_t open = words.find('\'');
  const std::size_t close = words.rfind('\'');
  const std::string path =
      close == open ? start.string() : words.substr(open + 1, close - open - 1);
  throw Error(words, {}, "git config --global --add safe.directory " + path);
}

int open_repository(git_repository** opened, const char* path, const fs::path& start) {
  const auto open = [&] {
    return git_repository_open_ext(opened, path, GIT_REPOSITORY_OPEN_FROM_ENV, nullptr);
  };
  const int status = open();
  if (status == 0 || !refused_owner(status)) return status;
  ask_git_about_owner(start);
  git2::check(git_libgit2_opts(GIT_OPT_SET_OWNER_VALIDATION, 0));
  const int again = open();
  git2::check(git_libgit2_opts(GIT_OPT_SET_OWNER_VALIDATION, 1));
  return again;
}

[[noreturn]] void explain_failure(int status, const char* git_dir, const fs::path& start) {
  const std::string where = git_dir != nullptr ? git_dir : start.string();
  if (git2::last_words().find("objectformat") != std::string::npos)
    throw Error("its objects are named by SHA-256; mgit works in repositories with SHA-1 so far",
                where);
  if (status != GIT_ENOTFOUND) throw Error(git2::last_words(), where);
  if (git_dir != nullptr) throw Error("not a git repository", git_dir);
  throw Error("not a git repository (or any of the parent directories)", {},
              "git init makes one here");
}

/// git takes the current directory as the top of the working tree when only GIT_DIR is given.
void set_work_tree(git_repository* repository, const std::optional<std::string>& work_tree,
                   const char* git_dir) {
  if (work_tree) {
    git2::check(git_repository_set_workdir(repository,
                                           fs::absolute(*work_tree).lexically_normal().c_str(), 0),
                *work_tree);
    return;
  }
  if (git_dir == nullptr || git_repository_is_bare(repository) != 0 ||
      git_repository_is_worktree(repository) != 0)
    return;
  const auto config = git2::make<git2::ConfigHandle>(
      [&](git_config** out) { return git_repository_config_snapshot(out, repository); });
  const char* configured = nullptr;
  if (git_config_get_string(&configured, config.get(), "core.worktree") == 0) return;
  const fs::path here = fs::current_path();
  const fs::path inside = here.lexically_relative(without_slash(git_repository_path(repository)));
  if (!inside.empty() && *inside.begin() != "..") return;  // a hook that runs inside .git
  git2::check(git_repository_set_workdir(repository, here.c_str(), 0), here.string());
}

}  // namespace

Repository::Impl::Impl(git2::RepositoryHandle opened)
    : handle(std::move(opened)),
      git_dir(without_slash(git_repository_path(git()))),
      common_dir(without_slash(git_repository_commondir(git()))),
      work_dir(without_slash(git_repository_workdir(git()))),
      mgit_dir(common_dir / "mgit") {}

ProcessResult Repository::Impl::run_git(std::vector<std::string> arguments,
                                        std::string input) const {
  arguments.insert(arguments.begin(), "git");
  ProcessOptions options;
  options.directory = (work_dir.empty() ? git_dir : work_dir).string();
  options.input = std::move(input);
  options.capture_errors = true;
  if (std::getenv("GIT_DIR") != nullptr) options.environment["GIT_DIR"] = git_dir.string();
  if (std::getenv("GIT_WORK_TREE") != nullptr)
    options.environment["GIT_WORK_TREE"] = work_dir.string();
  return run_process(arguments, options);
}

std::string Repository::Impl::checked_git(std::vector<std::string> arguments) const {
  const std::string name = "git " + arguments.front();
  ProcessResult result = run_git(std::move(arguments));
  if (result.status == 0) return std::move(result.output);
  const std::string words = first_words(result.errors);
  throw Error(words.empty() ? "failed" : words, name);
}

namespace {

/// core.sharedRepository: who else writes to this repository, and so to .git/mgit.
void share_as_configured(git_repository* repository) {
  const auto config = git2::make<git2::ConfigHandle>(
      [&](git_config** out) { return git_repository_config_snapshot(out, repository); });
  const char* text = nullptr;
  if (git_config_get_string(&text, config.get(), "core.sharedrepository") != 0) return;
  const std::string value = text;
  constexpr unsigned kGroup = 0660;
  constexpr unsigned kEverybody = 0664;
  unsigned bits = 0;
  const bool is_mode = value.size() > 1 && value.starts_with("0") &&
                       value.find_first_not_of("01234567") == std::string::npos;
  if (is_mode)
    bits = static_cast<unsigned>(std::strtoul(value.c_str(), nullptr, 8)) & 0666U;
  else if (value == "group" || value == "true" || value == "1")
    bits = kGroup;
  else if (value == "all" || value == "world" || value == "everybody" || value == "2")
    bits = kEverybody;
  if (bits == 0) return;
  share_directory(fs::path(git_repository_commondir(repository)) / "mgit", bits, is_mode);
}

}  // namespace

Repository Repository::discover(const fs::path& start) {
  start_libgit2();
  const char* git_dir = std::getenv("GIT_DIR");
  git_repository* opened = nullptr;
  std::optional<std::string> work_tree;
  int status = 0;
  {
    const HiddenVariable hidden("GIT_WORK_TREE");
    const HiddenVariable index("GIT_INDEX_FILE");
    work_tree = hidden.value();
    status = open_repository(&opened, git_dir != nullptr ? nullptr : start.c_str(), start);
  }
  if (status < 0) explain_failure(status, git_dir, start);
  git2::RepositoryHandle handle(opened);
  set_work_tree(opened, work_tree, git_dir);
  share_as_configured(opened);
  return Repository(std::make_unique<Impl>(std::move(handle)));
}

Repository::Repository(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Repository::~Repository() = default;
Repository::Repository(Repository&&) noexcept = default;
Repository& Repository::operator=(Repository&&) noexcept = default;

const fs::path& Repository::git_dir() const { return impl_->git_dir; }
const fs::path& Repository::common_dir() const { return impl_->common_dir; }
const fs::path& Repository::work_dir() const { return impl_->work_dir; }
const fs::path& Repository::mgit_dir() const { return impl_->mgit_dir; }

bool Repository::is_clean() const {
  if (impl_->work_dir.empty()) return true;
  return impl_
      ->checked_git({"status", "--porcelain", "--untracked-files=no", "--ignore-submodules"})
      .empty();
}

std::optional<std::string> Repository::operation_under_way() const {
  switch (git_repository_state(impl_->git())) {
    case GIT_REPOSITORY_STATE_MERGE:
      return "merge";
    case GIT_REPOSITORY_STATE_REVERT:
    case GIT_REPOSITORY_STATE_REVERT_SEQUENCE:
      return "revert";
    case GIT_REPOSITORY_STATE_CHERRYPICK:
    case GIT_REPOSITORY_STATE_CHERRYPICK_SEQUENCE:
      return "cherry-pick";
    case GIT_REPOSITORY_STATE_BISECT:
      return "bisect";
    case GIT_REPOSITORY_STATE_REBASE:
    case GIT_REPOSITORY_STATE_REBASE_INTERACTIVE:
    case GIT_REPOSITORY_STATE_REBASE_MERGE:
      return "rebase";
    case GIT_REPOSITORY_STATE_APPLY_MAILBOX:
    case GIT_REPOSITORY_STATE_APPLY_MAILBOX_OR_REBASE:
      return "am";
    default:
      return std::nullopt;
  }
}

}  // namespace mgit
