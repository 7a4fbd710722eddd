#include "format/torch.h"

#include <algorithm>
#include <set>

#include "base/wire.h"
#include "format/torch_tree.h"

namespace mgit {
namespace {

using pickle::Node;
using pickle::NodeId;
using pickle::Pickle;
using Kind = Node::Kind;

constexpr std::uint64_t kMaximumPickle = std::uint64_t{256} << 20;
constexpr std::string_view kPickle = "/data.pkl";
constexpr std::string_view kLegacyMagic("\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19", 10);
constexpr std::int64_t kLegacyProtocol = 1001;

[[noreturn]] void refuse_big_endian() {
  throw Error("written on a big-endian machine; mgit keeps little-endian tensors only", "",
              "torch.load it and torch.save it again on a little-endian machine");
}

/// The folder that everything in the archive is in, as torch.load finds it; nullopt if this is no
/// archive of torch.save's.
std::optional<std::string> root_of(const std::vector<ZipEntry>& entries) {
  const auto found = std::find_if(entries.begin(), entries.end(), [](const ZipEntry& entry) {
    return entry.name.ends_with(kPickle) &&
           entry.name.find('/') == entry.name.size() - kPickle.size();
  });
  if (found == entries.end()) return std::nullopt;
  std::string root = found->name.substr(0, found->name.size() - kPickle.size());
  const bool script = find_entry(entries, root + "/constants.pkl") != nullptr;
  if (script || find_entry(entries, root + "/version") == nullptr) return std::nullopt;
  return root;
}

void check_byte_order(Bytes file, const std::vector<ZipEntry>& entries, const std::string& root) {
  const ZipEntry* entry = find_entry(entries, root + "/byteorder");
  if (entry == nullptr) return;
  const Buffer order = unpack(file, *entry, 64);
  if (as_text(order) == "big") refuse_big_endian();
  if (as_text(order) != "little") throw CorruptError("unknown byte order");
}

/// Bytes that belong to no tensor so far, as a tensor.
StoredTensor raw(std::string name, std::uint64_t offset, std::uint64_t length) {
  return {{std::move(name), DType::kU8, {length}}, offset, length};
}

ParsedCheckpoint sorted(const char* format, Bytes file, std::vector<StoredTensor> tensors) {
  std::sort(tensors.begin(), tensors.end(),
            [](const StoredTensor& a, const StoredTensor& b) { return a.info.name < b.info.name; });
  return {format, file.size(), std::move(tensors)};
}

/// The storages that no tensor lies in.
void add_unnamed(std::vector<StoredTensor>& tensors, std::vector<StoredTensor> storages) {
  std::set<std::uint64_t> used;
  UniqueNames names;
  for (const StoredTensor& tensor : tensors) {
    names.unique(tensor.info.name);
    if (tensor.length > 0) used.insert(tensor.offset);
  }
  for (StoredTensor& storage : storages) {
    if (storage.length == 0 || used.contains(storage.offset)) continue;
    storage.info.name = names.unique(std::move(storage.info.name));
    tensors.push_back(std::move(storage));
  }
}

/// Where an archive keeps the storages that a pickle names. `entries` outlive it.
class ZipStorages {
 public:
  ZipStorages(const std::vector<ZipEntry>& entries, const std::string& root)
      : prefix_(root + "/data/"), skipped_(root.size() + 1) {
    for (const ZipEntry& entry : entries)
      if (entry.name.starts_with(prefix_)) by_name_.emplace(entry.name, &entry);
  }

  std::optional<StoragePlace> find(const TorchStorage& storage) const {
    const auto found = by_name_.find(prefix_ + std::string(storage.key));
    if (found == by_name_.end() || !found->second->stored()) return std::nullopt;
    const ZipEntry& entry = *found->second;
    const auto bytes = byte_size(storage.dtype.value_or(DType::kU8), {storage.elements});
    if (bytes != entry.length) return std::nullopt;
    return StoragePlace{entry.offset, entry.length};
  }

  std::vector<StoredTensor> all(const std::vector<ZipEntry>& entries) const {
    std::vector<StoredTensor> result;
    for (const ZipEntry& entry : entries)
      if (entry.name.starts_with(prefix_))
        result.push_back(raw(entry.name.substr(skipped_), entry.offset, entry.length));
    return result;
  }

 private:
  std::string prefix_;
  std::size_t skipped_;
  std::unordered_map<std::string, const ZipEntry*> by_name_;
};

/// Takes the pickles at the beginning of an old file one by one.
class LegacyFile {
 public:
  explicit LegacyFile(Bytes file) : file_(file) {}

  Pickle next(std::uint64_t limit = kMaximumPickle) {
    const Bytes rest = file_.subspan(at_);
    Pickle pickle = pickle::read_pickle(rest.first(std::min<std::uint64_t>(rest.size(), limit)));
    at_ += pickle.length;
    return pickle;
  }

  /// A storage: the number of its elements, then they.
  StoragePlace storage(const TorchStorage& description) {
    wire::Reader reader(file_.subspan(at_));
    try {
      const std::uint64_t elements = reader.u64();
      const auto bytes = byte_size(description.dtype.value_or(DType::kU8), {elements});
      if (!bytes || elements != description.elements)
        throw CorruptError("a storage differs in size from what the pickle says");
      reader.take(*bytes);
      const StoragePlace place{at_ + 8, *bytes};
      at_ = place.offset + place.length;
      return place;
    } catch (const wire::Malformed&) {
      throw CorruptError("a storage is truncated");
    }
  }

