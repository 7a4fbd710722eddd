// Which tensors of a checkpoint the initialisers of an ONNX file are.
#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "graph/onnx/movement.h"
#include "graph/onnx/proto.h"
#include "graph/onnx/tidy.h"
#include "graph/reading.h"
#include "mgit/format.h"
#include "mgit/graph.h"

namespace mgit {
namespace {

constexpr std::size_t kShown = 3;
constexpr const char* kUnfold =
    "name the checkpoint that it was exported from; if it is that one, export without constant "
    "folding: do_constant_folding=False, training=torch.onnx.TrainingMode.PRESERVE, or "
    "dynamo=True, optimize=False";

/// The tensors whose bytes are in the file.
class Initializers : public TensorSource {
 public:
  Initializers(const onnx::GraphProto& graph, std::string_view source) : source_(source) {
    onnx::for_each_tensor(graph, [&](const onnx::Tensor& tensor) {
      const std::string& name = tensor.key.empty() ? tensor.name : tensor.key;
      if (tensor.has_data() && !name.empty()) by_name_.emplace(name, tensor);
    });
    for (const auto& [name, tensor] : by_name_)
      infos_.push_back({name, tensor.info.dtype, tensor.info.shape});
  }
  const std::vector<TensorInfo>& tensors() const override { return infos_; }
  TensorData read(std::string_view name) const override {
    const auto found = by_name_.find(name);
    if (found == by_name_.end()) throw MissingError("no initializer " + quote_name(name));
    try {
      auto data = found->second.data();
      const Bytes bytes = *data;
      return {{found->second.info.dtype, found->second.info.shape, bytes}, std::move(data)};
    } catch (const CorruptError& error) {
      throw CorruptError(error.what(), source_);
    }
  }

 private:
  std::map<std::string, onnx::Tensor, std::less<>> by_name_;
  std::vector<TensorInfo> infos_;
  std::string source_;
};

Shape without_ones(const Shape& shape) {
  Shape result;
  std::copy_if(shape.begin(), shape.end(), std::back_inserter(result),
               [](std::uint64_t length) { return length != 1; });
  return result;
}

onnx::Numbers numbers_of(const TensorData& data) {
  onnx::Numbers numbers{data.view.shape, {}};
  numbers.values.resize(element_count(data.view.shape).value_or(0));
  to_float(data.view, numbers.values);
  return numbers;
}

Digest digest_of(const onnx::Numbers& numbers) {
  return sha256(std::as_bytes(std::span(numbers.values)));
}

std::string first_of(const std::vector<std::string>& names) {
  std::string text;
  for (std::size_t i = 0; i < std::min(names.size(), kShown); ++i)
    text += (i == 0 ? "" : ", ") + quote_name(names[i]);
  if (names.size() > kShown) text += fmt::format(" and {} more", names.size() - kShown);
  return text;
}

template <typename Visit>
void for_each_value(const GraphNode& node, const Visit& visit) {
  for (const auto& [name, argument] : node.arguments) {
    if (const auto* value = std::get_if<ValueId>(&argument)) visit(*value);
    if (const auto* list = std::get_if<std::vector<std::optional<ValueId>>>(&argument))
      for (const auto& each : *list)
        if (each) visit(*each);
  }
}

/// In the order in which the network reads them: groups are named after the first. The first nodes
/// compute initialisers from the checkpoint's tensors.
void sort_parameters(Graph& graph, std::size_t front) {
  std::map<ValueId, std::size_t> order;
  std::map<ValueId, ValueId> sources;  // of what is computed at the front
  for (std::size_t i = 0; i < graph.nodes.size(); ++i)
    for_each_value(graph.nodes[i], [&](ValueId value) {
      if (const auto source = sources.find(value); source != sources.end()) value = source->second;
      if (i < front)
        sources.emplace(graph.nodes[i].outputs.front(), value);
      else
        order.emplace(value, order.size());
    });
  const auto place = [&](const GraphParameter& parameter) {
    const auto found = order.find(parameter.value);
    return found == order.end() ? order.size() : found->second;
  };
  std::stable_sort(graph.parameters.begin(), graph.parameters.end(),
                   [&](const auto& a, const auto& b) { return place(a) < place(b); });
}

/// For one graph and one checkpoint.
class Binder {
 public:
  Binder(Graph graph, const TensorSource& initializers, const TensorSource& checkpoint)
      : graph_(std::move(graph)), initializers_(initializers), checkpoint_(checkpoint) {
    for (const GraphValue& value : graph_.values) names_.insert(value.name);
  }

