#include <algorithm>
#include <condition_variable>
#include <exception>
#include <map>
#include <mutex>
#include <set>
#include <system_error>
#include <thread>
#include <unordered_map>

#include "base/mapped_file.h"
#include "base/threads.h"
#include "mgit/store.h"

namespace mgit {
namespace {

/// Larger tensors are handled one after the other, each on all cores; smaller ones side by side.
constexpr std::uint64_t kLarge = std::uint64_t{16} << 20;
/// Of a mapped file: smaller tensors stay in memory once they are read.
constexpr std::uint64_t kWorthReleasing = std::uint64_t{1} << 20;

/// Bytes of the words that a coder should split: a complex number is two floats.
unsigned element_size(DType dtype) {
  const bool complex = dtype == DType::kC64 || dtype == DType::kC128;
  const unsigned bits = complex ? dtype_bits(dtype) / 2 : dtype_bits(dtype);
  return bits >= 8 ? bits / 8 : 1;
}

Bytes storage(Bytes file, const StoredTensor& tensor) {
  return file.subspan(tensor.offset, tensor.length);
}

/// For each tensor the first one that has its storage: itself, unless weights are tied.
std::vector<std::size_t> first_of_storage(const ParsedCheckpoint& parsed) {
  std::map<std::uint64_t, std::size_t> firsts;
  std::vector<std::size_t> result(parsed.tensors.size());
  for (std::size_t i = 0; i < result.size(); ++i) {
    const StoredTensor& tensor = parsed.tensors[i];
    result[i] = tensor.length > 0 ? firsts.emplace(tensor.offset, i).first->second : i;
  }
  return result;
}

/// The tensor in C order; `owner` keeps `storage` alive.
TensorData placed(const TensorInfo& info, const std::optional<Placement>& placement, Bytes storage,
                  std::shared_ptr<const void> owner) {
  if (!placement) return {{info.dtype, info.shape, storage}, std::move(owner)};
  auto elements = std::make_shared<Buffer>(byte_size(info.dtype, info.shape).value_or(0));
  gather_placed(storage, info.dtype, info.shape, *placement, *elements);
  return {{info.dtype, info.shape, *elements}, elements};
}

/// For each chunk the one that stood in its place in the version before: after the same neighbour,
/// and as long. Nothing for chunks that both versions have.
std::vector<std::optional<Digest>> chunks_before(const std::vector<ManifestChunk>& chunks,
                                                 const std::vector<ManifestChunk>& previous) {
  std::unordered_map<Digest, std::size_t> places;
  for (std::size_t i = 0; i < previous.size(); ++i) places.emplace(previous[i].object, i);
  std::vector<std::optional<Digest>> before(chunks.size());
  std::size_t expected = 0;
  for (std::size_t i = 0; i < chunks.size(); ++i) {
    const auto same = places.find(chunks[i].object);
    if (same == places.end() && expected < previous.size() &&
        previous[expected].length == chunks[i].length)
      before[i] = previous[expected].object;
    expected = same != places.end() ? same->second + 1 : expected + 1;
  }
  return before;
}

void put_chunks(Store::Batch& batch, Bytes file, const ParsedCheckpoint& parsed, Manifest& manifest,
                const Manifest& previous, const std::function<void(std::uint64_t)>& progress) {
  const auto bytes_of = [&](std::size_t i) {
    return file.subspan(parsed.chunks[i].offset, parsed.chunks[i].length);
  };
  manifest.chunks.resize(parsed.chunks.size());
  parallel_for(parsed.chunks.size(), [&](std::size_t i) {
    manifest.chunks[i] = {parsed.chunks[i].length, sha256(bytes_of(i))};
  });
  const auto before = chunks_before(manifest.chunks, previous.chunks);
  parallel_for(parsed.chunks.size(), [&](std::size_t i) {
    batch.put_as(manifest.chunks[i].object, bytes_of(i), 1, {before[i], {}});
    if (progress) progress(parsed.chunks[i].length);
  });
}

/// Digests of some tensors, computed ahead of whoever waits for them, in their order.
class HashAhead {
 public:
  HashAhead(Bytes file, const ParsedCheckpoint& parsed, const std::vector<std::size_t>& tensors)
      : file_(file),
        parsed_(parsed),
        tensors_(tensors),
        // A hash runs on one core and takes a third of what coding the tensor does on all of them.
        most_lanes_(std::min((thread_count() + 2) / 3, tensors.size())),
        digests_(tensors.size()) {
    try {
      while (lanes_.size() < most_lanes_) lanes_.emplace_back([this] { serve(); });
    } catch (const std::system_error&) {  // no more threads are to be had
      if (lanes_.empty()) throw;
    }
  }
  ~HashAhead() {
    {
      const std::lock_guard lock(mutex_);
      next_ = tensors_.size();
    }
    changed_.notify_all();
    for (std::thread& lane : lanes_) lane.join();
  }
  HashAhead(const HashAhead&) = delete;
  HashAhead& operator=(const HashAhead&) = delete;

  /// Of the i-th; i goes up by one from call to call.
  Digest wait(std::size_t i) {
    std::unique_lock lock(mutex_);
    wanted_ = i;
    changed_.notify_all();
    changed_.wait(lock, [&] { return digests_[i] || failure_; });
    if (failure_) std::rethrow_exception(failure_);
    return *digests_[i];
  }

