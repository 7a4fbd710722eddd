// Records off a stream, as Store::export_records writes them.
//
// For one thread. Nothing is believed: memory is asked for as bytes arrive, never because a length
// says so. Throws CorruptError where the stream holds anything but whole records.
#pragma once

#include <functional>
#include <optional>

#include "store/record.h"

namespace mgit {

class RecordReader {
 public:
  explicit RecordReader(const RecordSource& source);

  /// The header of the next record, after what was not taken of the one before; nullopt at the end.
  std::optional<RecordHeader> next();
  /// The payload of that record, in pieces.
  void payload(const std::function<void(Bytes)>& sink);

 private:
  /// Bytes read; fewer than asked for only at the end.
  std::size_t fill(std::span<std::byte> out);

  const RecordSource& source_;
  Buffer piece_;
  std::uint64_t left_ = 0;  // of the payload
};

}  // namespace mgit