  Graph run() {
    read_checkpoint();
    const std::vector<GraphParameter> initializers = std::exchange(graph_.parameters, {});
    std::vector<GraphParameter> others;
    for (const GraphParameter& each : initializers)
      if (!bind_by_name(each)) others.push_back(each);
    for (const auto& [name, value] : covered_) claimed_.insert(name);
    std::vector<GraphParameter> left;
    for (const GraphParameter& each : others)
      if (!bind_by_content(each)) left.push_back(each);
    bind_recurrent(left);
    bind_rows(left);
    graph_.nodes.insert(graph_.nodes.begin(), front_.begin(), front_.end());
    cover_twins();
    settle(left);
    sort_parameters(graph_, front_.size());
    return onnx::tidied(std::move(graph_));
  }

 private:
  void read_checkpoint() {
    for (const TensorInfo& tensor : checkpoint_.tensors()) {
      if (!is_arithmetic(tensor.dtype)) continue;
      const Digest digest = digest_of(numbers_of(checkpoint_.read(tensor.name)));
      keys_.emplace(tensor.name, digest);
      by_content_[digest].push_back(&tensor);
    }
  }

  onnx::Numbers read(const std::string& initializer) const {
    if (initializers_.find(initializer) == nullptr)
      throw Error("the contents of initializer " + quote_name(initializer) +
                      " are in another file and cannot be compared with the checkpoint's",
                  graph_.source, "save the model with its data in it");
    return numbers_of(initializers_.read(initializer));
  }

  /// Each tensor is one value.
  void cover(ValueId value, const std::string& tensor) {
    if (covered_.emplace(tensor, value).second) graph_.parameters.push_back({value, tensor});
  }

  /// The value that one of the tensors is already.
  std::optional<ValueId> covered_value(const std::vector<const TensorInfo*>& tensors) const {
    for (const TensorInfo* tensor : tensors)
      if (const auto found = covered_.find(tensor->name); found != covered_.end())
        return found->second;
    return std::nullopt;
  }

  /// A value for tensors of the checkpoint of one shape and content.
  ValueId add_parameter(const std::vector<const TensorInfo*>& tensors) {
    if (const auto known = covered_value(tensors)) {
      for (const TensorInfo* tensor : tensors) cover(*known, tensor->name);
      return *known;
    }
    const TensorInfo& first = *tensors.front();
    GraphValue value{first.name, first.dtype, {first.shape.begin(), first.shape.end()}};
    for (int number = 2; !names_.insert(value.name).second; ++number)
      value.name = fmt::format("{}#{}", first.name, number);
    graph_.values.push_back(std::move(value));
    const auto id = static_cast<ValueId>(graph_.values.size() - 1);
    for (const TensorInfo* tensor : tensors) cover(id, tensor->name);
    return id;
  }

  /// Computes an initialiser from the checkpoint's tensor, which has another shape.
  void define(ValueId initializer, const std::string& op,
              std::vector<std::pair<std::string, Argument>> arguments) {
    front_.push_back({op, "default", std::move(arguments), {initializer}, ""});
  }

  bool bind_by_name(const GraphParameter& initializer) {
    const TensorInfo* key = checkpoint_.find(initializer.tensor);
    const auto known = keys_.find(initializer.tensor);
    if (key == nullptr || known == keys_.end()) return false;
    const onnx::Numbers numbers = read(initializer.tensor);
    if (numbers.shape == key->shape && digest_of(numbers) == known->second) {
      cover(initializer.value, key->name);
      return true;
    }
    return false;
  }

  bool bind_by_content(const GraphParameter& initializer) {
    const onnx::Numbers numbers = read(initializer.tensor);
    const auto as_it_is = candidates(digest_of(numbers), [&](const Shape& shape) {
      return without_ones(shape) == without_ones(numbers.shape);
    });
    std::vector<const TensorInfo*> turned;
    if (numbers.shape.size() == 2 && numbers.shape[0] > 1 && numbers.shape[1] > 1) {
      const onnx::Numbers other = onnx::transposed(numbers);
      turned =
          candidates(digest_of(other), [&](const Shape& shape) { return shape == other.shape; });
    }
    if (!as_it_is.empty() && !turned.empty())
      throw Error(fmt::format("initializer {} is tensor {} or its transpose: both have its "
                              "contents",
                              quote_name(initializer.tensor), quote_name(as_it_is[0]->name)),
                  graph_.source, "export a network that is trained, or keep the tensors' names");
    if (!turned.empty()) {
      define(initializer.value, "aten.t", {{"self", add_parameter(turned)}});
      return true;
    }
    if (as_it_is.empty()) return false;
    bind_reshaped(initializer.value, numbers.shape, as_it_is);
    return true;
  }

