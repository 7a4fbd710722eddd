#include "graph/torchscript/archive.h"

#include <fmt/format.h>

#include "format/torch_tree.h"
#include "mgit/format.h"

namespace mgit::torchscript {

namespace {

using pickle::Node;
using pickle::NodeId;

constexpr std::string_view kModules = "/data.pkl";
constexpr std::string_view kConstants = "/constants.pkl";

/// Of an entry that is not a storage, and of a constant that is larger than its storage.
constexpr std::uint64_t kLargestEntry = 64u << 20;
constexpr std::uint64_t kLargestExpanded = 16u << 20;

/// The folder that everything is in; nullopt: this is no TorchScript archive.
std::optional<std::string> root_of(const std::vector<ZipEntry>& entries) {
  for (const ZipEntry& entry : entries) {
    if (!entry.name.ends_with(kModules)) continue;
    std::string root = entry.name.substr(0, entry.name.size() - kModules.size());
    if (root.find('/') == std::string::npos &&
        find_entry(entries, root + std::string(kConstants)) != nullptr)
      return root;
  }
  return std::nullopt;
}

std::optional<Shape> numbers(const pickle::Pickle& pickle, NodeId id) {
  const Node& node = pickle[id];
  if (node.kind != Node::Kind::kTuple && node.kind != Node::Kind::kList) return std::nullopt;
  Shape result;
  for (const NodeId item : node.items) {
    if (pickle[item].kind != Node::Kind::kInteger || pickle[item].integer < 0) return std::nullopt;
    result.push_back(static_cast<std::uint64_t>(pickle[item].integer));
  }
  return result;
}

/// The part before the last dot, and the one after it.
std::pair<std::string, std::string> split_name(const std::string& qualified) {
  const std::size_t dot = qualified.rfind('.');
  if (dot == std::string::npos) return {"", qualified};
  return {qualified.substr(0, dot), qualified.substr(dot + 1)};
}

}  // namespace

bool is_torchscript(const std::vector<ZipEntry>& entries) { return root_of(entries).has_value(); }

Archive::Archive(Bytes file) : file_(file) {
  if (!looks_like_zip(file)) throw CorruptError("not a TorchScript archive");
  entries_ = read_zip(file);
  const auto root = root_of(entries_);
  if (!root) throw CorruptError("not a TorchScript archive");
  root_ = *root;
  for (std::size_t i = 0; i < entries_.size(); ++i) by_name_.emplace(entries_[i].name, i);
  if (by_name_.contains(root_ + "/byteorder") && as_text(entry("byteorder")) != "little")
    throw Error("it comes from a big-endian machine");
  modules_ = pickled("data.pkl", "data/");
  constants_ = pickled("constants.pkl", "constants/");
  if (by_name_.contains(root_ + "/traced_inputs.pkl"))
    inputs_ = pickled("traced_inputs.pkl", "traced_inputs/");
}

Buffer Archive::entry(const std::string& name) const {
  const auto found = by_name_.find(root_ + "/" + name);
  if (found == by_name_.end()) throw CorruptError("its entry " + quote_name(name) + " is missing");
  return unpack(file_, entries_[found->second], kLargestEntry);
}

std::unique_ptr<Pickled> Archive::pickled(const std::string& name,
                                          const std::string& folder) const {
  auto result = std::make_unique<Pickled>();
  result->folder = root_ + "/" + folder;
  result->bytes = entry(name);
  try {
    result->pickle = pickle::read_pickle(result->bytes);
  } catch (const CorruptError& error) {
    throw CorruptError(name + ": " + error.what());
  }
  return result;
}

const Source& Archive::source(const std::string& module) {
  const auto known = sources_.find(module);
  if (known != sources_.end()) return known->second;
  std::string path = "code/" + module + ".py";
  for (std::size_t i = 5; i + 3 < path.size(); ++i)
    if (path[i] == '.') path[i] = '/';
  Source parsed;
  if (by_name_.contains(root_ + "/" + path)) {
    const Buffer text = entry(path);
    try {
      parsed = parse_source(as_text(text));
    } catch (const CorruptError& error) {
      throw CorruptError(path + ": " + error.what());
    }
  }
  return sources_.emplace(module, std::move(parsed)).first->second;
}

const Class* Archive::find_class(const std::string& qualified) {
  const auto [module, name] = split_name(qualified);
  const Source& in = source(module);
  const auto found = in.classes.find(name);
  return found == in.classes.end() ? nullptr : &found->second;
}

const Function* Archive::find_function(const std::string& qualified) {
  const auto [module, name] = split_name(qualified);
  const Source& in = source(module);
  const auto found = in.functions.find(name);
  return found == in.functions.end() ? nullptr : &found->second;
}

/// torch._utils._rebuild_tensor_v2(storage, offset, size, stride, ..), or _rebuild_parameter of
/// one.
std::optional<StoredValue> Archive::stored(const Pickled& in, NodeId id) const {
  const pickle::Pickle& pickle = in.pickle;
  const Node& call = pickle[id];
  if (call.kind != Node::Kind::kCall || pickle[call.items[0]].text != "torch._utils" ||
      pickle[call.items[1]].kind != Node::Kind::kTuple)
    return std::nullopt;
  const std::vector<NodeId>& values = pickle[call.items[1]].items;
  const std::string_view name = pickle[call.items[0]].name;
  if ((name != "_rebuild_tensor_v2" && name != "_rebuild_tensor") || values.size() < 4)
    return std::nullopt;
  const auto storage = torch_storage(pickle, values[0]);
  const auto shape = numbers(pickle, values[2]);
  const auto strides = numbers(pickle, values[3]);
  const Node& offset = pickle[values[1]];
  if (!storage || !storage->dtype || !shape || !strides || shape->size() != strides->size() ||
      offset.kind != Node::Kind::kInteger || offset.integer < 0)
    throw CorruptError("a tensor is described in a way that is not understood");
  if (!byte_size(DType::kC128, *shape)) throw CorruptError("the shape of a tensor overflows");
  StoredValue result;
  result.info = {"", *storage->dtype, *shape};
  result.storage = in.folder + std::string(storage->key);
  const auto bytes = byte_size(*storage->dtype, {storage->elements});
  if (!bytes) throw CorruptError("the size of a storage overflows");
  result.placement = {*bytes, static_cast<std::uint64_t>(offset.integer), *strides};
  return result;
}

GraphConstant Archive::constant(const StoredValue& stored, std::string name) const {
  TensorInfo info = stored.info;
  info.name = std::move(name);
  const std::uint64_t bytes = byte_size(info.dtype, info.shape).value_or(0);
  Buffer data(0);
  if (bytes > 0) {
    const auto found = by_name_.find(stored.storage);
    if (found == by_name_.end())
      throw CorruptError("constant " + quote_name(info.name) + " is missing");
    const ZipEntry& entry = entries_[found->second];
    Placement placement = stored.placement;
    placement.storage = entry.length;
    if (!entry.stored() || !fits(info.dtype, info.shape, placement))
      throw CorruptError("constant " + quote_name(info.name) + " does not lie in its storage");
    if (bytes > entry.length && bytes > kLargestExpanded)
      throw Error("constant " + quote_name(info.name) + " is too large");
    data.resize(bytes);
    gather_placed(file_.subspan(entry.offset, entry.length), info.dtype, info.shape, placement,
                  data);
  }
  return {std::move(info), std::make_shared<const Buffer>(std::move(data))};
}

}  // namespace mgit::torchscript
