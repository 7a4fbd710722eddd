#include "format/torch_tree.h"

#include <algorithm>
#include <array>
#include <bit>

#include <fmt/format.h>

namespace mgit {
namespace {

using pickle::Node;
using pickle::NodeId;
using Kind = Node::Kind;

constexpr std::size_t kPickleMaximumDepth = 200;
constexpr std::size_t kMaximumVisits = 4'000'000;
constexpr std::size_t kMaximumName = 4096;
constexpr std::size_t kMaximumScalars = 100'000;
constexpr std::size_t kMaximumScalarBytes = std::size_t{16} << 20;
constexpr std::size_t kMaximumNames = std::size_t{64} << 20;  // bytes of all

struct TorchType {
  std::string_view name;
  DType dtype;
};

constexpr std::array<TorchType, 12> kStorageTypes{{{"DoubleStorage", DType::kF64},
                                                   {"FloatStorage", DType::kF32},
                                                   {"HalfStorage", DType::kF16},
                                                   {"BFloat16Storage", DType::kBF16},
                                                   {"LongStorage", DType::kI64},
                                                   {"IntStorage", DType::kI32},
                                                   {"ShortStorage", DType::kI16},
                                                   {"CharStorage", DType::kI8},
                                                   {"ByteStorage", DType::kU8},
                                                   {"BoolStorage", DType::kBool},
                                                   {"ComplexFloatStorage", DType::kC64},
                                                   {"ComplexDoubleStorage", DType::kC128}}};

constexpr std::array<TorchType, 20> kTypes{{{"float64", DType::kF64},
                                            {"float32", DType::kF32},
                                            {"float16", DType::kF16},
                                            {"bfloat16", DType::kBF16},
                                            {"int64", DType::kI64},
                                            {"int32", DType::kI32},
                                            {"int16", DType::kI16},
                                            {"int8", DType::kI8},
                                            {"uint64", DType::kU64},
                                            {"uint32", DType::kU32},
                                            {"uint16", DType::kU16},
                                            {"uint8", DType::kU8},
                                            {"bool", DType::kBool},
                                            {"complex64", DType::kC64},
                                            {"complex128", DType::kC128},
                                            {"float8_e4m3fn", DType::kF8E4M3},
                                            {"float8_e5m2", DType::kF8E5M2},
                                            {"float8_e4m3fnuz", DType::kF8E4M3Fnuz},
                                            {"float8_e5m2fnuz", DType::kF8E5M2Fnuz},
                                            {"float8_e8m0fnu", DType::kF8E8M0}}};

template <std::size_t N>
std::optional<DType> named(const std::array<TorchType, N>& types, std::string_view name) {
  const auto found = std::find_if(types.begin(), types.end(),
                                  [name](const TorchType& type) { return type.name == name; });
  if (found == types.end()) return std::nullopt;
  return found->dtype;
}

bool is_global(const Node& node, std::string_view module, std::string_view name) {
  return node.kind == Kind::kGlobal && node.text == module && node.name == name;
}

std::optional<std::uint64_t> count_of(const Node& node) {
  if (node.kind != Kind::kInteger || node.integer < 0) return std::nullopt;
  return static_cast<std::uint64_t>(node.integer);
}

std::optional<Shape> numbers_of(const pickle::Pickle& pickle, const Node& node) {
  if (node.kind != Kind::kTuple && node.kind != Kind::kList) return std::nullopt;
  Shape numbers;
  for (const NodeId item : node.items) {
    const auto number = count_of(pickle[item]);
    if (!number) return std::nullopt;
    numbers.push_back(*number);
  }
  return numbers;
}

[[noreturn]] void too_large(const char* what) {
  throw CorruptError(fmt::format("the pickled object is {}", what));
}

/// nullopt: no plain value.
std::optional<std::string> scalar_text(const Node& node) {
  switch (node.kind) {
    case Kind::kNone:
      return "None";
    case Kind::kBool:
      return node.integer != 0 ? "True" : "False";
    case Kind::kInteger:
      return std::to_string(node.integer);
    case Kind::kFloat:
      return fmt::format("{}", std::bit_cast<double>(node.integer));
    case Kind::kText:
      return std::string(node.text.substr(0, kMaximumName));
    default:
      return std::nullopt;
  }
}

/// One walk over unpickled values, which outlive it; each tensor gets the path that leads to it. A
/// value is not walked again inside itself.
class TreeWalk {
 public:
  TreeWalk(const pickle::Pickle& pickle, const FindStorage& find, std::uint64_t file_size,
           std::vector<OutlineScalar>* scalars)
      : pickle_(pickle),
        find_(find),
        file_size_(file_size),
        scalars_(scalars),
        on_path_(pickle.nodes.size()) {}

