#include "repair/layer_nodes.h"

#include <algorithm>
#include <array>
#include <map>
#include <string_view>

namespace mgit {
namespace {

constexpr double kDefaultEpsilon = 1e-5;

constexpr std::array<std::string_view, 3> kNorms = {"aten.batch_norm", "aten.native_batch_norm",
                                                    "aten._native_batch_norm_legit_no_training"};
/// What gives the numbers that it is given, in their order.
constexpr std::array<std::string_view, 9> kPassing = {
    "aten.view",  "aten.reshape", "aten._unsafe_view", "aten.dropout", "aten.contiguous",
    "aten.clone", "aten.alias",   "aten.detach",       "aten.flatten"};
constexpr std::array<std::string_view, 5> kConvolutions = {
    "aten.convolution", "aten.conv1d", "aten.conv2d", "aten.conv3d", "aten._convolution"};

template <std::size_t N>
bool is_one_of(std::string_view op, const std::array<std::string_view, N>& names) {
  return std::find(names.begin(), names.end(), op) != names.end();
}

std::optional<ValueId> value_of(const GraphNode& node, std::string_view name) {
  const Argument* const argument = node.find(name);
  const auto* id = argument == nullptr ? nullptr : std::get_if<ValueId>(argument);
  return id == nullptr ? std::nullopt : std::optional(*id);
}

/// Whether a number is left out, or 1.
bool is_one(const GraphNode& node, std::string_view name) {
  const Argument* const argument = node.find(name);
  if (argument == nullptr) return true;
  if (const auto* whole = std::get_if<std::int64_t>(argument)) return *whole == 1;
  const auto* real = std::get_if<double>(argument);
  return real != nullptr && *real == 1;
}

bool is_set(const GraphNode& node, std::string_view name) {
  const Argument* const argument = node.find(name);
  const auto* flag = argument == nullptr ? nullptr : std::get_if<bool>(argument);
  return flag != nullptr && *flag;
}

/// Nodes of a graph and who uses what they make.
class Finder {
 public:
  explicit Finder(const Graph& graph)
      : graph_(graph), maker_(graph.values.size()), users_(graph.values.size()) {
    std::map<std::string, std::size_t> named;
    for (const GraphParameter& parameter : graph.parameters) ++named[parameter.tensor];
    parameter_.resize(graph.values.size(), 0);
    for (const GraphParameter& parameter : graph.parameters)
      parameter_[parameter.value] += named[parameter.tensor];
    for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
      for_each_given(graph.nodes[i], [&](ValueId id) { users_[id].push_back(i); });
      for (const ValueId id : graph.nodes[i].outputs) maker_[id] = i;
    }
    for (const ValueId id : graph.outputs) users_[id].push_back(graph.nodes.size());
  }

  NetworkNodes find() const {
    NetworkNodes result;
    for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
      if (const auto norm = norm_at(i)) result.norms.push_back(*norm);
      if (auto layer = layer_at(i)) {
        aim(*layer);
        if (!gives_output(*layer)) result.layers.push_back(*std::move(layer));
      }
    }
    return result;
  }

 private:
  bool is_parameter(std::optional<ValueId> id) const { return id && parameter_[*id] > 0; }
  /// A parameter of one tensor, that one node uses.
  bool is_own(ValueId id) const { return parameter_[id] == 1 && users_[id].size() == 1; }

  std::optional<NormNode> norm_at(std::size_t index) const {
    const GraphNode& node = graph_.nodes[index];
    if (!is_one_of(node.op, kNorms) || is_set(node, "training")) return std::nullopt;
    const auto input = value_of(node, "input");
    const auto mean = value_of(node, "running_mean");
    const auto variance = value_of(node, "running_var");
    if (!input || !is_parameter(mean) || !is_parameter(variance)) return std::nullopt;
    const Argument* const epsilon = node.find("eps");
    const auto* number = epsilon == nullptr ? nullptr : std::get_if<double>(epsilon);
    return NormNode{index,
                    *input,
                    *mean,
                    *variance,
                    value_of(node, "weight"),
                    number == nullptr ? kDefaultEpsilon : *number};
  }

  std::optional<LayerNode> layer_at(std::size_t index) const {
    const GraphNode& node = graph_.nodes[index];
    LayerNode layer;
    layer.node = index;
    std::optional<ValueId> weight;
    std::optional<ValueId> input;
    if (node.op == "aten.linear" || is_one_of(node.op, kConvolutions)) {
      input = value_of(node, "input");
      weight = value_of(node, "weight");
      layer.bias = value_of(node, "bias");
      if (node.op != "aten.linear" && !set_convolution(node, layer)) return std::nullopt;
    } else if (node.op == "aten.addmm" && is_one(node, "alpha") && is_one(node, "beta")) {
      layer.bias = value_of(node, "self");
      input = value_of(node, "mat1");
      weight = value_of(node, "mat2");
      layer.transposed = true;
    } else if (node.op == "aten.mm" || node.op == "aten.matmul") {
      input = value_of(node, "self");
      weight = value_of(node, node.op == "aten.mm" ? "mat2" : "other");
      layer.transposed = true;
    }
    if (!input || !weight || !resolve(*weight, layer)) return std::nullopt;
    layer.input = *input;
    layer.output = node.outputs.front();
    if (layer.bias && (!is_parameter(layer.bias) || !is_own(*layer.bias) ||
                       graph_.values[*layer.bias].shape.size() != 1))
      return std::nullopt;
    return layer;
  }

