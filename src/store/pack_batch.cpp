#include "store/pack_batch.h"

#include <algorithm>
#include <array>

#include "base/threads.h"
#include "format/wire.h"
#include "store/frames.h"
#include "store/planes.h"
#include "store/store_impl.h"

namespace mgit {
namespace {

/// Above this an object is coded frame by frame into the pack, not in memory.
constexpr std::size_t kStreamed = 64 * kFrameSize;
/// A view this much smaller than its data is taken without trying a plain encoding.
constexpr std::size_t kClearGain = 16;

}  // namespace

bool PackBatch::known(const Digest& object) const {
  {
    const std::lock_guard lock(mutex_);
    if (claimed_.contains(object)) return true;
  }
  store_.begin_writing();
  return store_.locate(object).has_value();
}

bool PackBatch::rely_on(const Digest& object) {
  if (!known(object)) return false;
  const std::lock_guard lock(mutex_);
  if (!claimed_.contains(object)) relied_on_.insert(object);
  return true;
}

bool PackBatch::claim(const Digest& object) {
  if (rely_on(object)) return false;
  const std::lock_guard lock(mutex_);
  return claimed_.insert(object).second;
}

template <typename Action>
void PackBatch::guarded(const Action& action) {
  try {
    action();
  } catch (...) {
    const std::lock_guard lock(mutex_);
    broken_ = true;
    throw;
  }
}

Digest PackBatch::put(Bytes data, unsigned element_size) {
  const Digest object = sha256(data);
  put_as(object, data, element_size);
  return object;
}

void PackBatch::put_as(const Digest& object, Bytes data, unsigned element_size) {
  if (claim(object)) guarded([&] { write_plain(object, data, element_size); });
}

void PackBatch::write_plain(const Digest& object, Bytes data, unsigned element_size) {
  RecordHeader header{Encoding::kRaw, 1, data.size(), 0, object, {}, 0};
  const FrameCoder coder(data, element_size);
  if (!coder.worthwhile()) return append(header, data);
  header.element_size = static_cast<std::uint8_t>(coder.planes());
  header.encoding = Encoding::kZstd;
  if (data.size() > kStreamed) return write_streamed(header, data, element_size);
  const Buffer payload = coder.encode_all();
  if (payload.size() < data.size()) return append(header, payload);
  header.encoding = Encoding::kRaw;
  append(header, data);
}

void PackBatch::write_streamed(RecordHeader header, Bytes data, unsigned element_size) {
  const FrameCoder coder(data, element_size);
  const std::size_t wave = 4 * thread_count();
  const std::lock_guard lock(mutex_);
  const std::uint64_t offset = writer().append_streamed(header, [&](const PackWriter::Sink& sink) {
    Buffer table;
    for (std::size_t first = 0; first < coder.frames(); first += wave) {
      std::vector<Buffer> coded(std::min(wave, coder.frames() - first));
      parallel_for(coded.size(), [&](std::size_t i) { coded[i] = coder.encode(first + i); });
      for (const Buffer& frame : coded) {
        sink(frame);
        wire::put_u32(table, static_cast<std::uint32_t>(frame.size()));
      }
    }
    sink(table);
  });
  note(header, offset);
}

void PackBatch::append(RecordHeader header, Bytes payload) {
  const std::lock_guard lock(mutex_);
  const std::uint64_t offset = writer().append(header, std::array{payload});
  note(header, offset);
}

PackWriter& PackBatch::writer() {
  if (!writer_) writer_ = std::make_unique<PackWriter>(store_.packs_directory());
  return *writer_;
}

void PackBatch::note(const RecordHeader& header, std::uint64_t offset) {
  entries_.push_back(entry_of(header, offset));
  const auto& base = entries_.back().info.base;
  if (base && !claimed_.contains(*base)) relied_on_.insert(*base);
}

std::optional<PackBatch::BasedView> PackBatch::view_of(const Digest& object) const {
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = views_.find(object); found != views_.end()) return found->second;
    if (claimed_.contains(object)) return std::nullopt;
  }
  const Record record = store_.record(object);
  if (record.header.encoding != Encoding::kView) return std::nullopt;
  try {
    return BasedView{record.header.base,
                     decode_view(record.payload, record.header.size, record.header.element_size)};
  } catch (const wire::Malformed& malformed) {
    throw CorruptError(std::string("damaged object: ") + malformed.what(), record.place);
  }
}

