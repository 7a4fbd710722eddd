#include "workflow/adopt/adopt_on_merge.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <set>

#include "base/os.h"
#include "base/process.h"
#include "workflow/adopt/adopt.h"
#include "workflow/preconditions.h"

namespace mgit {
namespace {

std::optional<Oid> base_of(const Repository& repository, const Oid& ours, const Oid& theirs) {
  const auto bases = repository.merge_bases(ours, theirs);
  return bases.empty() ? std::nullopt : std::optional(bases.front());
}

/// The raw files of a side that took the place of a manifest which the other side changed, too.
std::vector<std::string> contested(const Repository& repository, const Oid& raw, const Oid& other,
                                   const std::optional<Oid>& base) {
  std::set<std::string> candidates;
  for (const CommittedCheckpoint& there : repository.checkpoints_at(other)) {
    const auto before = base ? repository.file_at(*base, there.path) : std::nullopt;
    if (there.file != before && repository.file_at(raw, there.path) &&
        !repository.checkpoint_at(raw, there.path))
      candidates.insert(there.path);
  }
  std::vector<std::string> paths;
  if (candidates.empty()) return paths;
  for (const RawArrival& file : raw_arrivals(repository, raw, base).files)
    if (candidates.contains(file.path)) paths.push_back(file.path);
  return paths;
}

/// What git calls a name in the message of a merge.
std::string kind_of(const Repository& repository, const std::string& name) {
  if (repository.ref("refs/heads/" + name)) return "branch '" + name + "'";
  if (repository.ref("refs/remotes/" + name)) return "remote-tracking branch '" + name + "'";
  if (repository.ref("refs/tags/" + name)) return "tag '" + name + "'";
  return "commit '" + name + "'";
}

}  // namespace

void adopt_before_merge(Workspace& repository, std::vector<MergeHead>& heads, const Say& say) {
  const auto head = repository.head();
  if (!head || repository.work_dir().empty() || repository.operation_under_way()) return;
  Oid ours = *head;
  for (MergeHead& side : heads) {
    if (repository.is_ancestor(side.commit, ours)) continue;
    const auto base = base_of(repository, ours, side.commit);
    if (base && *base != ours && !contested(repository, ours, side.commit, base).empty()) {
      const Adoption own = adopt_head(repository, base);
      say_adoption(own, "HEAD", say);
      ours = own.commit.value_or(ours);
    }
    const Adoption adoption =
        adopt(repository, side.commit, raw_arrivals(repository, side.commit, base ? base : ours));
    say_adoption(adoption, side.name, say);
    side.adopted = adoption.commit.has_value();
    side.commit = adoption.commit.value_or(side.commit);
  }
}

std::string merge_message(const Repository& repository, const std::vector<MergeHead>& heads) {
  ProcessOptions options;
  options.directory = repository.work_dir().string();
  options.input.emplace();
  for (const MergeHead& head : heads)
    *options.input +=
        fmt::format("{}\t\t{} of .\n", head.commit.hex(), kind_of(repository, head.name));
  std::string text = run_checked({"git", "fmt-merge-msg"}, options);
  while (text.ends_with('\n')) text.pop_back();
  return text;
}

bool refuse_raw_sides(const Repository& repository, const Oid& ours, const Oid& theirs,
                      const std::optional<Oid>& base, const std::string& name) {
  std::vector<std::string> raw = contested(repository, theirs, ours, base);
  const bool is_ours = raw.empty();
  if (is_ours) raw = contested(repository, ours, theirs, base);
  if (raw.empty()) return false;
  if (const char* note = std::getenv(kRawRefusal)) {
    os::write_file(note, as_bytes(theirs.hex() + "\n"));
    return true;
  }
  throw Error(
      fmt::format("{} has the file itself in place of its manifest, committed without mgit, "
                  "and both sides changed it",
                  is_ours ? "HEAD" : name),
      raw.front(), fmt::format("mgit merge {} takes it in first", name));
}

}  // namespace mgit
