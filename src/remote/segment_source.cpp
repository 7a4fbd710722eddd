#include "remote/segment_source.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <unistd.h>

namespace mgit {
namespace {

constexpr std::uint64_t kPiece = std::uint64_t{8} << 20;

}  // namespace

SegmentSource::SegmentSource(PackHost& host, const PackTable& table,
                             const std::vector<PackSegment>& segments,
                             std::filesystem::path scratch)
    : host_(host), table_(table), scratch_(std::move(scratch)) {
  for (const PackSegment& segment : segments) cut(segment);
  for (std::size_t i = 0; i < std::min(kThreads, pieces_.size()); ++i)
    threads_.emplace_back([this] { serve(); });
}

SegmentSource::~SegmentSource() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void SegmentSource::cut(const PackSegment& segment) {
  if (segment.size <= kPiece || segment.parts.size() > 1) {
    pieces_.push_back({segment.pack, segment.offset, segment.size, segment.parts});
    return;
  }
  for (std::uint64_t at = 0; at < segment.size; at += kPiece) {
    const std::uint64_t size = std::min(kPiece, segment.size - at);
    pieces_.push_back({segment.pack, segment.offset + at, size, {{0, size}}});
  }
}

void SegmentSource::serve() {
  std::unique_lock lock(mutex_);
  while (true) {
    // The first piece tells what the host can do.
    changed_.wait(lock, [this] {
      return ending_ || failure_ || next_ == pieces_.size() ||
             (next_ < taken_ + kAhead && (tried_ || next_ == 0));
    });
    if (ending_ || failure_ || next_ == pieces_.size()) return;
    const std::size_t mine = next_++;
    lock.unlock();
    Buffer bytes;
    std::exception_ptr failure;
    try {
      bytes = load(pieces_[mine]);
    } catch (...) {
      failure = std::current_exception();
    }
    lock.lock();
    tried_ = true;
    if (failure && !failure_) failure_ = failure;
    ready_.emplace(mine, std::move(bytes));
    changed_.notify_all();
  }
}

Buffer SegmentSource::load(const Piece& piece) {
  bool ranges = false;
  {
    const std::lock_guard lock(mutex_);
    ranges = ranges_;
  }
  const Buffer bytes = ranges ? fetched(piece) : from_whole(piece);
  Buffer records;
  for (const auto& [begin, size] : piece.parts)
    records.insert(records.end(), bytes.begin() + static_cast<std::ptrdiff_t>(begin),
                   bytes.begin() + static_cast<std::ptrdiff_t>(begin + size));
  return records;
}

Buffer SegmentSource::fetched(const Piece& piece) {
  const ListedPack& pack = table_.packs()[piece.pack];
  Buffer bytes;
  bytes.reserve(piece.size);
  const bool ranges = host_.fetch(pack, piece.offset, piece.size, [&](Bytes more) {
    bytes.insert(bytes.end(), more.begin(), more.end());
  });
  if (!ranges) {
    const std::lock_guard lock(mutex_);
    ranges_ = false;
  }
  if (bytes.size() != piece.size)
    throw CorruptError("a pack there is shorter than its index says",
                       host_.name() + " " + pack.name, "whoever pushed it can push again");
  return bytes;
}

Buffer SegmentSource::from_whole(const Piece& piece) {
  const std::lock_guard lock(whole_mutex_);
  const ListedPack& pack = table_.packs()[piece.pack];
  std::unique_ptr<UnnamedFile>& file = whole_[piece.pack];
  if (!file) {
    auto fresh = std::make_unique<UnnamedFile>(scratch_);
    host_.fetch(pack, 0, pack.size, [&](Bytes more) { fresh->append(more); });
    file = std::move(fresh);
  }
  Buffer bytes(piece.size);
  if (!os::read_at(file->fd(), piece.offset, bytes))
    throw CorruptError("a pack there is shorter than its index says",
                       host_.name() + " " + pack.name, "whoever pushed it can push again");
  return bytes;
}

std::size_t SegmentSource::read(std::span<std::byte> out) {
  while (at_ == current_.size()) {
    std::unique_lock lock(mutex_);
    if (taken_ == pieces_.size()) return 0;
    changed_.wait(lock, [this] { return failure_ || ready_.contains(taken_); });
    if (failure_) std::rethrow_exception(failure_);
    current_ = std::move(ready_.extract(taken_).mapped());
    at_ = 0;
    ++taken_;
    changed_.notify_all();
  }
  const std::size_t count = std::min(out.size(), current_.size() - at_);
  std::memcpy(out.data(), current_.data() + at_, count);
  at_ += count;
  return count;
}

}  // namespace mgit