  /// The parameter that a weight is, or is a transpose of.
  bool resolve(ValueId weight, LayerNode& layer) const {
    while (!is_parameter(weight)) {
      if (!maker_[weight] || users_[weight].size() != 1) return false;
      const GraphNode& node = graph_.nodes[*maker_[weight]];
      const auto from = value_of(node, "self");
      if (!from || graph_.values[*from].shape.size() != 2) return false;
      if (node.op != "aten.t" && node.op != "aten.transpose") return false;
      weight = *from;
      layer.transposed = !layer.transposed;
    }
    layer.weight = weight;
    const std::size_t rank = graph_.values[weight].shape.size();
    return is_own(weight) && rank == (layer.convolution ? layer.convolution->stride.size() + 2 : 2);
  }

  bool set_convolution(const GraphNode& node, LayerNode& layer) const {
    if (is_set(node, "transposed")) return false;
    const auto input = value_of(node, "input");
    const auto weight = value_of(node, "weight");
    if (!input || !weight) return false;
    const std::size_t rank = graph_.values[*weight].shape.size();
    if (rank < 3 || graph_.values[*input].shape.size() != rank) return false;
    Convolution convolution;
    const auto lengths = [&](std::string_view name, std::int64_t otherwise,
                             std::vector<std::int64_t>& out) {
      out.assign(rank - 2, otherwise);
      const Argument* const argument = node.find(name);
      if (argument == nullptr) return true;
      if (const auto* one = std::get_if<std::int64_t>(argument)) {
        out.assign(rank - 2, *one);
        return true;
      }
      const auto* several = std::get_if<std::vector<std::int64_t>>(argument);
      if (several == nullptr || (several->size() != 1 && several->size() != rank - 2)) return false;
      for (std::size_t i = 0; i < out.size(); ++i)
        out[i] = (*several)[several->size() == 1 ? 0 : i];
      return true;
    };
    if (!lengths("stride", 1, convolution.stride) || !lengths("padding", 0, convolution.padding) ||
        !lengths("dilation", 1, convolution.dilation))
      return false;
    const Argument* const groups = node.find("groups");
    const auto* count = groups == nullptr ? nullptr : std::get_if<std::int64_t>(groups);
    if (count != nullptr) convolution.groups = *count;
    layer.convolution = std::move(convolution);
    return true;
  }

  std::optional<std::size_t> only_user(ValueId id) const {
    if (users_[id].size() != 1 || users_[id].front() == graph_.nodes.size()) return std::nullopt;
    return users_[id].front();
  }

  /// From the layer's output over its norm, and what passes it on, to the sum that it goes into.
  void aim(LayerNode& layer) const {
    layer.target = layer.output;
    layer.target_node = layer.node;
    if (const auto user = only_user(layer.output)) {
      layer.norm = norm_at(*user);
      if (layer.norm) {
        layer.target_node = *user;
        layer.target = graph_.nodes[*user].outputs.front();
      }
    }
    ValueId value = layer.target;
    for (auto user = only_user(value); user; user = only_user(value)) {
      const GraphNode& node = graph_.nodes[*user];
      if (is_one_of(node.op, kPassing) && !is_set(node, "train")) {
        value = node.outputs.front();
        continue;
      }
      if (node.op == "aten.add" && is_one(node, "alpha") && !layer.norm)
        add_stream(layer, value, *user);
      return;
    }
  }

  void add_stream(LayerNode& layer, ValueId value, std::size_t sum) const {
    const GraphNode& node = graph_.nodes[sum];
    const auto self = value_of(node, "self");
    const auto other = value_of(node, "other");
    if (!self || !other || *self == *other) return;
    const ValueId stream = *self == value ? *other : *self;
    const bool before = !maker_[stream] || *maker_[stream] < layer.node;
    if (!before || is_parameter(stream) || graph_.constants.contains(stream) ||
        graph_.values[stream].shape != graph_.values[value].shape ||
        graph_.values[node.outputs.front()].shape != graph_.values[value].shape)
      return;
    layer.other = stream;
    layer.target = node.outputs.front();
    layer.target_node = sum;
  }

  /// Whether what it makes is an output of the network, or is only passed on to be one.
  bool gives_output(const LayerNode& layer) const {
    ValueId value = layer.target;
    while (true) {
      for (const std::size_t user : users_[value])
        if (user == graph_.nodes.size()) return true;
      const auto user = only_user(value);
      if (!user || !is_one_of(graph_.nodes[*user].op, kPassing)) return false;
      value = graph_.nodes[*user].outputs.front();
    }
  }

  const Graph& graph_;
  std::vector<std::optional<std::size_t>> maker_;
  std::vector<std::vector<std::size_t>> users_;  // the number of nodes: an output of the network
  std::vector<std::size_t> parameter_;           // by value: values of its tensor; 0 for others
};

}  // namespace

NetworkNodes network_nodes(const Graph& graph) { return Finder(graph).find(); }

}  // namespace mgit