 private:
  Bytes file_;
  std::uint64_t at_ = 0;
};

bool has_legacy_magic(Bytes file) {
  constexpr std::size_t kEnough = 64;
  if (file.empty() || file[0] != std::byte{0x80}) return false;
  const Pickle magic = LegacyFile(file).next(kEnough);
  return magic[magic.root].kind == Kind::kBigInteger && magic[magic.root].text == kLegacyMagic;
}

void check_system(const Pickle& system) {
  const std::vector<NodeId>& items = system[system.root].items;
  for (std::size_t i = 0; i + 1 < items.size(); i += 2)
    if (system[items[i]].text == "little_endian" && system[items[i + 1]].integer == 0)
      refuse_big_endian();
}

/// What the pickle says about each storage, by key.
std::unordered_map<std::string_view, TorchStorage> descriptions(const Pickle& pickle) {
  std::unordered_map<std::string_view, TorchStorage> result;
  for (NodeId id = 0; id < pickle.nodes.size(); ++id)
    if (const auto storage = torch_storage(pickle, id)) {
      const auto [known, fresh] = result.emplace(storage->key, *storage);
      if (!fresh &&
          (known->second.dtype != storage->dtype || known->second.elements != storage->elements))
        throw CorruptError("one storage is described twice");
    }
  return result;
}

Buffer pickle_bytes(Bytes file, const std::vector<ZipEntry>& entries, const std::string& root) {
  check_byte_order(file, entries, root);
  return unpack(file, *find_entry(entries, root + std::string(kPickle)), kMaximumPickle);
}

/// An archive that torch.save wrote, opened as far as its pickle.
struct TorchArchive {
  /// Throws CorruptError.
  TorchArchive(Bytes file, const std::vector<ZipEntry>& entries, const std::string& root)
      : data(pickle_bytes(file, entries, root)),
        pickle(pickle::read_pickle(data)),
        storages(entries, root) {}

  FindStorage finder() const {
    return [this](const TorchStorage& storage) { return storages.find(storage); };
  }

  Buffer data;
  Pickle pickle;  // points into `data`
  ZipStorages storages;
};

/// A file of the old format, opened as far as its storages.
class LegacyContents {
 public:
  /// Throws CorruptError.
  explicit LegacyContents(Bytes file) {
    LegacyFile reader(file);
    reader.next();
    const Pickle protocol = reader.next();
    if (protocol[protocol.root].integer != kLegacyProtocol) throw CorruptError("unknown protocol");
    check_system(reader.next());
    pickle = reader.next();
    find_storages(reader, reader.next());
  }

  FindStorage finder() const {
    return [this](const TorchStorage& storage) -> std::optional<StoragePlace> {
      const auto found = places_.find(storage.key);
      if (found == places_.end()) return std::nullopt;
      return found->second;
    };
  }

  Pickle pickle;
  std::vector<StoredTensor> storages;

 private:
  void find_storages(LegacyFile& reader, const Pickle& keys) {
    const auto known = descriptions(pickle);
    for (const NodeId id : keys[keys.root].items) {
      const auto description = known.find(keys[id].text);
      if (description == known.end())
        throw CorruptError("a storage that the pickle does not describe");
      const StoragePlace place = reader.storage(description->second);
      if (!places_.emplace(keys[id].text, place).second)
        throw CorruptError("a storage is listed twice");
      storages.push_back(
          raw("storage." + std::to_string(storages.size()), place.offset, place.length));
    }
  }

  std::unordered_map<std::string_view, StoragePlace> places_;
};

Outline outline(const Pickle& pickle, const FindStorage& find, Bytes file) {
  Outline result;
  for (StoredTensor& tensor : torch_tensors(pickle, find, file.size(), &result.scalars)) {
    const std::uint64_t inside =
        tensor.placement ? tensor.placement->offset * dtype_bits(tensor.info.dtype) / 8 : 0;
    result.tensors.push_back(
        {std::move(tensor.info.name), tensor.length > 0 ? tensor.offset + inside : 0});
  }
  return result;
}

}  // namespace

std::optional<ParsedCheckpoint> parse_torch(Bytes file, const std::vector<ZipEntry>& entries) {
  const auto root = root_of(entries);
  if (!root) return std::nullopt;
  try {
    const TorchArchive archive(file, entries, *root);
    std::vector<StoredTensor> tensors =
        torch_tensors(archive.pickle, archive.finder(), file.size());
    add_unnamed(tensors, archive.storages.all(entries));
    return sorted("pytorch", file, std::move(tensors));
  } catch (const CorruptError&) {
    return std::nullopt;
  }
}

std::optional<ParsedCheckpoint> parse_torch_legacy(Bytes file) {
  try {
    if (!has_legacy_magic(file)) return std::nullopt;
    LegacyContents contents(file);
    std::vector<StoredTensor> tensors =
        torch_tensors(contents.pickle, contents.finder(), file.size());
    add_unnamed(tensors, std::move(contents.storages));
    return sorted("pytorch-legacy", file, std::move(tensors));
  } catch (const CorruptError&) {
    return std::nullopt;
  }
}

Outline outline_torch(Bytes file, const std::vector<ZipEntry>& entries) {
  const auto root = root_of(entries);
  if (!root) throw CorruptError("not an archive of torch.save's");
  const TorchArchive archive(file, entries, *root);
  return outline(archive.pickle, archive.finder(), file);
}

Outline outline_torch_legacy(Bytes file) {
  if (!has_legacy_magic(file)) throw CorruptError("not a file of torch.save's");
  const LegacyContents contents(file);
  return outline(contents.pickle, contents.finder(), file);
}

ParsedCheckpoint parse_zip(Bytes file, const std::vector<ZipEntry>& entries) {
  std::vector<StoredTensor> tensors;
  for (const ZipEntry& entry : entries)
    if (entry.length > 0) tensors.push_back(raw(entry.name, entry.offset, entry.length));
  return sorted("zip", file, std::move(tensors));
}

}  // namespace mgit
