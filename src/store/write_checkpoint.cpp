// From a manifest back to the file: in order through a sink, or in place into a file.
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/os.h"
#include "base/threads.h"
#include "mgit/store.h"
#include "store/checked_layout.h"

namespace mgit {
namespace {

/// Larger tensors are handed to a sink one after the other, each decoded on all cores; smaller ones
/// are read ahead side by side.
constexpr std::uint64_t kLarge = std::uint64_t{16} << 20;
/// What reading ahead may hold in memory.
constexpr std::uint64_t kWave = std::uint64_t{64} << 20;

/// The objects of a file in order, with their sizes; gaps are cut from the layout.
class SequentialWriter {
 public:
  SequentialWriter(const Store& store, const Manifest& manifest,
                   const std::function<void(Bytes)>& sink)
      : store_(store), manifest_(manifest), sink_(sink), layout_(checked_layout(store, manifest)) {}

  void write() {
    for (std::size_t first = 0; first < layout_.segments.size();) {
      const std::size_t end = wave_end(first);
      if (end == first) {
        store_.stream(object(layout_.segments[first]), sink_);
        first += 1;
      } else {
        write_wave(first, end);
        first = end;
      }
    }
  }

 private:
  const Digest& object(const Segment& segment) const { return manifest_.object_at(segment.tensor); }

  std::size_t wave_end(std::size_t first) const {
    std::uint64_t total = 0;
    std::size_t end = first;
    for (; end < layout_.segments.size(); ++end) {
      const Segment& segment = layout_.segments[end];
      if (segment.kind == Segment::Kind::kGap) continue;
      if (segment.length > kLarge || total + segment.length > kWave) break;
      total += segment.length;
    }
    return end;
  }

  void write_wave(std::size_t first, std::size_t end) {
    std::vector<Buffer> data(end - first);
    parallel_for(data.size(), [&](std::size_t i) {
      const Segment& segment = layout_.segments[first + i];
      if (segment.kind == Segment::Kind::kGap) return;
      data[i].resize(segment.length);
      store_.read_into(object(segment), data[i]);
    });
    for (std::size_t i = 0; i < data.size(); ++i) {
      const Segment& segment = layout_.segments[first + i];
      if (segment.kind == Segment::Kind::kTensor) {
        sink_(data[i]);
        continue;
      }
      sink_(Bytes(layout_.gaps).subspan(gap_, segment.length));
      gap_ += segment.length;
    }
  }

  const Store& store_;
  const Manifest& manifest_;
  const std::function<void(Bytes)>& sink_;
  const Layout layout_;
  std::uint64_t gap_ = 0;  // how much of layout_.gaps is written
};

struct PlacedObject {
  const Digest* object;
  std::uint64_t offset;
  std::uint64_t length;
};

/// Writes the gaps; returns where the objects go, the largest first.
std::vector<PlacedObject> write_gaps(const Layout& layout, const Manifest& manifest,
                                     const os::File& file, const std::filesystem::path& path) {
  std::vector<PlacedObject> objects;
  std::uint64_t offset = 0;
  std::uint64_t gap = 0;
  for (const Segment& segment : layout.segments) {
    if (segment.kind == Segment::Kind::kTensor) {
      objects.push_back({&manifest.object_at(segment.tensor), offset, segment.length});
    } else {
      os::write_at(file, Bytes(layout.gaps).subspan(gap, segment.length), offset, path);
      gap += segment.length;
    }
    offset += segment.length;
  }
  std::stable_sort(objects.begin(), objects.end(),
                   [](const auto& a, const auto& b) { return a.length > b.length; });
  return objects;
}

}  // namespace

Layout checked_layout(const Store& store, const Manifest& manifest) {
  const std::string where = "layout " + manifest.layout.hex();
  Layout layout = decode_layout(store.read(manifest.layout), where);
  check_layout(layout, manifest, where);
  return layout;
}

void write_checkpoint(const Store& store, const Manifest& manifest,
                      const std::function<void(Bytes)>& sink) {
  SequentialWriter(store, manifest, sink).write();
}

void write_checkpoint_file(const Store& store, const Manifest& manifest, const os::File& file,
                           const std::filesystem::path& path,
                           const std::function<void(std::uint64_t)>& progress) {
  const Layout layout = checked_layout(store, manifest);
  if (::ftruncate(file.fd(), static_cast<off_t>(manifest.size)) != 0)
    throw Error(std::string("cannot write: ") + std::strerror(errno), path.string());
  const std::vector<PlacedObject> objects = write_gaps(layout, manifest, file, path);
  const auto write = [&](const PlacedObject& placed) {
    std::uint64_t at = placed.offset;
    store.stream(*placed.object, [&](Bytes piece) {
      if (piece.size() > placed.offset + placed.length - at)
        throw CorruptError("unexpected object size", "object " + placed.object->hex());
      os::write_at(file, piece, at, path);
      at += piece.size();
      if (progress) progress(piece.size());
    });
    if (at != placed.offset + placed.length)
      throw CorruptError("unexpected object size", "object " + placed.object->hex());
  };
  // Side by side, one core each, except for those that would keep one core busy for longer than
  // all others together.
  std::uint64_t left = 0;
  for (const PlacedObject& object : objects) left += object.length;
  std::size_t alone = 0;
  while (alone < objects.size() && objects[alone].length > left / thread_count()) {
    write(objects[alone]);
    left -= objects[alone++].length;
  }
  parallel_for(objects.size() - alone, [&](std::size_t i) { write(objects[alone + i]); });
}

}  // namespace mgit
