#include "graph/torchscript/modules.h"

#include <algorithm>
#include <bit>
#include <charconv>

#include <fmt/format.h>

#include "mgit/format.h"

namespace mgit::torchscript {

namespace {

using pickle::Node;
using pickle::NodeId;
using Kind = Node::Kind;

constexpr int kDeepest = 100;
constexpr std::size_t kMostVisits = 1'000'000;

std::tuple<std::string, DType, Shape, std::uint64_t, Shape> place_of(const StoredValue& stored) {
  return {stored.storage, stored.info.dtype, stored.info.shape, stored.placement.offset,
          stored.placement.strides};
}

std::string joined(const std::string& path, std::string_view name) {
  return path.empty() ? std::string(name) : path + "." + std::string(name);
}

bool among(const std::vector<std::string>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

std::optional<std::pair<std::string, NodeId>> object_in(const pickle::Pickle& pickle, NodeId id) {
  const Node& node = pickle[id];
  if (node.kind != Kind::kCall) return std::nullopt;
  const Node& type = pickle[node.items[0]];
  if (type.kind != Kind::kGlobal || !type.text.starts_with("__torch__")) return std::nullopt;
  for (std::size_t i = 0; i + 1 < node.given.size(); i += 2)
    if (node.given[i] == pickle::kState && pickle[node.given[i + 1]].kind == Kind::kDict)
      return std::pair(std::string(type.text) + "." + std::string(type.name), node.given[i + 1]);
  return std::nullopt;
}

Modules::Modules(Archive& archive, Builder& builder, const std::vector<std::string>& checkpoint)
    : archive_(archive), builder_(builder), checkpoint_(checkpoint.begin(), checkpoint.end()) {
  for (const std::string_view name : checkpoint_)
    for (std::string_view end = name;; end.remove_prefix(end.find('.') + 1)) {
      ends_.insert(end);
      if (end.find('.') == std::string_view::npos) break;
    }
  walk(archive_.modules().pickle.root, "", 0);
}

bool Modules::in_checkpoint(const std::string& name) const {
  if (ends_.contains(name)) return true;
  for (std::string_view end = name; end.find('.') != std::string_view::npos;) {
    end.remove_prefix(end.find('.') + 1);
    if (checkpoint_.contains(end)) return true;
  }
  return false;
}

/// Gathers the names of all tensors.
void Modules::walk(NodeId id, const std::string& path, int depth) {
  const Pickled& in = archive_.modules();
  const auto object = object_in(in.pickle, id);
  if (!object) return;
  if (depth > kDeepest || ++visits_ > kMostVisits || path.size() > 4096)
    throw CorruptError("its modules are nested too deeply");
  const Class* type = archive_.find_class(object->first);
  const std::vector<NodeId>& state = in.pickle[object->second].items;
  for (std::size_t i = 0; i + 1 < state.size(); i += 2) {
    const std::string name = joined(path, in.pickle[state[i]].text);
    if (const auto stored = archive_.stored(in, state[i + 1])) {
      const std::string_view own = in.pickle[state[i]].text;
      const bool parameter = type != nullptr && among(type->parameters, own);
      const bool buffer = type != nullptr && among(type->buffers, own);
      const bool named = parameter || (checkpoint_.empty() ? buffer : in_checkpoint(name));
      Named& entry = named_[place_of(*stored)];
      (named ? entry.parameters : entry.others).insert(name);
    } else {
      walk(state[i + 1], name, depth + 1);
    }
  }
}

Object* Modules::root() {
  const Value value = convert(archive_.modules(), archive_.modules().pickle.root, "", 0);
  if (const auto* object = std::get_if<Object*>(&value)) return *object;
  throw CorruptError("it holds no module");
}

Tensor* Modules::tensor(const StoredValue& stored, const std::string& path) {
  Named& entry = named_[place_of(stored)];
  if (entry.tensor != nullptr) return entry.tensor;
  if (!entry.parameters.empty()) {
    // An axis without elements does not tell one tensor from another.
    if (element_count(stored.info.shape) == 0U) entry.parameters = {path};
    entry.tensor =
        builder_.parameter({entry.parameters.begin(), entry.parameters.end()}, stored.info);
  } else {
    entry.tensor = builder_.constant(archive_.constant(stored, path));
  }
  return entry.tensor;
}

void Modules::add_unread() {
  for (auto& [place, entry] : named_) {
    const bool there = checkpoint_.empty() ||
                       std::any_of(entry.parameters.begin(), entry.parameters.end(),
                                   [this](const std::string& name) { return in_checkpoint(name); });
    if (entry.tensor != nullptr || entry.parameters.empty() || !there) continue;
    const auto& [storage, dtype, shape, offset, strides] = place;
    entry.tensor =
        builder_.parameter({entry.parameters.begin(), entry.parameters.end()}, {"", dtype, shape});
  }
}

Value Modules::convert(const Pickled& in, NodeId id, const std::string& path, int depth) {
  const pickle::Pickle& pickle = in.pickle;
  const Node& node = pickle[id];
  if (depth > kDeepest || ++visits_ > kMostVisits)
    throw CorruptError("its objects are nested too deeply");
  if (const auto stored = archive_.stored(in, id)) {
    if (&in == &archive_.modules()) return tensor(*stored, path);
    return builder_.constant(archive_.constant(*stored, path));
  }
  if (const auto object = object_in(pickle, id)) {
    const auto [place, fresh] = objects_.try_emplace(id, nullptr);
    if (fresh)
      place->second = builder_.arena().object({object->first, path, object->second, true, {}});
    return place->second;
  }
  switch (node.kind) {
    case Kind::kBool:
      return node.integer != 0;
    case Kind::kInteger:
      return node.integer;
    case Kind::kFloat:
      return std::bit_cast<double>(node.integer);
    case Kind::kText:
      return std::string(node.text);
    case Kind::kTuple:
    case Kind::kList:
    case Kind::kDict: {
      std::vector<Value> items;
      for (const NodeId item : node.items) items.push_back(convert(in, item, path, depth + 1));
      return builder_.arena().list(std::move(items), node.kind == Kind::kDict);
    }
    case Kind::kCall: {  // a list or dict, with its type
      const Node& callable = pickle[node.items[0]];
      const std::vector<NodeId>& arguments = pickle[node.items[1]].items;
      if (callable.kind == Kind::kGlobal && callable.text == "torch.jit._pickle" &&
          !arguments.empty())
        return convert(in, arguments[0], path, depth + 1);
      return std::monostate{};
    }
    default:
      return std::monostate{};
  }
}

Value Modules::attribute(Object& object, const std::string& name) {
  const auto known = object.set.find(name);
  if (known != object.set.end()) return known->second;
  if (object.has_state) {
    const Pickled& in = archive_.modules();
    const std::vector<NodeId>& state = in.pickle[object.state].items;
    for (std::size_t i = 0; i + 1 < state.size(); i += 2)
      if (in.pickle[state[i]].text == name) {
        const Value value = convert(in, state[i + 1], joined(object.path, name), 0);
        object.set.emplace(name, value);
        return value;
      }
  }
  throw Error(fmt::format("{} has no attribute {}", object.type, quote_name(name)));
}

void Modules::set_attribute(Object& object, const std::string& name, Value value) {
  object.set.insert_or_assign(name, std::move(value));
}

Value Modules::constant(const std::string& name) {
  const auto [place, fresh] = constants_.try_emplace(name);
  if (!fresh) return place->second;
  const Pickled* in = archive_.constants();
  std::size_t index = 0;
  const char* const end = name.data() + name.size();
  const bool numbered = name.starts_with("c") && std::from_chars(name.data() + 1, end, index) ==
                                                     std::from_chars_result{end, std::errc()};
  if (in == nullptr || !numbered || index >= in->pickle[in->pickle.root].items.size())
    throw CorruptError("there is no constant " + quote_name(name));
  place->second = convert(*in, in->pickle[in->pickle.root].items[index], "CONSTANTS." + name, 0);
  return place->second;
}

Value Modules::input(const Pickled& in, NodeId id, int depth) {
  if (depth > kDeepest) throw CorruptError("its inputs are nested too deeply");
  const Node& node = in.pickle[id];
  if (const auto stored = archive_.stored(in, id))
    return builder_.input("input", stored->info.dtype, stored->info.shape);
  if (node.kind == Kind::kTuple || node.kind == Kind::kList || node.kind == Kind::kDict) {
    std::vector<Value> items;
    for (const NodeId item : node.items) items.push_back(input(in, item, depth + 1));
    return builder_.arena().list(std::move(items), node.kind == Kind::kDict);
  }
  if (node.kind == Kind::kCall && in.pickle[node.items[0]].text == "torch.jit._pickle" &&
      !in.pickle[node.items[1]].items.empty())
    return input(in, in.pickle[node.items[1]].items[0], depth + 1);
  return convert(in, id, "input", depth);
}

std::optional<std::vector<Value>> Modules::traced_inputs() {
  const Pickled* in = archive_.inputs();
  if (in == nullptr) return std::nullopt;
  NodeId root = in->pickle.root;
  const auto inside = [&](NodeId id) {
    const Node& node = in->pickle[id];
    const bool typed = node.kind == Kind::kCall && !in->pickle[node.items[1]].items.empty();
    return typed ? in->pickle[node.items[1]].items[0] : id;
  };
  root = inside(root);
  const std::vector<NodeId>& methods = in->pickle[root].items;
  for (std::size_t i = 0; i + 1 < methods.size(); i += 2)
    if (in->pickle[methods[i]].text == "forward") {
      const Value value = input(*in, methods[i + 1], 0);
      if (const auto* list = std::get_if<List*>(&value)) return (*list)->items;
    }
  return std::nullopt;
}

}  // namespace mgit::torchscript
