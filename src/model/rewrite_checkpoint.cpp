#include "model/rewrite_checkpoint.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <mutex>

#include "base/threads.h"
#include "format/format_table.h"
#include "format/zip.h"
#include "format/zip_layout.h"

namespace mgit {
namespace {

/// Larger storages are made one after the other, each on all cores, so that memory does not grow
/// with the threads; smaller ones side by side.
constexpr std::uint64_t kLarge = std::uint64_t{16} << 20;

/// Its container has checksums of the storages that are made anew.
bool has_checksums(const Manifest& manifest) {
  return rewriting_of(manifest.format) == Rewriting::kChecksums;
}

Layout layout_of(const Store& store, const Manifest& manifest) {
  return decode_layout(store.read(manifest.layout), "layout " + manifest.layout.hex());
}

/// The tensors of each storage; chunks stay as they are.
std::vector<std::vector<std::size_t>> storages_of(const Layout& layout, std::size_t tensors) {
  std::vector<std::vector<std::size_t>> storages;
  std::map<std::uint64_t, std::size_t> place;
  for (const Segment& segment : layout.segments) {
    if (segment.kind == Segment::Kind::kGap || segment.tensor >= tensors) continue;
    place[segment.tensor] = storages.size();
    storages.push_back({segment.tensor});
  }
  for (const SharedStorage& shared : layout.shared)
    storages[place.at(shared.with)].push_back(shared.tensor);
  return storages;
}

Buffer elements_of(const ManifestTensor& tensor, Bytes storage) {
  if (!tensor.placement) return {storage.begin(), storage.end()};
  Buffer elements(byte_size(tensor.info.dtype, tensor.info.shape).value_or(0));
  gather_placed(storage, tensor.info.dtype, tensor.info.shape, *tensor.placement, elements);
  return elements;
}

bool equal(Bytes a, Bytes b) { return std::equal(a.begin(), a.end(), b.begin(), b.end()); }

class Rewriter {
 public:
  Rewriter(const Store& store, Store::Batch& batch, const Manifest& manifest,
           const TensorRewrite& rewrite)
      : store_(store), batch_(batch), rewrite_(rewrite), result_(manifest) {}

  Manifest run() {
    Layout layout = layout_of(store_, result_);
    check_layout(layout, result_, "layout " + result_.layout.hex());
    const std::vector<std::vector<std::size_t>> storages =
        storages_of(layout, result_.tensors.size());
    std::vector<const std::vector<std::size_t>*> small;
    for (const std::vector<std::size_t>& tensors : storages)
      if (storage_size(result_.tensors[tensors.front()]) <= kLarge) small.push_back(&tensors);
    parallel_for(small.size(), [&](std::size_t i) { storage(*small[i]); });
    for (const std::vector<std::size_t>& tensors : storages)
      if (storage_size(result_.tensors[tensors.front()]) > kLarge) storage(tensors);
    if (has_checksums(result_) && !crcs_.empty()) {
      layout = with_crcs(std::move(layout), result_.size,
                         [this](std::uint64_t tensor) -> std::optional<std::uint32_t> {
                           const auto found = crcs_.find(tensor);
                           if (found == crcs_.end()) return std::nullopt;
                           return found->second;
                         });
      result_.layout = batch_.put(encode_layout(layout), 1);
    }
    return std::move(result_);
  }

 private:
  void storage(const std::vector<std::size_t>& tensors) {
    std::vector<std::optional<TensorData>> contents;
    bool changes = false;
    for (const std::size_t tensor : tensors) {
      contents.push_back(rewrite_.content(tensor));
      changes = changes || contents.back();
    }
    if (!changes) return;
    if (tensors.size() == 1 && !result_.tensors[tensors[0]].placement)
      return replace(tensors, contents[0]->view.data, true);
    const Buffer before = store_.read(result_.tensors[tensors[0]].object);
    const Buffer after = written(tensors, contents, before);
    check(tensors, contents, before, after);
    replace(tensors, after, contents[0] && !result_.tensors[tensors[0]].placement);
  }

