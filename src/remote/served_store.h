// The near side of `mgit serve`: a store on the other end of a channel, by questions and answers.
//
// For one thread. Each member costs one round trip, however many objects it is about (one for each
// four millions). Throws the Errors of the other side, ConnectionLost, and CorruptError for what is
// not the protocol; after any of them the channel is of no more use.
#pragma once

#include "mgit/remote.h"
#include "remote/frames.h"

namespace mgit {

class ServedStore {
 public:
  /// `where` names the other side in errors.
  ServedStore(FrameChannel& channel, std::string where)
      : channel_(channel), where_(std::move(where)) {}

  /// Reads what the server says first; throws ConnectionLost, or Error for another version or what
  /// does not come from mgit.
  void greet();

  std::vector<Digest> lacking(std::span<const Digest> objects);
  /// Is not answered, and so costs no round trip.
  void keep(std::span<const Digest> objects);
  /// As Store::records_of.
  std::vector<TravellingRecord> records_of(std::span<const Digest> objects);
  /// Told how many more bytes have gone or come.
  using Advance = std::function<void(std::uint64_t)>;
  /// Puts their records, as they are stored there, into the batch. Returns how many it took.
  std::size_t get(std::span<const Digest> objects, Store::Batch& batch, const Advance& advance);
  /// All of them or none become visible there.
  TransferReport send(const Store& store, std::span<const Digest> objects, const Advance& advance);

 private:
  Frame answer(std::initializer_list<FrameType> expected);
  template <typename Action>
  auto asking(const Action& action);
  template <typename Action>
  void in_parts(std::span<const Digest> objects, const Action& action);

  FrameChannel& channel_;
  std::string where_;
};

}  // namespace mgit
