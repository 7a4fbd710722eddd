// Segments of packs from a host, fetched by several threads ahead of who reads them, in order.
#pragma once

#include <condition_variable>
#include <exception>
#include <filesystem>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

#include "base/unnamed_file.h"
#include "mgit/store.h"
#include "remote/pack_remote.h"

namespace mgit {

/// Holds at most kAhead pieces in memory. The table, the segments and the host must outlive it.
class SegmentSource {
 public:
  /// `scratch`: where whole packs are kept, without a name, if the host cannot send parts of them.
  SegmentSource(PackHost& host, const PackTable& table, const std::vector<PackSegment>& segments,
                std::filesystem::path scratch);
  /// Ends the threads.
  ~SegmentSource();
  SegmentSource(const SegmentSource&) = delete;
  SegmentSource& operator=(const SegmentSource&) = delete;

  /// The records that the segments hold, as a RecordSource reads them.
  std::size_t read(std::span<std::byte> out);

 private:
  static constexpr std::size_t kThreads = 8;
  static constexpr std::size_t kAhead = 16;

  /// Part of a segment that is fetched in one request.
  struct Piece {
    std::size_t pack = 0;
    std::uint64_t offset = 0;
    std::uint64_t size = 0;
    std::vector<std::pair<std::uint64_t, std::uint64_t>> parts{};
  };
  void cut(const PackSegment& segment);
  void serve();
  Buffer load(const Piece& piece);
  Buffer fetched(const Piece& piece);
  Buffer from_whole(const Piece& piece);

  PackHost& host_;
  const PackTable& table_;
  std::filesystem::path scratch_;
  std::vector<Piece> pieces_;

  std::mutex whole_mutex_;  // guards the packs that are kept whole
  std::map<std::size_t, std::unique_ptr<UnnamedFile>> whole_;

  std::mutex mutex_;  // guards everything below
  std::condition_variable changed_;
  bool ranges_ = true;  // the host can begin in the middle
  bool tried_ = false;  // ranges_ is known
  bool ending_ = false;
  std::size_t next_ = 0;   // piece to be fetched
  std::size_t taken_ = 0;  // pieces handed out
  std::map<std::size_t, Buffer> ready_;
  std::exception_ptr failure_;

  Buffer current_;  // of the reader
  std::size_t at_ = 0;
  std::vector<std::thread> threads_;
};

}  // namespace mgit
