#include <algorithm>
#include <set>

#include "base/mapped_file.h"
#include "base/threads.h"
#include "mgit/store.h"

namespace mgit {
namespace {

/// Larger tensors are handled one after the other, each on all cores; smaller ones side by side.
constexpr std::uint64_t kLarge = std::uint64_t{16} << 20;
/// What reading ahead may hold in memory.
constexpr std::uint64_t kWave = std::uint64_t{64} << 20;

/// Bytes of the words that a coder should split: a complex number is two floats.
unsigned element_size(DType dtype) {
  const unsigned bits = dtype == DType::kC64 ? 32 : dtype_bits(dtype);
  return bits >= 8 ? bits / 8 : 1;
}

Bytes storage(Bytes file, const StoredTensor& tensor) {
  return file.subspan(tensor.offset, tensor.length);
}

void put_storages(Store::Batch& batch, Bytes file, const ParsedCheckpoint& parsed,
                  const Manifest& manifest, const Manifest& previous) {
  const auto put = [&](std::size_t i) {
    const StoredTensor& tensor = parsed.tensors[i];
    batch.put_as(manifest.tensors[i].object, storage(file, tensor), element_size(tensor.info.dtype),
                 hint_from(previous, tensor.info));
  };
  const auto large = [&](std::size_t i) { return parsed.tensors[i].length > kLarge; };
  parallel_for(parsed.tensors.size(), [&](std::size_t i) {
    if (!large(i)) put(i);
  });
  for (std::size_t i = 0; i < parsed.tensors.size(); ++i)
    if (large(i)) put(i);
}

/// The objects of a file in order, with their sizes; gaps are cut from the layout.
class FileWriter {
 public:
  FileWriter(const Store& store, const Manifest& manifest, const std::function<void(Bytes)>& sink)
      : store_(store), manifest_(manifest), sink_(sink) {
    const std::string where = "layout " + manifest.layout.hex();
    layout_ = decode_layout(store.read(manifest.layout), where);
    check(where);
  }

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
  /// Layout and manifest come from different hands: they must describe the same file.
  void check(const std::string& where) const {
    std::uint64_t total = 0;
    std::vector<bool> placed(manifest_.tensors.size());
    for (const Segment& segment : layout_.segments) {
      total += segment.length;
      if (segment.kind == Segment::Kind::kGap) continue;
      if (segment.tensor >= manifest_.tensors.size())
        throw CorruptError("damaged layout: it names a tensor that the manifest lacks", where);
      const TensorInfo& info = manifest_.tensors[segment.tensor].info;
      if (byte_size(info.dtype, info.shape) != segment.length || placed[segment.tensor])
        throw CorruptError("layout and manifest do not agree about tensor " + quote_name(info.name),
                           where);
      placed[segment.tensor] = true;
    }
    if (total != manifest_.size)
      throw CorruptError("layout and manifest do not agree about the file's size", where);
  }

  const Digest& object(const Segment& segment) const {
    return manifest_.tensors[segment.tensor].object;
  }

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
  Layout layout_;
  std::uint64_t gap_ = 0;  // how much of layout_.gaps is written
};

/// A mapped file and what the parser found in it.
class CheckpointFile final : public TensorSource {
 public:
  explicit CheckpointFile(const std::filesystem::path& path)
      : file_(std::make_shared<const MappedFile>(path)),
        parsed_(parse_checkpoint(file_->bytes(), path.string())) {
    for (const StoredTensor& tensor : parsed_.tensors) infos_.push_back(tensor.info);
  }
  const std::vector<TensorInfo>& tensors() const override { return infos_; }
  TensorData read(std::string_view name) const override {
    const TensorInfo* info = find(name);
    if (info == nullptr) throw MissingError("no such tensor", quote_name(name));
    const auto& tensor = parsed_.tensors[static_cast<std::size_t>(info - infos_.data())];
    return {{info->dtype, info->shape, storage(file_->bytes(), tensor)}, file_};
  }

 private:
  std::shared_ptr<const MappedFile> file_;
  ParsedCheckpoint parsed_;
  std::vector<TensorInfo> infos_;
};

}  // namespace

PutHint hint_from(const Manifest& previous, const TensorInfo& tensor) {
  const ManifestTensor* before = previous.find(tensor.name);
  if (before == nullptr || before->info != tensor) return {};
  return {before->object, dtype_bits(tensor.dtype) % 8 == 0 ? tensor.shape : Shape{}};
}

Manifest add_checkpoint(Store::Batch& batch, Bytes file, std::string_view path,
                        const Manifest& previous) {
  const ParsedCheckpoint parsed = parse_checkpoint(file, path);
  Manifest manifest{parsed.format, parsed.size, {}, {}};
  manifest.tensors.resize(parsed.tensors.size());
  parallel_for(parsed.tensors.size(), [&](std::size_t i) {
    const StoredTensor& tensor = parsed.tensors[i];
    manifest.tensors[i] = {tensor.info, sha256(storage(file, tensor))};
  });
  put_storages(batch, file, parsed, manifest, previous);
  manifest.layout = batch.put(encode_layout(make_layout(file, parsed)), 1);
  return manifest;
}

void write_checkpoint(const Store& store, const Manifest& manifest,
                      const std::function<void(Bytes)>& sink) {
  FileWriter(store, manifest, sink).write();
}

std::vector<Digest> objects_of(const Manifest& manifest) {
  std::set<Digest> objects{manifest.layout};
  for (const ManifestTensor& tensor : manifest.tensors) objects.insert(tensor.object);
  return {objects.begin(), objects.end()};
}

std::vector<Digest> missing_objects(const Store& store, const Manifest& manifest) {
  return store.lacking(objects_of(manifest));
}

StoredModel::StoredModel(const Store& store, Manifest manifest)
    : store_(store), manifest_(std::move(manifest)) {
  for (const ManifestTensor& tensor : manifest_.tensors) infos_.push_back(tensor.info);
}

TensorData StoredModel::read(std::string_view name) const {
  const ManifestTensor* tensor = manifest_.find(name);
  if (tensor == nullptr) throw MissingError("no such tensor", quote_name(name));
  auto data = std::make_shared<Buffer>();
  const auto size = byte_size(tensor->info.dtype, tensor->info.shape);
  const auto info = store_.info(tensor->object);
  if (info && info->size != size)
    throw CorruptError("an object of another size stands for tensor " + quote_name(name),
                       "object " + tensor->object.hex());
  *data = store_.read(tensor->object);
  return {{tensor->info.dtype, tensor->info.shape, *data}, data};
}

std::unique_ptr<TensorSource> open_checkpoint_file(const std::filesystem::path& path) {
  return std::make_unique<CheckpointFile>(path);
}

}  // namespace mgit
