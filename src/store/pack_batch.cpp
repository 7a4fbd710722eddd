#include "store/pack_batch.h"

#include <algorithm>
#include <array>

#include "base/threads.h"
#include "base/wire.h"
#include "coding/delta.h"
#include "coding/frames.h"
#include "coding/permuted.h"
#include "coding/planes.h"
#include "store/store_impl.h"

namespace mgit {
namespace {

/// Above this an object is coded frame by frame into the pack, not in memory.
constexpr std::size_t kStreamed = 64 * kFrameSize;
/// A view this much smaller than its data is taken without trying a plain encoding.
constexpr std::size_t kClearGain = 16;
/// Above this nobody looks whether an object is another one reordered: both have to be in memory.
constexpr std::size_t kLargestReordered = 128 * kFrameSize;
/// A base has to save this much: it makes every later reading slower.
constexpr double kWorthABase = 0.97;

/// A guess may be so much too high.
constexpr double kDoubt = 0.95;

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

Digest PackBatch::put(Bytes data, unsigned element_size, const PutHint& hint) {
  const Digest object = sha256(data);
  put_as(object, data, element_size, hint);
  return object;
}

void PackBatch::put_as(const Digest& object, Bytes data, unsigned element_size,
                       const PutHint& hint) {
  if (claim(object)) guarded([&] { write(object, data, element_size, hint); });
}

std::optional<Digest> PackBatch::base_of(const Digest& object) const {
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = bases_.find(object); found != bases_.end()) return found->second;
    if (claimed_.contains(object)) return std::nullopt;
  }
  const auto location = store_.locate(object);
  return location ? location->info.base : std::nullopt;
}

std::vector<Digest> PackBatch::chain_from(const Digest& base, const Digest& object) const {
  std::vector<Digest> chain;
  for (std::optional<Digest> at = base; at; at = base_of(*at)) {
    if (*at == object || chain.size() > kLongestChain || !known(*at)) return {};
    chain.push_back(*at);
  }
  return chain;
}

std::optional<Digest> PackBatch::usable_base(const Digest& object, std::size_t size,
                                             const PutHint& hint) const {
  if (!hint.base || size == 0) return std::nullopt;
  const auto location = store_.locate(*hint.base);
  if (!location || location->info.size != size) return std::nullopt;
  const std::vector<Digest> chain = chain_from(*hint.base, object);
  if (chain.empty()) return std::nullopt;
  if (chain.size() <= kLongestChain) return chain.front();
  // The end of a full chain begins a new one, if it is here already.
  return store_.locate(chain.back()) ? std::optional(chain.back()) : std::nullopt;
}

void PackBatch::write(const Digest& object, Bytes data, unsigned element_size,
                      const PutHint& hint) {
  const FrameCoder plain(data, element_size);
  if (write_based(object, data, plain, element_size, hint)) return;
  if (write_permuted(object, data, element_size, hint)) return;
  write_plain(object, data, plain);
}

bool PackBatch::write_based(const Digest& object, Bytes data, const FrameCoder& plain,
                            unsigned element_size, const PutHint& hint) {
  const std::optional<Digest> base = usable_base(object, data.size(), hint);
  if (!base) return false;
  std::unique_ptr<ObjectFrames> frames;
  try {
    frames = store_.checked_frames(*base);
  } catch (const CorruptError&) {
    return false;  // the new object must not depend on it
  } catch (const MissingError&) {
    return false;
  }
  if (guessed_ratio(data, *frames, element_size) * kDoubt >= plain.ratio()) return false;
  const DeltaCoder delta(data, *frames, element_size);
  if (delta.ratio() >= plain.ratio() * kWorthABase) return false;
  write_coded(
      {Encoding::kDelta, static_cast<std::uint8_t>(delta.word()), data.size(), 0, object, *base, 0},
      data, delta);
  return true;
}

bool PackBatch::write_permuted(const Digest& object, Bytes data, unsigned element_size,
                               const PutHint& hint) {
  if (!hint.base || hint.shape.empty() || data.empty() || data.size() > kLargestReordered)
    return false;
  const auto location = store_.locate(*hint.base);
  if (!location || location->info.size != data.size()) return false;
  Buffer base(data.size());
  try {
    read_frames(*store_.checked_frames(*hint.base), base);
  } catch (const CorruptError&) {
    return false;
  } catch (const MissingError&) {
    return false;
  }
  auto axes = find_permutation(base, data, element_size, hint.shape);
  if (!axes) return false;
  write_view(object, data, {*hint.base, {element_size, hint.shape, *std::move(axes)}});
  return true;
}

