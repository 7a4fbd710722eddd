// A pack under construction: a temporary file until finish() gives it its name.
//
// For one thread at a time. Destroyed before finish(), it leaves nothing behind. While it lives it
// holds a lock on its file, by which others see that the file is not abandoned.
//
// A large pack goes to the disk from aligned buffers by a thread of its own, past the page cache
// where the file system can do that: copying into the cache costs as much as hashing, and evicts
// what others need.
#pragma once

#include <filesystem>
#include <functional>
#include <span>

#include "base/os.h"
#include "store/background_writer.h"
#include "store/record.h"

namespace mgit {

class PackWriter {
 public:
  /// Creates a file in `directory` (which is created, too), after removing what processes
  /// that ended have left there.
  explicit PackWriter(std::filesystem::path directory);
  ~PackWriter();
  PackWriter(const PackWriter&) = delete;
  PackWriter& operator=(const PackWriter&) = delete;

  /// Appends a record; fills in the payload's length and checksum. Returns its offset.
  std::uint64_t append(RecordHeader& header, std::span<const Bytes> payload);

  using Sink = std::function<void(Bytes)>;
  /// Appends a record whose payload is made piece by piece.
  std::uint64_t append_streamed(RecordHeader& header,
                                const std::function<void(const Sink&)>& produce);

  /// Appends a record that is known already, payload piece by piece. Throws CorruptError unless
  /// that has the length and the checksum that the header says.
  std::uint64_t append_known(const RecordHeader& header,
                             const std::function<void(const Sink&)>& produce);

  std::uint64_t size() const { return out_.size(); }

  /// The file under construction. What was appended so far can be read from it: all of it but the
  /// headers that append_streamed wrote.
  const std::filesystem::path& readable();

  /// Makes the pack durable under its final name, which is returned.
  std::string finish();

 private:
  std::filesystem::path directory_;
  std::string id_;
  std::filesystem::path path_;
  os::File file_;
  BackgroundWriter out_;
  std::vector<std::pair<std::uint64_t, Buffer>> late_;  // headers to write at the end
  bool finished_ = false;
};

}  // namespace mgit
