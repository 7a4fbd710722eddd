#include "graph/pt2_archive.h"

#include <tuple>

#include "base/words.h"
#include "graph/json_fields.h"
#include "mgit/format.h"

namespace mgit {

namespace {

constexpr std::string_view kModels = "/models/";
constexpr std::string_view kJson = ".json";
constexpr std::string_view kFlatProgram = "serialized_exported_program.json";

/// Of an entry that has to be unpacked, and of a constant that is larger than its storage.
constexpr std::uint64_t kLargestUnpacked = 256u << 20;
constexpr std::uint64_t kLargestExpanded = 16u << 20;

/// The models of an archive below one folder, as (folder, model).
std::vector<std::pair<std::string, std::string>> models_of(const std::vector<ZipEntry>& entries) {
  std::vector<std::pair<std::string, std::string>> result;
  for (const ZipEntry& entry : entries) {
    const std::size_t slash = entry.name.find('/');
    const std::string_view rest =
        std::string_view(entry.name).substr(std::min(slash, entry.name.size()));
    if (!rest.starts_with(kModels) || !rest.ends_with(kJson)) continue;
    if (rest.size() < kModels.size() + kJson.size()) continue;
    result.emplace_back(entry.name.substr(0, slash),
                        rest.substr(kModels.size(), rest.size() - kModels.size() - kJson.size()));
  }
  return result;
}

Shape sizes_of(const fields::JsonValue& sizes) {
  Shape shape;
  for (const auto& each : fields::array(sizes, "\"sizes\"")) {
    const auto [tag, value] = fields::tagged(each, "a size");
    const std::int64_t size = tag == "as_int" ? fields::integer(value, "a size") : -1;
    if (size < 0) throw CorruptError("a stored tensor has no fixed size");
    shape.push_back(static_cast<std::uint64_t>(size));
  }
  return shape;
}

std::uint64_t offset_of(const fields::JsonValue& meta) {
  const auto [tag, value] = fields::tagged(fields::member(meta, "storage_offset"), "an offset");
  const std::int64_t offset = tag == "as_int" ? fields::integer(value, "an offset") : -1;
  if (offset < 0) throw CorruptError("a stored tensor has no fixed offset");
  return static_cast<std::uint64_t>(offset);
}

Buffer elements_of(const TensorInfo& info, Bytes storage,
                   const std::optional<Placement>& placement) {
  const auto bytes = byte_size(info.dtype, info.shape);
  if (!bytes) throw CorruptError("the shape of constant " + quote_name(info.name) + " overflows");
  if (*bytes == 0) return {};
  const bool inside =
      placement ? fits(info.dtype, info.shape, *placement) : *bytes == storage.size();
  if (!inside)
    throw CorruptError("constant " + quote_name(info.name) + " does not lie in its storage");
  if (*bytes > storage.size() && *bytes > kLargestExpanded)
    throw Error("constant " + quote_name(info.name) + " is too large");
  if (!placement) return {storage.begin(), storage.end()};
  Buffer result(*bytes);
  gather_placed(storage, info.dtype, info.shape, *placement, result);
  return result;
}

}  // namespace

Pt2Archive::Pt2Archive(Bytes file) : file_(file) {
  if (!looks_like_zip(file)) throw CorruptError("not a torch.export archive");
  entries_ = read_zip(file);
  for (std::size_t i = 0; i < entries_.size(); ++i) by_name_.emplace(entries_[i].name, i);
  const auto models = models_of(entries_);
  if (models.empty() && by_name_.contains(kFlatProgram)) {
    open_flat();
    return;
  }
  if (models.empty())
    throw Error("no exported program in it", {}, "write one with torch.export.save(program, file)");
  const auto chosen = std::find_if(models.begin(), models.end(),
                                   [](const auto& each) { return each.second == "model"; });
  if (chosen == models.end() && models.size() > 1)
    throw Error("several exported programs in it, none of them called \"model\"");
  const auto& [root, model] = chosen == models.end() ? models.front() : *chosen;
  model_ = model;
  open_folder(root);
}

Bytes Pt2Archive::entry(const std::string& name) {
  const auto found = by_name_.find(name);
  if (found == by_name_.end()) throw CorruptError("its entry " + quote_name(name) + " is missing");
  const ZipEntry& entry = entries_[found->second];
  if (entry.stored()) return file_.subspan(entry.offset, entry.length);
  const auto [place, fresh] = unpacked_.emplace(name, Buffer{});
  if (fresh) place->second = unpack(file_, entry, kLargestUnpacked);
  return place->second;
}

void Pt2Archive::open_folder(const std::string& root) {
  if (by_name_.contains(root + "/byteorder") && as_text(entry(root + "/byteorder")) != "little")
    throw Error("it comes from a big-endian machine");
  program_ = entry(root + std::string(kModels) + model_ + std::string(kJson));
  tie(payloads(root + "/data/weights/", "weights"));
  constants_ = payloads(root + "/data/constants/", "constants");
}

void Pt2Archive::open_flat() {
  program_ = entry(std::string(kFlatProgram));
  tie(pickled("serialized_state_dict.pt"));
  constants_ = pickled("serialized_constants.pt");
}

/// PyTorch 2.8 pickles them into one file, later ones write a file for each storage.
Pt2Archive::Tensors Pt2Archive::payloads(const std::string& folder, const std::string& kind) {
  const std::string pickle = folder + model_ + ".pt";
  if (by_name_.contains(pickle)) return pickled(pickle);
  return configured(folder, entry(folder + model_ + "_" + kind + "_config.json"));
}

Pt2Archive::Tensors Pt2Archive::configured(const std::string& folder, Bytes config) {
  Tensors result;
  const fields::JsonValue json = fields::parse(config);
  for (const auto& [name, payload] :
       fields::object(fields::member(json, "config"), "\"config\"").items()) {
    const fields::JsonValue* meta = fields::find(payload, "tensor_meta");
    if (meta == nullptr || fields::boolean(fields::member(payload, "use_pickle"), "\"use_pickle\""))
      continue;  // an object of Python's
    const std::string path = folder + fields::text(fields::member(payload, "path_name"), "a path");
    Stored stored;
    stored.info = {name, fields::scalar_type(fields::member(*meta, "dtype")),
                   sizes_of(fields::member(*meta, "sizes"))};
    stored.storage = entry(path);
    stored.storage_id = by_name_.find(path)->second;
    stored.placement = Placement{stored.storage.size(), offset_of(*meta),
                                 sizes_of(fields::member(*meta, "strides"))};
    if (stored.placement->strides.size() != stored.info.rank())
      throw CorruptError(fmt::format("stored tensor {} has {} for {}", quote_name(name),
                                     counted(stored.placement->strides.size(), "stride"),
                                     counted(stored.info.rank(), "size")));
    result.emplace(name, std::move(stored));
  }
  return result;
}

Pt2Archive::Tensors Pt2Archive::pickled(const std::string& entry_name) {
  Tensors result;
  const Bytes inner = entry(entry_name);
  for (StoredTensor& tensor : parse_checkpoint(inner, entry_name).tensors) {
    std::string name = tensor.info.name;
    result.emplace(std::move(name),
                   Stored{std::move(tensor.info), inner.subspan(tensor.offset, tensor.length),
                          tensor.offset, std::move(tensor.placement)});
  }
  return result;
}

/// Weights are tied where they are the same elements of one storage.
void Pt2Archive::tie(const Tensors& weights) {
  using Place = std::tuple<std::uint64_t, DType, Shape, std::uint64_t, Shape>;
  std::map<Place, std::vector<std::string>> places;
  for (const auto& [name, stored] : weights) {
    if (stored.storage.empty()) continue;
    const Placement placement = stored.placement.value_or(Placement{});
    places[{stored.storage_id, stored.info.dtype, stored.info.shape, placement.offset,
            placement.strides}]
        .push_back(name);
  }
  for (auto& [place, names] : places) {
    if (names.size() < 2) continue;
    for (const std::string& name : names) tie_of_.emplace(name, ties_.size());
    ties_.push_back(std::move(names));
  }
}

const std::vector<std::string>* Pt2Archive::names_of(const std::string& weight) const {
  const auto found = tie_of_.find(weight);
  return found == tie_of_.end() ? nullptr : &ties_[found->second];
}

GraphConstant Pt2Archive::constant(const TensorInfo& info) const {
  const auto found = constants_.find(info.name);
  if (found == constants_.end())
    throw CorruptError("constant " + quote_name(info.name) + " is missing");
  const Stored& stored = found->second;
  if (stored.info != info)
    throw CorruptError(fmt::format("constant {} is {} [{}], where the graph has {} [{}]",
                                   quote_name(info.name), dtype_name(stored.info.dtype),
                                   shape_text(stored.info.shape), dtype_name(info.dtype),
                                   shape_text(info.shape)));
  return {info,
          std::make_shared<const Buffer>(elements_of(info, stored.storage, stored.placement))};
}

}  // namespace mgit
