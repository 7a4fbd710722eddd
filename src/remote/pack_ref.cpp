#include "remote/pack_ref.h"

#include <fmt/format.h>

#include <chrono>
#include <random>
#include <sstream>
#include <thread>

#include "base/process.h"
#include "git/lfs.h"
#include "net/url.h"
#include "remote/object_remote.h"

namespace mgit {
namespace {

constexpr const char* kRef = "refs/mgit/packs";
constexpr const char* kBranch = "refs/heads/mgit-packs";
constexpr std::string_view kIndexSuffix = ".idx";
constexpr int kAttempts = 20;

ProcessResult run_git(const Repository& repository, std::vector<std::string> arguments) {
  ProcessOptions options;
  options.directory = base_of_urls(repository).string();
  options.capture_errors = true;
  options.environment["LC_ALL"] = "C";  // what git says is looked at
  arguments.insert(arguments.begin(), "git");
  return run_process(arguments, options);
}

/// The first line of what git complained about.
std::string complaint_of(const ProcessResult& result) {
  std::istringstream lines(result.errors);
  for (std::string line; std::getline(lines, line);)
    for (const std::string_view kind : {"fatal: ", "error: ", "remote: ", " ! "})
      if (line.starts_with(kind)) return line.substr(kind.size());
  return fmt::format("git ended with status {}", result.status);
}

/// Another push was faster.
bool was_overtaken(const std::string& errors) {
  for (const char* words :
       {"non-fast-forward", "fetch first", "stale info", "cannot lock ref", "failed to update ref",
        "incorrect old value", "reference already exists", "failed to lock"})
    if (errors.find(words) != std::string::npos) return true;
  return false;
}

bool was_refused(const std::string& errors) {
  return errors.find("remote rejected") != std::string::npos;
}

}  // namespace

PackRef::PackRef(const Repository& repository, std::string url)
    : repository_(repository),
      url_(std::move(url)),
      local_("refs/mgit/indexes/" + sha256(as_bytes(url_)).hex().substr(0, 16)) {}

std::string PackRef::git(std::vector<std::string> arguments) const {
  const ProcessResult result = run_git(repository_, std::move(arguments));
  if (result.status != 0) throw Error(complaint_of(result), shown_url(url_));
  return result.output;
}

void PackRef::look() {
  std::istringstream lines(git({"ls-remote", url_, kRef, kBranch}));
  name_.clear();
  tip_.reset();
  looked_ = true;
  for (std::string line; std::getline(lines, line);) {
    const std::size_t tab = line.find('\t');
    if (tab == std::string::npos || (!name_.empty() && line.substr(tab + 1) != kRef)) continue;
    name_ = line.substr(tab + 1);
    tip_ = Oid::from_hex(line.substr(0, tab));
  }
}

void PackRef::fetch() {
  if (!tip_ || repository_.ref(local_) == tip_) return;
  git({"fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules",
       "--no-auto-maintenance", url_, fmt::format("+{}:{}", name_, local_)});
  tip_ = repository_.ref(local_);
}

bool PackRef::exists() {
  if (!looked_) look();
  return tip_.has_value();
}

std::vector<ListedPack> PackRef::read() {
  if (!looked_) look();
  fetch();
  std::vector<ListedPack> packs;
  if (!tip_) return packs;
  for (const auto& [path, file] : repository_.files_at(*tip_)) {
    if (!path.ends_with(kIndexSuffix)) continue;
    for (ListedPack& pack :
         parse_pack_index(repository_.blob(file.blob), shown_url(url_) + " " + path))
      packs.push_back(std::move(pack));
  }
  return packs;
}

void PackRef::publish(const std::vector<ListedPack>& packs) {
  Repository ours = Repository::discover(repository_.git_dir());
  const std::string text = pack_index_text(packs);
  std::map<std::string, std::optional<TreeFile>> files;
  files[sha256(as_bytes(text)).hex() + std::string(kIndexSuffix)] = TreeFile{ours.write_blob(text)};
  files[".gitattributes"] =
      TreeFile{ours.write_blob("*.pack filter=lfs diff=lfs merge=lfs -text\n")};
  for (const ListedPack& pack : packs)
    files[pack.name + ".pack"] = TreeFile{
        ours.write_blob(lfs_pointer_text({Digest::from_hex(pack.name).value(), pack.size}))};
  ProcessOptions nothing;
  nothing.directory = base_of_urls(repository_).string();
  nothing.input = "";
  const std::string empty = run_checked({"git", "mktree"}, nothing).substr(0, 40);
  std::minstd_rand random(std::random_device{}());
  std::string target = name_.empty() ? kRef : name_;
  std::string errors;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    const Oid tree = tip_ ? ours.commit(*tip_).tree : Oid::from_hex(empty).value();
    std::vector<Oid> parents;
    if (tip_) parents.push_back(*tip_);
    const Oid commit = ours.write_commit(
        ours.write_tree(tree, files), parents, ours.user(),
        fmt::format("Index {} pack{} of objects\n", packs.size(), packs.size() == 1 ? "" : "s"));
    const ProcessResult pushed =
        run_git(repository_, {"push", "--quiet", "--no-verify", "--no-recurse-submodules",
                              "--no-follow-tags", url_, commit.hex() + ":" + target});
    if (pushed.status == 0) {
      name_ = target;
      tip_ = commit;
      run_git(repository_, {"update-ref", local_, commit.hex()});  // else it is fetched again
      return;
    }
    errors = complaint_of(pushed);
    if (!was_overtaken(pushed.errors)) {
      if (target == kBranch || !was_refused(pushed.errors)) break;
      target = kBranch;
      continue;
    }
    std::this_thread::sleep_for(
        std::chrono::milliseconds(random() % (50U << std::min(attempt, 5))));
    look();
    fetch();
  }
  throw Error("the index of the packs that were sent could not be published: " + errors,
              shown_url(url_));
}

}  // namespace mgit
