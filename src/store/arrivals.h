// Records that a batch took in from elsewhere, compared with their names while more arrive.
//
// Called by one thread at a time; the comparing is done by another, on all cores.
#pragma once

#include <future>
#include <unordered_map>
#include <vector>

#include "store/object_store.h"

namespace mgit {

class Arrivals {
 public:
  /// `store`: where bases are that did not arrive.
  explicit Arrivals(ObjectStore& store) : store_(store) {}

  /// A record that is complete in the pack under construction.
  void add(const RecordHeader& header, std::uint64_t offset);
  /// Bytes that arrived since the last verify().
  std::uint64_t waiting() const { return waiting_bytes_; }
  /// Begins to compare everything added since, once what was begun before has ended well: throws
  /// CorruptError otherwise. `pack`: a file in which all of it can be read.
  void verify(const std::filesystem::path& pack);
  /// Waits for the end of that. Throws CorruptError for an object that is not what its name says.
  void finish();

  /// The object of a record that arrived and is in no pack, verified. What was added before it can
  /// be its base once verify() was called.
  Buffer read(const RecordHeader& header, Bytes payload) const;

 private:
  struct Arrived {
    RecordHeader header;
    std::uint64_t offset = 0;
  };

  Record record(const Arrived& arrived) const;
  /// A base: what arrived, else what is in the store.
  Record find(const Digest& object) const;
  void compare(const std::vector<Arrived>& arrived) const;

  ObjectStore& store_;
  std::vector<Arrived> waiting_;
  std::uint64_t waiting_bytes_ = 0;
  std::unordered_map<Digest, Arrived> readable_;  // in pack_
  std::shared_ptr<const MappedFile> pack_;
  std::future<void> comparing_;  // the last member: it ends before the others go
};

}  // namespace mgit
