// The workspace: a git repository together with its tensors.
//
// A checkpoint in git is a manifest, a text; what the manifest names lies in the store under
// .git/mgit. What needs git alone takes a Repository; what reads or writes tensors takes a
// Workspace.
//
// A Workspace belongs to one thread, as a Repository does, but for store().
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "mgit/base.h"
#include "mgit/format.h"
#include "mgit/git.h"
#include "mgit/store.h"
#include "mgit/tensor.h"

namespace mgit {

/// Owns the store: a reference to it holds for as long as the Workspace lives, to wherever that is
/// moved.
class Workspace : public Repository {
 public:
  /// Of the repository that Repository::discover finds; throws as that does. Writes nothing: the
  /// store makes its directory at the first write.
  static Workspace discover(const std::filesystem::path& start = ".");

  /// In mgit_dir(). The one member that any thread may call.
  Store& store() const { return *store_; }

  /// Makes sure that the objects of a manifest are in the store, and asks the fetcher for those
  /// that are not. Throws MissingError naming the first that is nowhere, and whatever the fetcher
  /// throws; what was fetched until then stays.
  void need(const Manifest& manifest, std::string_view where) const;
  /// Makes sure of every part of a model.
  void need(const CommittedModel& model, std::string_view where) const;

  /// Brings such of these objects into the store as it can find (mgit/remote.h has one).
  using Fetcher = std::function<void(const Workspace&, const std::vector<Digest>&)>;
  /// Until it is called, nothing is fetched.
  void set_fetcher(Fetcher fetcher);

 private:
  explicit Workspace(Repository repository);

  std::unique_ptr<Store> store_;  // made at once: workers ask for it at the same time
  Fetcher fetcher_;
};

/// The model's tensors, read from the store one by one. Keeps a reference to the store. Objects
/// that are missing or damaged are found when they are read.
std::unique_ptr<TensorSource> open_model(const Store& store, const CommittedModel& model);

}  // namespace mgit
