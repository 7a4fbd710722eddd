// Do manifests and objects agree, for every manifest that a history brings?
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <unordered_set>
#include <vector>

#include "git/history_files.h"
#include "mgit/workspace.h"
#include "workflow/verify/finding.h"

namespace mgit {

/// Keeps a reference to the store.
class ManifestCheck {
 public:
  /// `fetch`: brings objects here that a remote has, to be read.
  ManifestCheck(const Workspace& repository, bool fetch) : repository_(repository), fetch_(fetch) {}

  /// The text of a file, which outlives this: nothing is found for one that is neither a manifest
  /// nor the index of shards.
  void look_at(const BroughtFile& file, std::string_view text);
  /// Once all files were looked at: objects that are not here are a finding unless a remote has
  /// them
  /// (`ask_remotes`). Returns a line for those.
  std::vector<std::string> settle_missing(bool ask_remotes);
  /// Reads every object that the manifests name, but for `known`, and compares it with its name.
  void read_objects(const std::unordered_set<Digest>& known, const std::function<void()>& step);

  std::vector<Finding> take_findings() { return std::move(findings_); }
  std::size_t manifests() const { return manifests_; }
  std::size_t objects() const { return objects_.size(); }

 private:
  struct Use {
    const BroughtFile* file;
    std::string tensor;
  };

  struct Lacking {
    Finding finding;
    std::vector<Digest> objects;
  };

  void look_at_index(const BroughtFile& file, std::string_view text);
  void check_manifest(const BroughtFile& file, const Manifest& manifest);
  void report(Verdict verdict, const BroughtFile& file, std::string what, std::string tensor = {});

  const Workspace& repository_;
  bool fetch_;
  std::vector<Finding> findings_;
  std::vector<Lacking> lacking_;
  std::map<Digest, Use> objects_;  // present ones, and where they were named first
  std::size_t manifests_ = 0;
};

}  // namespace mgit