  Buffer written(const std::vector<std::size_t>& tensors,
                 const std::vector<std::optional<TensorData>>& contents, const Buffer& before) {
    Buffer after = before;
    for (std::size_t i = 0; i < tensors.size(); ++i) {
      if (!contents[i]) continue;
      const ManifestTensor& tensor = result_.tensors[tensors[i]];
      const Bytes elements = contents[i]->view.data;
      if (tensor.placement)
        scatter_placed(elements, tensor.info.dtype, tensor.info.shape, *tensor.placement, after);
      else
        std::copy(elements.begin(), elements.end(), after.begin());
    }
    return after;
  }

  /// Tensors may overlap; then what one wrote must be what the others want there.
  void check(const std::vector<std::size_t>& tensors,
             const std::vector<std::optional<TensorData>>& contents, const Buffer& before,
             const Buffer& after) const {
    for (std::size_t i = 0; i < tensors.size(); ++i) {
      const ManifestTensor& tensor = result_.tensors[tensors[i]];
      const Buffer found = elements_of(tensor, after);
      const bool right = contents[i] ? equal(found, contents[i]->view.data)
                                     : equal(found, elements_of(tensor, before));
      if (!right)
        throw Error(
            "shares storage with a tensor that changes differently", tensor.info.name,
            "tied or overlapping tensors must change alike; save them as copies (.clone())");
    }
  }

  void replace(const std::vector<std::size_t>& tensors, Bytes data, bool filled) {
    const std::size_t first = tensors.front();
    const ManifestTensor& tensor = result_.tensors[first];
    const Digest object = sha256(data);
    if (object == tensor.object) return;
    if (!can_be_rewritten(result_))
      throw Error("an npz archive, whose checksums would be wrong with other values", {},
                  "keep the model as safetensors");
    if (filled && rewrite_.put)
      rewrite_.put(first, object, data);
    else
      batch_.put_as(object, data, std::max(1U, dtype_bits(tensor.info.dtype) / 8));
    for (const std::size_t index : tensors) result_.tensors[index].object = object;
    if (!has_checksums(result_)) return;
    const std::uint32_t crc = crc32_of(data);
    const std::lock_guard lock(mutex_);
    crcs_[first] = crc;
  }

  const Store& store_;
  Store::Batch& batch_;
  const TensorRewrite& rewrite_;
  Manifest result_;
  std::mutex mutex_;
  std::map<std::uint64_t, std::uint32_t> crcs_;  // of new storages, by the segment's tensor
};

}  // namespace

bool can_be_rewritten(const Manifest& manifest) {
  return rewriting_of(manifest.format) != Rewriting::kNever;
}

Manifest rewrite_checkpoint(const Store& store, Store::Batch& batch, const Manifest& manifest,
                            const TensorRewrite& rewrite) {
  return Rewriter(store, batch, manifest, rewrite).run();
}

Manifest by_content(const Store& store, Manifest manifest) {
  parallel_for(manifest.tensors.size(), [&](std::size_t i) {
    ManifestTensor& tensor = manifest.tensors[i];
    if (tensor.placement) tensor.object = sha256(read_tensor(store, tensor).view.data);
  });
  return manifest;
}

bool same_frame(const Manifest& a, const Manifest& b) {
  return a.layout == b.layout && a.chunks == b.chunks;
}

bool same_but_values(const Store& store, const Manifest& a, const Manifest& b) {
  if (a.chunks != b.chunks) return false;
  if (a.layout == b.layout) return true;
  if (a.format != b.format || !has_checksums(a) || a.size != b.size) return false;
  if (!store.contains(a.layout) || !store.contains(b.layout)) return false;
  return encode_layout(without_crcs(layout_of(store, a), a.size)) ==
         encode_layout(without_crcs(layout_of(store, b), b.size));
}

}  // namespace mgit
