// Writing to a store: one pack, made visible at once.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <unordered_set>

#include "store/arrivals.h"
#include "store/object_store.h"
#include "store/pack_writer.h"
#include "store/record_reader.h"
#include "store/stored_form.h"

namespace mgit {

/// Coding happens in the caller's thread, outside the lock; appending inside it.
class PackBatch final : public Store::Batch {
 public:
  explicit PackBatch(ObjectStore& store) : store_(store) {}

  using Store::Batch::put;
  using Store::Batch::put_as;
  Digest put(Bytes data, unsigned element_size, const PutHint& hint) override;
  void put_as(const Digest& object, Bytes data, unsigned element_size,
              const PutHint& hint) override;
  void put_view(const Digest& object, Bytes data, const Digest& base, unsigned element_size,
                const Shape& shape, std::span<const Gather> axes) override;
  std::size_t copy(const Store& from, std::span<const Digest> objects) override;
  std::size_t import_records(const RecordSource& source) override;
  std::vector<Digest> lacking(std::span<const Digest> objects) const override;
  std::uint64_t stored() const override;
  void commit() override;

 private:
  struct BasedView {
    Digest base;
    View view;
  };

  /// Writes what was claimed. After a failure the batch can no longer be committed: what it claimed
  /// and did not write would be missing.
  template <typename Action>
  void guarded(const Action& action);
  /// True once per object: the caller writes it.
  bool claim(const Digest& object);
  /// In the store or in this batch.
  bool known(const Digest& object) const;
  /// `known` of an object that what is written rests on: its age is freshened.
  bool rely_on(const Digest& object);
  /// How `object` is a view, where it is one.
  std::optional<BasedView> view_of(const Digest& object) const;
  /// What a view of `wanted` that is to be `object` may be written against: no view itself.
  /// nullopt: nothing may.
  std::optional<ViewBase> view_base(const Digest& wanted, const Digest& object) const;

  /// What `object` is coded against once this batch is committed; nullopt if nothing.
  std::optional<Digest> base_of(const Digest& object) const;
  /// `base` and what it leads to; empty if one is missing, the chain is too long to be read, or it
  /// contains `object`.
  std::vector<Digest> chain_from(const Digest& base, const Digest& object) const;
  /// What a delta may stand on where `wanted` is the version before; nullopt: on nothing.
  std::optional<Digest> delta_base(const Digest& wanted, const Digest& object) const;
  /// nullptr if the object is damaged or gone.
  std::shared_ptr<const ObjectFrames> intact_frames(const Digest& object);
  FormCandidates candidates_for(const Digest& object, std::size_t size, const PutHint& hint);

  void append(const Digest& object, Bytes data, const StoredForm& form);
  void append_streamed(RecordHeader header, const ObjectCoder& coder);
  void append(RecordHeader header, std::span<const Bytes> payload);
  void copy_one(ObjectStore& from, const Digest& object, std::size_t& copied);
  void import_one(const RecordHeader& header, RecordReader& records);
  /// Of an object whose base here leads on to others than it does where the record comes from.
  void import_plain(const RecordHeader& header, RecordReader& records);
  /// Begins to compare what arrived with its names.
  void verify_arrivals();
  PackWriter& writer();
  void finish();
  void note(const RecordHeader& header, std::uint64_t offset);

  ObjectStore& store_;
  mutable std::mutex mutex_;  // guards everything below
  std::unique_ptr<PackWriter> writer_;
  std::vector<IndexEntry> entries_;
  std::unordered_set<Digest> claimed_;
  std::unordered_set<Digest> relied_on_;
  std::unordered_map<Digest, BasedView> views_;
  std::unordered_map<Digest, Digest> bases_;  // of what is in entries_
  Arrivals arrivals_{store_};  // of the thread that imports; reads what writer_ wrote
  bool broken_ = false;
};

}  // namespace mgit