  std::vector<StoredTensor> run() {
    walk(pickle_.root, "");
    return std::move(tensors_);
  }

 private:
  void walk(NodeId id, const std::string& path) {
    if (++visits_ > kMaximumVisits) too_large("too large");
    const Node& node = pickle_[id];
    if (scalars_ != nullptr) scalar(node, path);
    if ((node.items.empty() && node.given.empty()) || on_path_[id]) return;
    if (++depth_ > kPickleMaximumDepth) too_large("nested too deeply");
    on_path_[id] = true;
    if (node.kind == Kind::kDict)
      pairs(node.items, path);
    else if (node.kind == Kind::kCall)
      call(node.items, path);
    else if (node.kind != Kind::kPersistent)
      elements(node.items, path);
    given(node, path);
    on_path_[id] = false;
    --depth_;
  }

  void scalar(const Node& node, const std::string& path) {
    const bool of_torch = path.find("_metadata.") != std::string::npos;
    if (path.empty() || of_torch || scalars_->size() >= kMaximumScalars) return;
    auto value = scalar_text(node);
    if (!value || scalar_bytes_ > kMaximumScalarBytes) return;
    scalar_bytes_ += path.size() + value->size();
    scalars_->push_back({path, *std::move(value)});
  }

  void pairs(const std::vector<NodeId>& items, const std::string& path) {
    for (std::size_t i = 0; i + 1 < items.size(); i += 2)
      walk(items[i + 1], join(path, key_text(items[i], i / 2)));
  }

  void elements(const std::vector<NodeId>& items, const std::string& path) {
    for (std::size_t i = 0; i < items.size(); ++i) walk(items[i], join(path, std::to_string(i)));
  }

  void given(const Node& node, const std::string& path) {
    std::size_t appended = 0;
    for (std::size_t i = 0; i + 1 < node.given.size(); i += 2) {
      const NodeId value = node.given[i + 1];
      if (node.given[i] == pickle::kAppended)
        walk(value, join(path, std::to_string(appended++)));
      else if (node.given[i] == pickle::kState)
        walk(value, path);  // attributes: their paths continue the object's
      else
        walk(value, join(path, key_text(node.given[i], i / 2)));
    }
  }

  void call(const std::vector<NodeId>& items, const std::string& path) {
    const Node& callable = pickle_[items[0]];
    const Node& arguments = pickle_[items[1]];
    if (callable.kind != Kind::kGlobal || arguments.kind != Kind::kTuple)
      return elements(items, path);
    if (is_global(callable, "torch._tensor", "_rebuild_from_type_v2") &&
        arguments.items.size() == 4) {
      // (what rebuilds it, its class, the arguments, its attributes)
      if (!rebuild(pickle_[arguments.items[0]], pickle_[arguments.items[2]], path))
        walk(arguments.items[2], path);
      return walk(arguments.items[3], path);
    }
    if (!rebuild(callable, arguments, path)) elements(arguments.items, path);
  }

  /// False unless this call makes a tensor.
  bool rebuild(const Node& callable, const Node& arguments, const std::string& path) {
    if (callable.kind != Kind::kGlobal || callable.text != "torch._utils") return false;
    const std::vector<NodeId>& values = arguments.items;
    if (callable.name == "_rebuild_parameter" || callable.name == "_rebuild_parameter_with_state") {
      if (values.empty()) return false;
      walk(values[0], path);
      if (values.size() > 3) walk(values[3], path);
      return true;
    }
    const bool typed = callable.name == "_rebuild_tensor_v3";
    if (!typed && callable.name != "_rebuild_tensor_v2" && callable.name != "_rebuild_tensor")
      return false;
    if (auto tensor = tensor_of(values, typed)) {
      tensor->info.name = names_.unique(path.empty() ? "tensor" : path);
      tensors_.push_back(*std::move(tensor));
    }
    return true;
  }

  /// (storage, offset, size, stride, requires_grad, hooks[, dtype][, lazy conjugation and the
  /// like])
  std::optional<StoredTensor> tensor_of(const std::vector<NodeId>& values, bool typed) const {
    if (values.size() < (typed ? 7 : 4)) return std::nullopt;
    const std::size_t metadata = typed ? 7 : 6;
    if (values.size() > metadata && !pickle_[values[metadata]].items.empty()) return std::nullopt;
    const auto storage = torch_storage(pickle_, values[0]);
    const auto offset = count_of(pickle_[values[1]]);
    const auto shape = numbers_of(pickle_, pickle_[values[2]]);
    const auto strides = numbers_of(pickle_, pickle_[values[3]]);
    if (!storage || !offset || !shape || !strides) return std::nullopt;
    const Node& type = pickle_[values[typed ? 6 : 0]];
    const auto dtype = typed ? type.kind == Kind::kGlobal && type.text == "torch"
                                   ? named(kTypes, type.name)
                                   : std::nullopt
                             : storage->dtype;
    if (!dtype) return std::nullopt;
    return placed({"", *dtype, *shape}, *storage, *offset, *strides);
  }

