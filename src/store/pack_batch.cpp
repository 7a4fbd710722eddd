#include "store/pack_batch.h"

#include <algorithm>
#include <array>

#include "base/threads.h"
#include "base/wire.h"
#include "store/store_impl.h"

namespace mgit {
namespace {

/// Bytes of records that arrived, enough to keep all cores busy.
constexpr std::uint64_t kComparedTogether = std::uint64_t{64} << 20;

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
  if (!claim(object)) return;
  guarded([&] {
    const FormCandidates candidates = candidates_for(object, data.size(), hint);
    append(object, data, choose_form(data, element_size, candidates));
  });
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

std::optional<Digest> PackBatch::delta_base(const Digest& wanted, const Digest& object) const {
  const std::vector<Digest> chain = chain_from(wanted, object);
  if (chain.empty()) return std::nullopt;
  if (chain.size() <= kLongestChain) return chain.front();
  // The end of a full chain begins a new one, if it is here already.
  return store_.locate(chain.back()) ? std::optional(chain.back()) : std::nullopt;
}

std::shared_ptr<const ObjectFrames> PackBatch::intact_frames(const Digest& object) {
  try {
    return store_.checked_frames(object);
  } catch (const CorruptError&) {
    return nullptr;  // a new object must not depend on it
  } catch (const MissingError&) {
    return nullptr;
  }
}

FormCandidates PackBatch::candidates_for(const Digest& object, std::size_t size,
                                         const PutHint& hint) {
  FormCandidates found;
  if (!hint.base || size == 0) return found;
  const auto location = store_.locate(*hint.base);
  if (!location || location->info.size != size) return found;
  if (const auto base = delta_base(*hint.base, object))
    if (auto frames = intact_frames(*base)) found.older = OlderVersion{*base, std::move(frames)};
  if (hint.shape.empty()) return found;
  const bool same = found.older && found.older->object == *hint.base;
  auto frames = same ? found.older->frames : intact_frames(*hint.base);
  if (!frames) return found;
  if (auto base = view_base(*hint.base, object))
    found.reordered = OtherOrder{*std::move(base), std::move(frames), hint.shape};
  return found;
}

void PackBatch::append(const Digest& object, Bytes data, const StoredForm& form) {
  const RecordHeader header = header_of(form, object, data.size());
  if (form.coder) return append_streamed(header, *form.coder);
  if (form.view) {
    const std::lock_guard lock(mutex_);
    views_.emplace(object, BasedView{*form.base, *form.view});
  }
  if (form.encoding == Encoding::kRaw) return append(header, std::array{data});
  append(header, std::vector<Bytes>(form.payload.begin(), form.payload.end()));
}

void PackBatch::append_streamed(RecordHeader header, const ObjectCoder& coder) {
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

std::optional<ViewBase> PackBatch::view_base(const Digest& wanted, const Digest& object) const {
  ViewBase base{wanted, std::nullopt};
  if (auto below = view_of(wanted)) {
    base = {below->base, std::move(below->view)};
    if (!known(base.object) || view_of(base.object)) return std::nullopt;
  }
  const std::size_t depth = chain_from(base.object, object).size();
  return depth > 0 && depth <= kLongestChain ? std::optional(std::move(base)) : std::nullopt;
}

void PackBatch::put_view(const Digest& object, Bytes data, const Digest& base,
                         unsigned element_size, const Shape& shape, std::span<const Gather> axes) {
  if (!rely_on(base)) throw MissingError("no such object in the store", "object " + base.hex());
  if (axes.size() != shape.size()) throw Error("a view needs one gather per axis", object.hex());
  if (!claim(object)) return;
  guarded([&] {
    const auto under = data.empty() ? std::nullopt : view_base(base, object);
    append(object, data,
           under ? view_form(data, *under, {element_size, shape, {axes.begin(), axes.end()}})
                 : plain_form(data, element_size));
  });
}

void PackBatch::copy_one(ObjectStore& from, const Digest& object, std::size_t& copied) {
  if (!claim(object)) return;
  const Record record = from.record(object);
  from.stream(record, [](Bytes) {});  // verified: damage does not travel
  const RecordHeader& header = record.header;
  ++copied;
  if (!header.has_base()) return append(header, std::array{record.payload});
  copy_one(from, header.base, copied);
  // What stands for the base here may lead on to other objects than it does there.
  const std::size_t depth = chain_from(header.base, object).size();
  if (depth == 0 || depth > kLongestChain) {
    const Buffer data = from.read(record);
    return append(object, data, plain_form(data, header.element_size));
  }
  if (header.encoding == Encoding::kView) {
    const std::lock_guard lock(mutex_);
    views_.emplace(object, BasedView{header.base, decode_view(record.payload, header.size,
                                                              header.element_size)});
  }
  append(header, std::array{record.payload});
}

std::size_t PackBatch::copy(const Store& from, std::span<const Digest> objects) {
  std::size_t copied = 0;
  guarded([&] {
    for (const Digest& object : objects) copy_one(from.impl_->objects, object, copied);
  });
  return copied;
}

void PackBatch::verify_arrivals() {
  const std::lock_guard lock(mutex_);
  arrivals_.verify(writer().readable());
}

void PackBatch::import_plain(const RecordHeader& header, RecordReader& records) {
  Buffer payload;
  records.payload([&](Bytes piece) { wire::put_bytes(payload, piece); });
  verify_arrivals();
  arrivals_.finish();
  const Buffer data = arrivals_.read(header, payload);
  append(header.object, data, plain_form(data, header.element_size));
}

void PackBatch::import_one(const RecordHeader& header, RecordReader& records) {
  if (header.has_base()) {
    if (!rely_on(header.base))
      throw MissingError("the object that it is coded against is not here",
                         "object " + header.object.hex());
    const std::size_t depth = chain_from(header.base, header.object).size();
    if (depth == 0 || depth > kLongestChain) return import_plain(header, records);
  }
  {
    const std::lock_guard lock(mutex_);
    const std::uint64_t offset =
        writer().append_known(header, [&](const PackWriter::Sink& sink) { records.payload(sink); });
    note(header, offset);
    arrivals_.add(header, offset);
  }
  if (arrivals_.waiting() >= kComparedTogether) verify_arrivals();
}

std::size_t PackBatch::import_records(const RecordSource& source) {
  std::size_t taken = 0;
  guarded([&] {
    RecordReader records(source);
    while (const auto header = records.next()) {
      if (!claim(header->object)) continue;
      import_one(*header, records);
      ++taken;
    }
    if (taken > 0) verify_arrivals();
    arrivals_.finish();
  });
  return taken;
}

std::vector<Digest> PackBatch::lacking(std::span<const Digest> objects) const {
  store_.begin_writing();
  std::vector<Digest> absent = store_.lacking(objects);
  const std::lock_guard lock(mutex_);
  std::erase_if(absent, [this](const Digest& object) { return claimed_.contains(object); });
  return absent;
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