void PackBatch::write_plain(const Digest& object, Bytes data, unsigned element_size) {
  write_plain(object, data, FrameCoder(data, element_size));
}

void PackBatch::write_plain(const Digest& object, Bytes data, const FrameCoder& coder) {
  if (!coder.worthwhile()) return append({Encoding::kRaw, 1, data.size(), 0, object, {}, 0}, data);
  write_coded(
      {Encoding::kZstd, static_cast<std::uint8_t>(coder.planes()), data.size(), 0, object, {}, 0},
      data, coder);
}

void PackBatch::write_coded(RecordHeader header, Bytes data, const ObjectCoder& coder) {
  if (data.size() > kStreamed) return write_streamed(header, coder);
  const std::vector<Buffer> coded = coder.encode_pieces();
  const std::vector<Bytes> payload(coded.begin(), coded.end());
  std::size_t size = 0;
  for (const Bytes piece : payload) size += piece.size();
  if (size < data.size()) return append(header, payload);
  append({Encoding::kRaw, 1, data.size(), 0, header.object, {}, 0}, data);
}

void PackBatch::write_streamed(RecordHeader header, const ObjectCoder& coder) {
  const std::lock_guard lock(mutex_);
  const std::uint64_t offset = writer().append_streamed(header, [&](const PackWriter::Sink& sink) {
    Buffer table;
    std::vector<Buffer> coded(4 * thread_count());
    ordered_for(
        coder.frames(), coded.size(),
        [&](std::size_t i, std::size_t slot) { coded[slot] = coder.encode(i); },
        [&](std::size_t, std::size_t slot) {
          sink(coded[slot]);
          wire::put_u32(table, static_cast<std::uint32_t>(coded[slot].size()));
        });
    sink(table);
  });
  note(header, offset);
}

void PackBatch::append(RecordHeader header, Bytes payload) { append(header, std::array{payload}); }

void PackBatch::append(RecordHeader header, std::span<const Bytes> payload) {
  const std::lock_guard lock(mutex_);
  note(header, writer().append(header, payload));
}

PackWriter& PackBatch::writer() {
  if (!writer_) writer_ = std::make_unique<PackWriter>(store_.packs_directory());
  return *writer_;
}

void PackBatch::note(const RecordHeader& header, std::uint64_t offset) {
  entries_.push_back(entry_of(header, offset));
  const auto& base = entries_.back().info.base;
  if (base) bases_.emplace(header.object, *base);
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
  const std::size_t depth = view ? chain_from(view->base, object).size() : 0;
  const Buffer payload = depth > 0 ? encode_view(view->view) : Buffer();
  const auto plain_is_smaller = [&] {
    if (payload.size() * kClearGain <= data.size()) return false;
    const std::size_t coded = FrameCoder(data, element_size).encode_all().size();
    return std::min(coded, data.size()) <= payload.size();
  };
  if (depth == 0 || depth > kLongestChain || plain_is_smaller())
    return write_plain(object, data, element_size);
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
  from.stream(record, [](Bytes) {});  // verified: damage does not travel
  const RecordHeader& header = record.header;
  ++copied;
  if (!header.has_base()) return append(header, record.payload);
  copy_one(from, header.base, copied);
  // What stands for the base here may lead on to other objects than it does there.
  const std::size_t depth = chain_from(header.base, object).size();
  if (depth == 0 || depth > kLongestChain)
    return write_plain(object, from.read(record), header.element_size);
  if (header.encoding == Encoding::kView) {
    const std::lock_guard lock(mutex_);
    views_.emplace(object, BasedView{header.base, decode_view(record.payload, header.size,
                                                              header.element_size)});
  }
  append(header, record.payload);
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
  broken_ =
      true;  // until all is done: what failed to get to the disk may be said to be there later
  finish();
  broken_ = false;
}

void PackBatch::finish() {
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
  bases_.clear();
}

}  // namespace mgit