std::optional<PackBatch::BasedView> PackBatch::flattened(BasedView view) const {
  const auto below = view_of(view.base);
  if (!below) return view;
  auto composed = compose(below->view, view.view);
  if (!composed || !known(below->base) || known_as_view(below->base)) return std::nullopt;
  return BasedView{below->base, std::move(*composed)};
}

bool PackBatch::known_as_view(const Digest& object) const { return view_of(object).has_value(); }

void PackBatch::put_view(const Digest& object, Bytes data, const Digest& base,
                         unsigned element_size, const Shape& shape, std::span<const Gather> axes) {
  if (!rely_on(base)) throw MissingError("no such object in the store", "object " + base.hex());
  if (axes.size() != shape.size()) throw Error("a view needs one gather per axis", object.hex());
  if (!claim(object)) return;
  guarded([&] {
    write_view(object, data, {base, {element_size, shape, {axes.begin(), axes.end()}}});
  });
}

void PackBatch::write_view(const Digest& object, Bytes data, BasedView wanted) {
  const unsigned element_size = wanted.view.element_size;
  const auto view = data.empty() ? std::nullopt : flattened(std::move(wanted));
  const Buffer payload = view ? encode_view(view->view) : Buffer();
  const auto plain_is_smaller = [&] {
    if (payload.size() * kClearGain <= data.size()) return false;
    const std::size_t coded = FrameCoder(data, element_size).encode_all().size();
    return std::min(coded, data.size()) <= payload.size();
  };
  if (!view || plain_is_smaller()) return write_plain(object, data, element_size);
  {
    const std::lock_guard lock(mutex_);
    views_.emplace(object, *view);
  }
  append({Encoding::kView, static_cast<std::uint8_t>(element_size), data.size(), 0, object,
          view->base, 0},
         payload);
}

void PackBatch::copy_one(ObjectStore& from, const Digest& object, std::size_t& copied) {
  if (!claim(object)) return;
  const Record record = from.record(object);
  const Buffer data = from.read(record);  // verified: damage does not travel
  const RecordHeader& header = record.header;
  if (header.encoding == Encoding::kView) {
    const bool plain_there = from.record(header.base).header.encoding != Encoding::kView;
    if (plain_there) copy_one(from, header.base, copied);
    if (!plain_there || known_as_view(header.base)) {
      write_plain(object, data, header.element_size);
      ++copied;
      return;
    }
    const std::lock_guard lock(mutex_);
    views_.emplace(object, BasedView{header.base, decode_view(record.payload, header.size,
                                                              header.element_size)});
  }
  append(header, record.payload);
  ++copied;
}

std::size_t PackBatch::copy(const Store& from, std::span<const Digest> objects) {
  std::size_t copied = 0;
  guarded([&] {
    for (const Digest& object : objects) copy_one(from.impl_->objects, object, copied);
  });
  return copied;
}

std::uint64_t PackBatch::stored() const {
  const std::lock_guard lock(mutex_);
  return writer_ ? writer_->size() : 0;
}

void PackBatch::commit() {
  const std::lock_guard lock(mutex_);
  if (broken_) throw Error("an earlier write of this batch failed");
  const std::vector<Digest> relied_on(relied_on_.begin(), relied_on_.end());
  relied_on_.clear();
  if (!writer_) {
    if (!relied_on.empty()) store_.touch(relied_on);
    return;
  }
  store_.add_pack(writer_->finish(), entries_, relied_on);
  writer_.reset();
  entries_.clear();
  claimed_.clear();
  views_.clear();
}

}  // namespace mgit
