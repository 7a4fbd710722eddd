// The store: tensor objects by their SHA-256, under .git/mgit/.
//
//   packs/*.pack   records, append-only, each self-describing
//   objects.db     SQLite index over them; lost or stale, it is rebuilt from the packs
//
// A Store may be used from several threads; several processes may read and write one directory at
// once. What a committed Batch holds survives a kill at any instant: pack bytes are fsynced before
// SQLite commits the rows. Every read verifies the SHA-256 and throws CorruptError otherwise, and
// MissingError for an object that is not here. docs/formats.md has the record format.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "mgit/base.h"
#include "mgit/format.h"
#include "mgit/tensor.h"

namespace mgit {

namespace os {
class File;
}

enum class Encoding : std::uint8_t { kRaw = 0, kZstd = 1, kView = 2, kDelta = 3, kLowRank = 4 };

struct ObjectInfo {
  std::uint64_t size = 0;    // bytes of the object
  std::uint64_t stored = 0;  // bytes of its record in the pack
  Encoding encoding = Encoding::kRaw;
  std::optional<Digest> base;  // of a view, a delta or a low-rank delta
};

/// A record on its way from one store to another.
struct TravellingRecord {
  Digest object;
  std::optional<Digest> base;
  std::uint64_t stored = 0;  // bytes that travel
};

/// Fills memory with the bytes that come next and returns how many; 0 at the end.
using RecordSource = std::function<std::size_t(std::span<std::byte>)>;

struct FsckReport {
  std::uint64_t objects = 0;
  std::uint64_t bytes = 0;
  std::vector<std::string> problems;  // one line each: what, where
};

class PackBatch;

class Store {
 public:
  /// Opens (or names: nothing is created before the first write) the store in `directory`, for
  /// example .git/mgit. Cheap: no database is opened before it is needed.
  explicit Store(std::filesystem::path directory);
  ~Store();
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  const std::filesystem::path& directory() const;

  bool contains(const Digest& object) const;
  /// Those of them that are not here, in their order: one question instead of many.
  std::vector<Digest> lacking(std::span<const Digest> objects) const;
  /// For a writer that relies on objects which are here without writing them: makes them as young
  /// as new ones, and keeps gc from dropping anything while this Store lives (store/lock.h).
  void freshen(std::span<const Digest> objects);
  std::optional<ObjectInfo> info(const Digest& object) const;
  Buffer read(const Digest& object) const;
  /// Into a span of exactly the object's size.
  void read_into(const Digest& object, std::span<std::byte> out) const;
  /// In pieces of bounded size, in order (a view is made whole first); decoded on all cores. The
  /// last piece is handed out only after the SHA-256 of all of them was found right; until then
  /// nothing may rely on the others.
  void stream(const Digest& object, const std::function<void(Bytes)>& sink) const;

  /// What brings `objects` to a store that has nothing of it: their records and those of the bases
  /// they need, each once, bases first. Throws MissingError if one is not here.
  std::vector<TravellingRecord> records_of(std::span<const Digest> objects) const;
  /// The records of these objects as they lie in the packs, in this order (docs/formats.md), for
  /// Batch::import_records. Throws MissingError, or CorruptError after a record whose checksum is
  /// not right.
  void export_records(std::span<const Digest> objects,
                      const std::function<void(Bytes)>& sink) const;

  /// All objects, sorted. For tests, fsck and rebuilding.
  std::vector<Digest> list() const;

  /// Reads and verifies every object; damage is listed, not thrown.
  FsckReport fsck() const;
  /// Drops objects.db and indexes all packs again.
  void rebuild();

  class Batch;
  /// Starts writing. Objects become visible at Batch::commit(); a batch that is destroyed without
  /// it leaves nothing behind.
  std::unique_ptr<Batch> begin();

