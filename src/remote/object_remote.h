// The door to objects on another machine.
#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "mgit/remote.h"
#include "mgit/store.h"

namespace mgit {

/// Whoever answers there keeps no objects. Refs may go there all the same, unless they bring
/// models.
class TakesNoObjects : public Error {
 public:
  using Error::Error;
};

/// The tensor objects behind one remote URL. Belongs to one thread, and to whoever opened it.
/// Every failure of the other side is an Error; after one, send() has made nothing visible there.
class ObjectRemote {
 public:
  virtual ~ObjectRemote() = default;
  /// Is this `store` itself? Then there is nothing to move.
  virtual bool is(const Store& store) const = 0;
  /// Those of `objects` that are not there, in their order. Writes nothing.
  virtual std::vector<Digest> lacking(std::span<const Digest> objects) const = 0;
  /// For a sender that relies on what is there already: keeps those of `objects` from being
  /// collected, at least for the age that new objects have.
  virtual void keep(std::span<const Digest> objects) = 0;
  /// Brings `objects` and their bases there from `store`: all of them or none.
  virtual TransferReport send(const Store& store, std::span<const Digest> objects) = 0;
  /// Puts `objects` and their bases into a batch of ours, which the caller commits. Returns how
  /// many objects that were.
  virtual std::size_t receive(Store::Batch& batch, std::span<const Digest> objects) const = 0;
};

/// A row of the table of kinds: which URLs are its, and how one is opened.
struct RemoteKind {
  std::string_view name;
  bool (*takes)(std::string_view url);
  /// nullptr if it can be told at once that no repository is behind the URL; what takes a
  /// connection to find out is an Error of the first question. Ours has to outlive what is opened.
  std::unique_ptr<ObjectRemote> (*open)(const Repository& ours, std::string_view url);
};

/// The kind that takes this URL; nullptr: models cannot travel there.
const RemoteKind* remote_kind(std::string_view url);

/// What the kinds take, for messages: "paths and file:// URLs".
std::string remote_kinds_text();

/// What relative remote URLs are relative to: the work tree, or the git directory of a bare one.
const std::filesystem::path& base_of_urls(const Repository& repository);

/// The objects behind `url`; nullptr if no kind takes it or no repository is there.
std::unique_ptr<ObjectRemote> open_remote(const Repository& repository, std::string_view url);

/// As mgit/remote.h has it, to a remote that is open. `url` is for messages.
TransferReport push_objects(const Workspace& repository, ObjectRemote& there, std::string_view url,
                            const std::vector<Oid>& commits, const std::vector<Oid>& already_there);

}  // namespace mgit