  void bind_reshaped(ValueId value, const Shape& shape,
                     const std::vector<const TensorInfo*>& tensors) {
    std::map<Shape, std::vector<const TensorInfo*>> by_shape;
    for (const TensorInfo* tensor : tensors) by_shape[tensor->shape].push_back(tensor);
    // Tensors of several shapes with one content: those of the shape, else of one of the others.
    const auto exact = by_shape.find(shape);
    if (exact != by_shape.end()) {
      const auto known = covered_value(exact->second);
      for (const TensorInfo* tensor : exact->second) cover(known.value_or(value), tensor->name);
      if (known) define(value, "aten.alias", {{"self", *known}});
      return;
    }
    const auto& [own, same] = *by_shape.begin();
    const ValueId source = add_parameter(same);
    if (own.size() + 1 == shape.size()) {
      const auto axis = std::mismatch(own.begin(), own.end(), shape.begin()).first - own.begin();
      define(value, "aten.unsqueeze", {{"self", source}, {"dim", std::int64_t{axis}}});
      return;
    }
    std::vector<std::int64_t> sizes;
    for (const std::uint64_t length : shape) sizes.push_back(static_cast<std::int64_t>(length));
    define(value, "aten.reshape", {{"self", source}, {"shape", std::move(sizes)}});
  }

  /// Tensors of a content that no initialiser has the name of, if there are such.
  template <typename Fits>
  std::vector<const TensorInfo*> candidates(const Digest& digest, const Fits& fits) const {
    const auto found = by_content_.find(digest);
    if (found == by_content_.end()) return {};
    std::vector<const TensorInfo*> all;
    for (const TensorInfo* tensor : found->second)
      if (fits(tensor->shape)) all.push_back(tensor);
    std::vector<const TensorInfo*> unclaimed;
    for (const TensorInfo* tensor : all)
      if (!claimed_.contains(tensor->name)) unclaimed.push_back(tensor);
    return unclaimed.empty() ? all : unclaimed;
  }

  /// Weights of recurrent layers, whose gates the file has in another order, or stacked.
  void bind_recurrent(const std::vector<GraphParameter>& left) {
    std::map<ValueId, onnx::Numbers> known;
    for (const GraphParameter& each : left) known.emplace(each.value, read(each.tensor));
    if (known.empty()) return;
    onnx::Movement movement(graph_, std::move(known));
    for (GraphNode& node : graph_.nodes) {
      if (node.op != "aten.lstm" && node.op != "aten.gru" && !node.op.starts_with("aten.rnn_"))
        continue;
      for (auto& [name, argument] : node.arguments) {
        auto* list = std::get_if<std::vector<std::optional<ValueId>>>(&argument);
        if (name != "params" || list == nullptr) continue;
        for (auto& weight : *list)
          if (weight) bind_weight(*weight, movement);
      }
    }
  }

  void bind_weight(ValueId& weight, onnx::Movement& movement) {
    const auto numbers = movement.evaluate(weight);
    if (!numbers) return;
    const auto found = candidates(digest_of(*numbers),
                                  [&](const Shape& shape) { return shape == numbers->shape; });
    if (!found.empty()) weight = add_parameter(found);
  }

  /// Rows of a table that were looked up before the export: positions, types of tokens.
  void bind_rows(std::vector<GraphParameter>& left) {
    std::map<std::uint64_t, std::vector<const TensorInfo*>> tables;  // by their rows' length
    for (const auto& [name, digest] : keys_) {
      const TensorInfo* key = checkpoint_.find(name);
      if (!covered_.contains(name) && key->rank() == 2 && key->shape[1] > 1)
        tables[key->shape[1]].push_back(key);
    }
    std::erase_if(left, [&](const GraphParameter& each) {
      const onnx::Numbers numbers = read(each.tensor);
      if (bind_expanded(each.value, numbers)) return true;
      if (numbers.shape.size() < 2 || !tables.contains(numbers.shape.back())) return false;
      std::optional<std::pair<const TensorInfo*, std::vector<std::uint64_t>>> found;
      for (const TensorInfo* table : tables.at(numbers.shape.back())) {
        auto rows = onnx::rows_of(numbers_of(checkpoint_.read(table->name)), numbers);
        if (rows && found) return false;
        if (rows) found.emplace(table, *std::move(rows));
      }
      if (!found) return false;
      look_up(each.value, *found->first, found->second);
      return true;
    });
  }

  /// A tensor that was expanded before the export: a token that every sequence begins with.
  bool bind_expanded(ValueId value, const onnx::Numbers& numbers) {
    const TensorInfo* found = nullptr;
    for (const auto& [name, digest] : keys_) {
      const TensorInfo* key = checkpoint_.find(name);
      if (covered_.contains(name) || element_count(key->shape) < 2U ||
          !onnx::expands(numbers_of(checkpoint_.read(name)), numbers))
        continue;
      if (found != nullptr) return false;
      found = key;
    }
    if (found == nullptr) return false;
    std::vector<std::int64_t> sizes;
    for (const std::uint64_t length : numbers.shape)
      sizes.push_back(static_cast<std::int64_t>(length));
    define(value, "aten.expand", {{"self", add_parameter({found})}, {"size", std::move(sizes)}});
    return true;
  }