 private:
  friend class PackBatch;
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// What the caller of a Batch knows about an object besides its bytes.
struct PutHint {
  /// An object of the store that this one is probably a new version of. It becomes the base where
  /// that is smaller on a sample; one that is absent, of another size, or that cannot be a base
  /// (chains are at most eight deep and never cyclic) is as good as none.
  std::optional<Digest> base{};
  /// The object as a tensor: lets the batch find it to be `base` with its axes permuted, which is
  /// stored as a view. Empty: not tried.
  Shape shape{};
};

/// A set of objects written together: one pack, one fsync, one transaction. Methods may be called
/// from several threads. Objects that the store (or the batch) has already are not written again.
class Store::Batch {
 public:
  virtual ~Batch() = default;
  /// Hashes and stores; `element_size` in bytes helps the coder. Returns the name.
  Digest put(Bytes data, unsigned element_size) { return put(data, element_size, {}); }
  virtual Digest put(Bytes data, unsigned element_size, const PutHint& hint) = 0;
  /// Puts data whose SHA-256 is known already (it is not checked again).
  void put_as(const Digest& object, Bytes data, unsigned element_size) {
    put_as(object, data, element_size, {});
  }
  virtual void put_as(const Digest& object, Bytes data, unsigned element_size,
                      const PutHint& hint) = 0;
  /// Stores `object` as a view: `base` permuted by one gather per axis (gather_axes). `data` is the
  /// result, used when a plain encoding is smaller. A view over a view is composed, so chains stay
  /// at depth 1; `base` must be in the store or in this batch.
  virtual void put_view(const Digest& object, Bytes data, const Digest& base, unsigned element_size,
                        const Shape& shape, std::span<const Gather> axes) = 0;
  /// Copies records as they are, with the bases they need, from another store (transfer). Returns
  /// the number of objects copied. Throws MissingError if `from` lacks one.
  virtual std::size_t copy(const Store& from, std::span<const Digest> objects) = 0;
  /// Takes in records, as export_records wrote them, until the source ends; passes over those whose
  /// objects are here. Each needs its base: in the store, or before it in this or an earlier import
  /// of the batch. Nothing is believed: every object is decoded and compared with its name, on all
  /// cores while more arrives. Returns how many were taken. Throws CorruptError for anything but
  /// sound records, MissingError without a base, and what `source` throws; the batch cannot be
  /// committed then.
  virtual std::size_t import_records(const RecordSource& source) = 0;
  /// Those that are neither in the store nor in this batch, in their order.
  virtual std::vector<Digest> lacking(std::span<const Digest> objects) const = 0;
  /// Bytes written to the pack so far.
  virtual std::uint64_t stored() const = 0;
  /// Makes everything durable and visible.
  virtual void commit() = 0;
};

/// Who wants to know what add_checkpoint does. Both are called from several threads.
struct AddObserver {
  std::function<void(std::uint64_t)> progress{};  // how many more bytes are done
  /// Each tensor that fills its storage in C order, while its data is still in the caches.
  std::function<void(const TensorInfo& tensor, const Digest& object, Bytes data)> tensor{};
};

/// Cuts a checkpoint file into objects, hashing and coding on all cores, and returns its manifest.
/// A pure function of the bytes as far as the manifest goes.
/// `previous` is the version before this one, or no manifest: its tensors of the same name, dtype
/// and shape are hints for the coder.
Manifest add_checkpoint(Store::Batch& batch, Bytes file, std::string_view path,
                        const Manifest& previous = {}, const AddObserver& observer = {});

/// What is known about a new version of a tensor of `previous`.
PutHint hint_from(const Manifest& previous, const TensorInfo& tensor);

/// Writes the file a manifest stands for, in order, in pieces of bounded size, each verified.
void write_checkpoint(const Store& store, const Manifest& manifest,
                      const std::function<void(Bytes)>& sink);

/// Writes it into an empty file that is open for writing, in place and from several threads. After
/// an exception the file holds anything; `path` names it in messages. `progress` as above.
void write_checkpoint_file(const Store& store, const Manifest& manifest, const os::File& file,
                           const std::filesystem::path& path,
                           const std::function<void(std::uint64_t)>& progress = {});

/// Every object a manifest needs: its layout and storages, each once.
std::vector<Digest> objects_of(const Manifest& manifest);
/// Those of them that the store lacks.
std::vector<Digest> missing_objects(const Store& store, const Manifest& manifest);

/// One tensor of a stored checkpoint, in C order wherever it lies in its storage.
TensorData read_tensor(const Store& store, const ManifestTensor& tensor);

/// A checkpoint in the store, as a source of tensors. Holds a reference to the store.
class StoredModel : public TensorSource {
 public:
  StoredModel(const Store& store, Manifest manifest);
  const std::vector<TensorInfo>& tensors() const override { return infos_; }
  TensorData read(std::string_view name) const override;
  const Manifest& manifest() const { return manifest_; }

 private:
  const Store& store_;
  Manifest manifest_;
  std::vector<TensorInfo> infos_;
};

/// A checkpoint file on disk (mmapped) as a source of tensors.
std::unique_ptr<TensorSource> open_checkpoint_file(const std::filesystem::path& path);

}  // namespace mgit