 private:
  void serve() {
    std::unique_lock lock(mutex_);
    while (true) {
      // Not so far ahead that the pages are gone from memory when they are coded.
      changed_.wait(lock,
                    [this] { return next_ == tensors_.size() || next_ <= wanted_ + most_lanes_; });
      if (next_ == tensors_.size()) return;
      const std::size_t i = next_++;
      lock.unlock();
      std::optional<Digest> digest;
      std::exception_ptr failure;
      try {
        digest = sha256(storage(file_, parsed_.tensors[tensors_[i]]));
      } catch (...) {
        failure = std::current_exception();
      }
      lock.lock();
      digests_[i] = digest;
      if (failure) failure_ = failure;
      changed_.notify_all();
    }
  }

  const Bytes file_;
  const ParsedCheckpoint& parsed_;
  const std::vector<std::size_t>& tensors_;
  const std::size_t most_lanes_;
  std::vector<std::thread> lanes_;
  std::mutex mutex_;  // guards everything below
  std::condition_variable changed_;
  std::vector<std::optional<Digest>> digests_;
  std::exception_ptr failure_;
  std::size_t next_ = 0;
  std::size_t wanted_ = 0;
};

/// As they lie in the file, so that a disk reads on.
std::vector<std::size_t> in_file_order(const ParsedCheckpoint& parsed,
                                       const std::vector<std::size_t>& firsts, bool large) {
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < parsed.tensors.size(); ++i)
    if (firsts[i] == i && (parsed.tensors[i].length > kLarge) == large) order.push_back(i);
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return parsed.tensors[a].offset < parsed.tensors[b].offset;
  });
  return order;
}

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
    const Bytes bytes = storage(file_->bytes(), tensor);
    return placed(*info, tensor.placement, bytes, owner_of(bytes));
  }

 private:
  /// Large tensors leave memory with their last owner, so that a model may be larger than it.
  std::shared_ptr<const void> owner_of(Bytes bytes) const {
    if (bytes.size() < kWorthReleasing) return file_;
    return {bytes.data(), [file = file_, bytes](const void*) { file->release(bytes); }};
  }

  std::shared_ptr<const MappedFile> file_;
  ParsedCheckpoint parsed_;
  std::vector<TensorInfo> infos_;
};

}  // namespace

PutHint hint_from(const Manifest& previous, const TensorInfo& tensor) {
  const ManifestTensor* before = previous.find(tensor.name);
  if (before == nullptr || before->info != tensor) return {};
  const bool plain =
      !before->placement && !is_opaque(tensor.dtype) && dtype_bits(tensor.dtype) % 8 == 0;
  return {before->object, plain ? tensor.shape : Shape{}};
}

Manifest add_checkpoint(Store::Batch& batch, Bytes file, std::string_view path,
                        const Manifest& previous, const AddObserver& observer) {
  const ParsedCheckpoint parsed = parse_checkpoint(file, path);
  Manifest manifest{parsed.format, parsed.size, {}, {}, {}};
  manifest.tensors.resize(parsed.tensors.size());
  const std::vector<std::size_t> firsts = first_of_storage(parsed);
  const auto put = [&](std::size_t i, const Digest& object) {
    const StoredTensor& tensor = parsed.tensors[i];
    manifest.tensors[i] = {tensor.info, object, tensor.placement};
    batch.put_as(object, storage(file, tensor), element_size(tensor.info.dtype),
                 hint_from(previous, tensor.info));
    if (observer.tensor && !tensor.placement)
      observer.tensor(tensor.info, object, storage(file, tensor));
    if (observer.progress) observer.progress(tensor.length);
  };
  const std::vector<std::size_t> small = in_file_order(parsed, firsts, false);
  parallel_for(small.size(), [&](std::size_t i) {
    put(small[i], sha256(storage(file, parsed.tensors[small[i]])));
  });
  const std::vector<std::size_t> large = in_file_order(parsed, firsts, true);
  HashAhead digests(file, parsed, large);
  for (std::size_t i = 0; i < large.size(); ++i) put(large[i], digests.wait(i));
  for (std::size_t i = 0; i < firsts.size(); ++i)
    if (firsts[i] != i)
      manifest.tensors[i] = {parsed.tensors[i].info, manifest.tensors[firsts[i]].object,
                             parsed.tensors[i].placement};
  put_chunks(batch, file, parsed, manifest, previous, observer.progress);
  manifest.layout = batch.put(encode_layout(make_layout(file, parsed)), 1);
  return manifest;
}

std::vector<Digest> objects_of(const Manifest& manifest) {
  std::set<Digest> objects{manifest.layout};
  for (const ManifestTensor& tensor : manifest.tensors) objects.insert(tensor.object);
  for (const ManifestChunk& chunk : manifest.chunks) objects.insert(chunk.object);
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
  return read_tensor(store_, *tensor);
}

TensorData read_tensor(const Store& store, const ManifestTensor& tensor) {
  const auto info = store.info(tensor.object);
  if (info && info->size != storage_size(tensor))
    throw CorruptError("wrong object size for tensor " + quote_name(tensor.info.name),
                       "object " + tensor.object.hex());
  auto storage = std::make_shared<Buffer>(store.read(tensor.object));
  return placed(tensor.info, tensor.placement, *storage, storage);
}

std::unique_ptr<TensorSource> open_checkpoint_file(const std::filesystem::path& path) {
  return std::make_unique<CheckpointFile>(path);
}

}  // namespace mgit
