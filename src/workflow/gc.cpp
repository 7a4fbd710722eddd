#include "workflow/gc.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <unordered_map>

#include "base/process.h"
#include "base/progress.h"
#include "git/reachable.h"
#include "remote/pack_index.h"
#include "remote/server_info.h"

namespace mgit {
namespace {

constexpr std::string_view kGrace = "2.weeks.ago";
/// Objects that name objects: recorded permutations name their specs.
constexpr std::string_view kPermutations = "mgit-permutation ";
constexpr std::uint64_t kLargestPermutations = std::uint64_t{64} << 20;

/// Remembers what it has read: asked a second time, it looks only at what is new.
class Marker {
 public:
  Marker(const Workspace& repository, bool wants_versions)
      : repository_(repository), texts_(repository), wants_versions_(wants_versions) {}

  std::unordered_set<Digest> operator()() {
    texts_.visit([this](const ReachableText& text) { read(text); });
    return reachable_;
  }

  /// What reflogs alone hold, as far as it is here.
  void add_held(Collection& collection) const {
    for (const auto& [object, file] : held_) {
      const auto info = repository_.store().info(object);
      if (!info) continue;
      ++collection.held;
      collection.held_bytes += info->stored;
      if (!file.empty()) collection.held_files.insert(file);
    }
  }

  /// Names from manifests that nothing reaches any more.
  void add_names(Collection& collection) {
    const std::vector<Digest>& dropped = collection.store.dropped;
    if (dropped.empty()) return;
    texts_.visit_unreachable([&](const ReachableText& text) {
      if (!looks_like_manifest(text.text)) return;
      try {
        for (const ManifestTensor& tensor : parse_manifest(text.text, text.path).tensors)
          if (std::binary_search(dropped.begin(), dropped.end(), tensor.object))
            collection.names.emplace(tensor.object, tensor.info.name);
      } catch (const CorruptError&) {
        return;  // text that only begins like a manifest
      }
    });
  }

  /// Objects of tensors of one name, dtype and shape in the manifests that were read.
  std::vector<TensorVersions> versions() const {
    std::vector<TensorVersions> versions;
    for (const auto& [tensor, objects] : versions_)
      versions.push_back(
          {std::get<DType>(tensor), std::get<Shape>(tensor), {objects.begin(), objects.end()}});
    return versions;
  }

 private:
  void read(const ReachableText& text) {
    if (is_pack_index(text.text)) return;  // it says what a host has, and needs nothing of it here
    const bool manifest = looks_like_manifest(text.text);
    if (manifest && wants_versions_) note_versions(text);
    for_each_digest(text.text, [&](const Digest& object) {
      if (!text.by_reflog_alone)
        held_.erase(object);
      else if (!reachable_.contains(object))
        held_.emplace(object, text.path);
      if (reachable_.insert(object).second && !manifest) look_inside(object);
    });
  }

  void note_versions(const ReachableText& text) {
    try {
      for (const ManifestTensor& tensor : parse_manifest(text.text, text.path).tensors)
        if (!tensor.placement && !is_opaque(tensor.info.dtype))
          versions_[{tensor.info.name, tensor.info.dtype, tensor.info.shape}].insert(tensor.object);
    } catch (const CorruptError&) {
      return;  // text that only begins like a manifest
    }
  }

  void look_inside(const Digest& object) {
    const Store& store = repository_.store();
    const auto info = store.info(object);
    if (!info || info->size > kLargestPermutations) return;
    try {
      const Buffer content = store.read(object);
      if (as_text(content).starts_with(kPermutations))
        for_each_digest(as_text(content), [this](const Digest& spec) { reachable_.insert(spec); });
    } catch (const CorruptError&) {
      return;  // fsck's business
    }
  }

  const Workspace& repository_;
  ReachableTexts texts_;
  bool wants_versions_;
  std::unordered_set<Digest> reachable_;
  std::unordered_map<Digest, std::string> held_;  // by reflogs alone: object, file
  std::map<std::tuple<std::string, DType, Shape>, std::set<Digest>> versions_;
};

/// As git's own commands read dates: "2.weeks.ago", "yesterday", "now", "never".
Touched parse_expiry(const Repository& repository, const std::string& date) {
  ProcessOptions options;
  options.environment["GIT_DIR"] = repository.git_dir().string();
  options.capture_errors = true;
  const ProcessResult result = run_process(
      {"git", "-c", "mgit.expire=" + date, "config", "--type=expiry-date", "--get", "mgit.expire"},
      options);
  std::uint64_t seconds = 0;
  if (result.status != 0 || std::sscanf(result.output.c_str(), "%lu", &seconds) != 1)
    throw UsageError("not a date that git understands", date, "for example 2.weeks.ago or now");
  const auto now = now_touched();
  return seconds > static_cast<std::uint64_t>(now / 1'000'000)
             ? now
             : static_cast<Touched>(seconds) * 1'000'000;
}

}  // namespace

Collection collect_garbage(const Workspace& repository, const GcRequest& request) {
  const std::string expire =
      request.expire.value_or(repository.config("gc.pruneExpire").value_or(std::string(kGrace)));
  GcOptions options;
  options.expire = parse_expiry(repository, expire);
  options.all_dead = request.best || !request.merge_small || expire == "now" || expire == "all";
  options.merge_small = request.merge_small;
  options.dry_run = request.dry_run;
  Marker marker(repository, request.best);
  std::optional<Progress> progress;
  if (request.best) options.versions = [&marker] { return marker.versions(); };
  if (!request.quiet)
    options.on_versions = [&progress](std::uint64_t bytes, std::uint64_t total) {
      if (!progress) progress.emplace("Encoding tensors again", total, Progress::Unit::kBytes);
      progress->advance(bytes);
    };
  Collection collection;
  collection.store = collect_garbage(repository.store().directory(), std::ref(marker), options);
  marker.add_held(collection);
  marker.add_names(collection);
  if (!request.dry_run) update_server_info(repository.store());
  return collection;
}

}  // namespace mgit