  std::optional<StoredTensor> placed(TensorInfo info, const TorchStorage& storage,
                                     std::uint64_t offset, const Shape& strides) const {
    const auto bytes = byte_size(info.dtype, info.shape);
    if (!bytes || *bytes > file_size_ || strides.size() != info.shape.size()) return std::nullopt;
    if (*bytes == 0) return StoredTensor{std::move(info), 0, 0};
    const auto place = find_(storage);
    if (!place) return std::nullopt;
    Placement placement{place->length, offset, strides};
    if (__builtin_add_overflow(placement.offset, storage.view_offset, &placement.offset) ||
        !fits(info.dtype, info.shape, placement))
      return std::nullopt;
    auto form = canonical(info.dtype, info.shape, std::move(placement));
    return StoredTensor{std::move(info), place->offset, place->length, std::move(form)};
  }

  std::string key_text(NodeId id, std::size_t index) const {
    const Node& key = pickle_[id];
    switch (key.kind) {
      case Kind::kText:
      case Kind::kBytes:
        if (key.text.size() > kMaximumName) too_large("full of names that are too long");
        return std::string(key.text);
      case Kind::kInteger:
        return std::to_string(key.integer);
      case Kind::kBool:
        return key.integer != 0 ? "True" : "False";
      case Kind::kNone:
        return "None";
      default:
        return fmt::format("?{}", index);
    }
  }

  std::string join(const std::string& path, const std::string& key) {
    std::string name = path.empty() ? key : path + '.' + key;
    if (name.size() > kMaximumName) too_large("full of names that are too long");
    return name;
  }

  const pickle::Pickle& pickle_;
  const FindStorage& find_;
  std::uint64_t file_size_;
  std::vector<OutlineScalar>* scalars_;
  std::size_t scalar_bytes_ = 0;
  std::vector<bool> on_path_;
  std::size_t depth_ = 0;
  std::size_t visits_ = 0;
  UniqueNames names_;
  std::vector<StoredTensor> tensors_;
};

}  // namespace

std::optional<TorchStorage> torch_storage(const pickle::Pickle& pickle, NodeId id) {
  const Node& node = pickle[id];
  if (node.kind != Kind::kPersistent) return std::nullopt;
  const Node& tuple = pickle[node.items[0]];
  if (tuple.kind != Kind::kTuple || tuple.items.size() < 5) return std::nullopt;
  const Node& type = pickle[tuple.items[1]];
  const Node& key = pickle[tuple.items[2]];
  const auto elements = count_of(pickle[tuple.items[4]]);
  if (pickle[tuple.items[0]].text != "storage" || type.kind != Kind::kGlobal ||
      !type.text.starts_with("torch") || key.kind != Kind::kText || !elements)
    return std::nullopt;
  TorchStorage storage{key.text, named(kStorageTypes, type.name), *elements, 0};
  if (!storage.dtype && type.name != "UntypedStorage" && type.name != "_UntypedStorage")
    return std::nullopt;
  if (tuple.items.size() > 5 && pickle[tuple.items[5]].kind != Kind::kNone) {
    const Node& view = pickle[tuple.items[5]];
    if (view.kind != Kind::kTuple || view.items.size() != 3) return std::nullopt;
    const auto offset = count_of(pickle[view.items[1]]);
    if (!offset) return std::nullopt;
    storage.view_offset = *offset;
  }
  return storage;
}

std::vector<StoredTensor> torch_tensors(const pickle::Pickle& pickle, const FindStorage& find,
                                        std::uint64_t file_size,
                                        std::vector<OutlineScalar>* scalars) {
  return TreeWalk(pickle, find, file_size, scalars).run();
}

std::string UniqueNames::unique(std::string name) {
  bytes_ += name.size();
  if (bytes_ > kMaximumNames) too_large("full of names that are too long");
  const auto [known, fresh] = taken_.try_emplace(name, 1);
  if (fresh) return name;
  std::uint64_t& last = known->second;
  std::string suffixed;
  do suffixed = fmt::format("{}#{}", name, ++last);
  while (!taken_.try_emplace(suffixed, 1).second);
  return suffixed;
}

}  // namespace mgit
