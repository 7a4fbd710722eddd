// Hosts on which mgit does not run: they hold immutable packs, and small indexes of them.
#pragma once

#include <memory>

#include "remote/object_remote.h"
#include "remote/pack_index.h"

namespace mgit {

/// A pack that is ready to go: a file, read at places.
struct OutgoingPack {
  ListedPack listing;
  int file = -1;
};

/// A place that keeps packs by name, in the tongue of its kind. Belongs to one thread, but for
/// fetch(). Every failure is an Error, after attempts that may help.
class PackHost {
 public:
  virtual ~PackHost() = default;
  /// What was published there; packs that are not there any more are left out as far as the host
  /// says so without being asked for each.
  virtual std::vector<ListedPack> read_indexes() = 0;
  /// Which of these packs are there in full.
  virtual std::vector<bool> are_there(std::span<const ListedPack> packs) = 0;
  /// Brings them there; what is there already is not sent again. Nobody sees them yet. `sent` hears
  /// how many more bytes went out, from several threads.
  virtual void upload(std::span<const OutgoingPack> packs,
                      const std::function<void(std::uint64_t)>& sent) = 0;
  /// After their upload: makes them visible, at once, beside whatever others publish meanwhile.
  virtual void publish(const std::vector<ListedPack>& packs) = 0;
  /// Before fetch(): these packs will be asked for.
  virtual void prepare(std::span<const ListedPack> packs) = 0;
  /// Bytes of a pack to `sink`. False if the host cannot begin in the middle and sent everything up
  /// to there as well. Any thread may call.
  virtual bool fetch(const ListedPack& pack, std::uint64_t offset, std::uint64_t size,
                     const std::function<void(Bytes)>& sink) = 0;
  /// For messages.
  virtual std::string name() const = 0;
};

/// `ours`: our store's directory, which also takes files without a name.
std::unique_ptr<ObjectRemote> pack_remote(std::unique_ptr<PackHost> host,
                                          const std::filesystem::path& ours);

}  // namespace mgit