  void look_up(ValueId value, const TensorInfo& table, const std::vector<std::uint64_t>& rows) {
    const ValueId weight = add_parameter({&table});
    GraphValue indices = graph_.values[value];
    indices.dtype = DType::kI64;
    indices.shape.pop_back();
    do indices.name += ".rows";
    while (!names_.insert(indices.name).second);
    TensorInfo info{indices.name, DType::kI64, {}};
    for (const auto& length : indices.shape) info.shape.push_back(length.value_or(0));
    const auto bytes = std::as_bytes(std::span(rows));
    graph_.values.push_back(std::move(indices));
    const auto id = static_cast<ValueId>(graph_.values.size() - 1);
    graph_.constants[id] = {info, std::make_shared<const Buffer>(bytes.begin(), bytes.end())};
    define(value, "aten.embedding", {{"weight", weight}, {"indices", id}});
  }

  /// Exporters merge initialisers of one content: what is left may stand for several tensors.
  void cover_twins() {
    for (const auto& [name, digest] : keys_) {
      const Shape& shape = checkpoint_.find(name)->shape;
      for (const TensorInfo* twin : by_content_.at(digest))
        if (const auto found = covered_.find(twin->name);
            twin->shape == shape && found != covered_.end())
          cover(found->second, name);
    }
  }

  /// What is no tensor of the checkpoint is a constant, unless it stands where one is missing.
  void settle(const std::vector<GraphParameter>& left) {
    std::vector<std::string> changed;
    std::vector<std::string> unknown;
    std::vector<std::string> missing;
    std::set<std::string> constants;
    for (const auto& [value, constant] : graph_.constants) constants.insert(constant.info.name);
    for (const auto& [name, digest] : keys_)
      if (!covered_.contains(name) && !constants.contains(name)) missing.push_back(name);
    const std::set<ValueId> read = read_values();
    for (const GraphParameter& each : left) {
      if (!read.contains(each.value)) continue;
      if (!each.constant) unknown.push_back(each.tensor);
      if (keys_.contains(each.tensor)) changed.push_back(each.tensor);
    }
    if (!changed.empty())
      throw Error(
          "initializers have other contents than the checkpoint's tensors of their names: " +
              first_of(changed),
          graph_.source, kUnfold);
    if (!missing.empty() && !unknown.empty())
      throw Error(fmt::format("no initializer has the contents of {}, and no tensor of the "
                              "checkpoint those of {}",
                              first_of(missing), first_of(unknown)),
                  graph_.source, kUnfold);
    for (const GraphParameter& each : left) {
      const TensorData data = initializers_.read(each.tensor);
      graph_.constants[each.value] = {
          {each.tensor, data.view.dtype, data.view.shape},
          std::make_shared<const Buffer>(data.view.data.begin(), data.view.data.end())};
    }
  }

  /// What the outputs are computed from.
  std::set<ValueId> read_values() const {
    std::set<ValueId> read(graph_.outputs.begin(), graph_.outputs.end());
    for (auto node = graph_.nodes.rbegin(); node != graph_.nodes.rend(); ++node) {
      if (std::none_of(node->outputs.begin(), node->outputs.end(),
                       [&](ValueId id) { return read.contains(id); }))
        continue;
      for_each_value(*node, [&](ValueId value) { read.insert(value); });
    }
    return read;
  }

  Graph graph_;
  const TensorSource& initializers_;
  const TensorSource& checkpoint_;
  std::set<std::string> names_;
  std::map<std::string, Digest> keys_;  // tensors of the checkpoint by what they contain
  std::map<Digest, std::vector<const TensorInfo*>> by_content_;
  std::map<std::string, ValueId> covered_;  // tensors of the checkpoint that have a value
  std::set<std::string> claimed_;           // by an initialiser of its name
  std::vector<GraphNode> front_;
};

}  // namespace

std::unique_ptr<TensorSource> onnx_initializers(Bytes file, std::string_view source) {
  return reading(source, [&]() -> std::unique_ptr<TensorSource> {
    return std::make_unique<Initializers>(onnx::read_model(file).graph, source);
  });
}

Graph own_initializers(Graph graph) {
  sort_parameters(graph, 0);
  return graph;
}

Graph bind_initializers(Graph graph, const TensorSource& initializers,
                        const TensorSource& checkpoint) {
  return Binder(std::move(graph), initializers, checkpoint).run();
}

}  // namespace mgit
