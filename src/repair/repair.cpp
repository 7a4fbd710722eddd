#include "repair/repair.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <optional>

#include "eval/graph_network.h"
#include "merge/least_squares.h"
#include "repair/input_rows.h"
#include "repair/repaired_tensors.h"
#include "repair/walk.h"

namespace mgit {
namespace {

constexpr std::array<std::string_view, 3> kMethods = {"batch-norm-reset", "repair",
                                                      "least-squares"};

constexpr std::size_t kMemory = std::size_t{3} << 29;  // of values inside the networks
/// A wider layer would need more than half a gigabyte for its moments, and minutes.
constexpr std::size_t kMostInputs = 8192;
/// Samples that layers are fitted to, unless more are asked for.
constexpr std::uint64_t kFitSamples = 2000;
/// Rows that a layer is fitted to, and how many times its inputs at least.
constexpr std::size_t kRows = 16384;
constexpr std::size_t kRowsPerInput = 8;

/// A number from 0 to 1 for each place, without a pattern: which rows are taken.
double chosen(std::uint64_t place) {
  std::uint64_t bits = place + 0x9e3779b97f4a7c15U;
  bits = (bits ^ (bits >> 30U)) * 0xbf58476d1ce4e5b9U;
  bits = (bits ^ (bits >> 27U)) * 0x94d049bb133111ebU;
  bits ^= bits >> 31U;
  return static_cast<double>(bits >> 11U) * 0x1.0p-53;
}

std::vector<double> deviations(const ChannelMoments& moments) {
  std::vector<double> result = moments.variance();
  for (double& value : result) value = std::sqrt(value);
  return result;
}

/// As a batch norm keeps it: that of a sample.
std::vector<double> sample_variance(const ChannelMoments& moments) {
  std::vector<double> result = moments.variance();
  const auto count = static_cast<double>(moments.count());
  if (count > 1)
    for (double& value : result) value *= count / (count - 1);
  return result;
}

void add(std::vector<double>& sum, const std::vector<double>& values, double weight) {
  sum.resize(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) sum[i] += weight * values[i];
}

std::vector<double> transposed(const std::vector<double>& matrix, std::size_t rows) {
  std::vector<double> result(matrix.size());
  const std::size_t columns = rows > 0 ? matrix.size() / rows : 0;
  for (std::size_t i = 0; i < rows; ++i)
    for (std::size_t j = 0; j < columns; ++j) result[j * rows + i] = matrix[i * columns + j];
  return result;
}

/// A layer's weight, an output a row.
class LayerWeight {
 public:
  LayerWeight(const LayerNode& layer, const TorchTensor& weight)
      : transposed_(layer.transposed), rows_(weight.shape()[layer.transposed ? 1 : 0]) {
    values = weight.doubles();
    if (transposed_) values = transposed(values, weight.shape()[0]);
  }

  std::size_t outputs() const { return rows_; }
  std::size_t inputs() const { return rows_ > 0 ? values.size() / rows_ : 0; }
  /// In the order that the tensor has.
  std::vector<double> stored() const { return transposed_ ? transposed(values, rows_) : values; }

  std::vector<double> values;

 private:
  bool transposed_;
  std::size_t rows_;
};

class Repair {
 public:
  explicit Repair(const RepairRequest& request)
      : request_(request),
        network_(even_batches(request)),
        graph_(opened(network_, request.merged)),
        nodes_(network_nodes(graph_)),
        tensors_(request.merged, graph_, network_.runner().prefix()) {}

  RepairedNetwork run() {
    if (request_.method == RepairMethod::kStatistics)
      take_statistics();
    else
      walk_through();
    result_.tensors = tensors_.take();
    return std::move(result_);
  }

 private:
  /// So many at a time that the samples asked for fill all batches, within a few.
  static EvaluatorOptions even_batches(const RepairRequest& request) {
    EvaluatorOptions options = request.network;
    if (request.samples > options.batch && options.batch > 0)
      options.batch = request.samples / ((request.samples - 1) / options.batch + 1);
    else if (request.samples > 0)
      options.batch = std::min(options.batch, request.samples);
    return options;
  }

  static const Graph& opened(GraphNetwork& network, const TensorSource& weights) {
    network.set_weights(weights);
    return network.runner().graph();
  }

  /// Batches without samples that only fill them up.
  void for_each_batch(std::uint64_t most, const std::function<void(const GraphBatch&)>& visit) {
    const std::uint64_t wanted = request_.samples == 0 ? most : request_.samples;
    bool any = false;
    network_.for_each_batch(0, std::min(wanted, network_.samples()), [&](const GraphBatch& batch) {
      if (batch.samples != batch.given) return;
      any = true;
      visit(batch);
    });
    if (!any)
      throw Error("fewer samples than the network takes at a time", request_.network.data.string());
  }

  void report(std::size_t done, std::size_t total) const {
    if (request_.progress) request_.progress(done, total);
  }

  // Statistics alone: one pass in training mode, and the mean over its batches.

  void take_statistics() {
    if (nodes_.norms.empty())
      throw Error("the network has no batch norms, whose statistics could be taken anew",
                  graph_.source, "least squares fits the layers of a merge to its parents");
    std::map<std::size_t, std::vector<ChannelMoments>> seen;  // by node, a batch each
    RunHooks hooks;
    hooks.instead = [&](std::size_t index,
                        GraphRun& run) -> std::optional<std::vector<TorchTensor>> {
      const auto norm = std::find_if(nodes_.norms.begin(), nodes_.norms.end(),
                                     [&](const NormNode& each) { return each.node == index; });
      if (norm == nodes_.norms.end()) return std::nullopt;
      seen[index].emplace_back().add(run.value(norm->input), 1);
      return run.compute(*with_batch_statistics(graph_.nodes[index]));
    };
    for_each_batch(network_.samples(), [&](const GraphBatch& batch) {
      network_.runner().run(batch.inputs, graph_.outputs, hooks);
      result_.samples += batch.samples;
      report(result_.samples, network_.samples());
    });
    for (const NormNode& norm : nodes_.norms) {
      const auto batches = seen.find(norm.node);
      if (batches == seen.end()) continue;  // no output depends on it
      std::vector<double> mean;
      std::vector<double> variance;
      const double share = 1.0 / static_cast<double>(batches->second.size());
      for (const ChannelMoments& moments : batches->second) {
        add(mean, moments.mean(), share);
        add(variance, sample_variance(moments), share);
      }
      tensors_.set(norm.mean, mean);
      tensors_.set(norm.variance, variance);
      ++result_.norms;
    }
  }

  // Layer by layer, from the input on. Network 0 is the merged one.

  void walk_through() {
    std::map<std::size_t, const NormNode*> norms;  // by node, those that no layer of ours has
    for (const NormNode& norm : nodes_.norms) norms.emplace(norm.node, &norm);
    std::map<std::size_t, const LayerNode*> layers;
    std::size_t end = 0;
    for (const LayerNode& layer : nodes_.layers) {
      layers.emplace(layer.node, &layer);
      if (layer.norm) norms.erase(layer.norm->node);
      end = std::max(end, layer.target_node + 1);
    }
    if (!norms.empty()) end = std::max(end, norms.rbegin()->first + 1);
    if (end == 0)
      throw Error("the network has no layers or batch norms that could be repaired", graph_.source);
    start(end);
    const std::size_t total = norms.size() + layers.size();
    for (std::size_t node = 0, done = 0; node < end; ++node) {
      const auto layer = layers.find(node);
      const auto norm = norms.find(node);
      if (layer == layers.end() && norm == norms.end()) continue;
      walk_->advance(node);
      if (layer != layers.end())
        fit(*layer->second);
      else
        normalise(*norm->second);
      report(++done, total);
    }
    for (std::size_t batch = 0; batch < walk_->batches(); ++batch) result_.samples += sizes_[batch];
  }

  void start(std::size_t end) {
    std::vector<ValueId> used;
    for (const GraphParameter& parameter : graph_.parameters)
      if (std::any_of(graph_.nodes.begin(), graph_.nodes.end(), [&](const GraphNode& node) {
            bool uses = false;
            for_each_given(node, [&](ValueId id) { uses = uses || id == parameter.value; });
            return uses;
          }))
        used.push_back(parameter.value);
    std::vector<Walk::Network> networks;
    const auto add_network = [&](const TensorSource& weights) {
      network_.set_weights(weights);
      const std::vector<TorchTensor> values = network_.runner().run({}, used);
      Walk::Network& network = networks.emplace_back();
      for (std::size_t i = 0; i < used.size(); ++i) network.parameters[used[i]] = values[i];
    };
    add_network(request_.merged);
    for (const RepairSide& side : request_.sides) add_network(side.weights);
    for_each_batch(kFitSamples, [&](const GraphBatch& batch) {
      for (Walk::Network& network : networks) network.batches.push_back(batch.inputs);
      sizes_.push_back(batch.samples);
    });
    walk_.emplace(graph_, std::move(networks), end, kMemory);
  }

  void set(ValueId parameter, std::span<const double> values) {
    walk_->set_parameter(0, parameter, tensors_.set(parameter, values));
  }

  void normalise(const NormNode& norm) {
    ChannelMoments moments;
    Walk::Ahead ahead = walk_->ahead(norm.node);
    for (std::size_t batch = 0; batch < walk_->batches(); ++batch)
      moments.add(walk_->place() == norm.node ? walk_->value(0, batch, norm.input)
                                              : ahead.run(0, batch, {norm.input}).front(),
                  1);
    set(norm.mean, moments.mean());
    set(norm.variance, sample_variance(moments));
    ++result_.norms;
  }

  void fit(const LayerNode& layer) {
    if (request_.method == RepairMethod::kLeastSquares)
      fit_to_features(layer);
    else if (!layer.norm)
      fit_to_channels(layer);
    if (layer.norm) normalise(*layer.norm);
  }

  /// REPAIR: W <- W s* / s, b <- m* + (b - m) s* / s.
  void fit_to_channels(const LayerNode& layer) {
    Walk::Ahead ahead = walk_->ahead(layer.node + 1);
    const auto moments_of = [&](std::size_t network) {
      ChannelMoments moments;
      for (std::size_t batch = 0; batch < walk_->batches(); ++batch) {
        const TorchTensor output = ahead.run(network, batch, {layer.output}).front();
        moments.add(output, layer.convolution ? 1 : output.shape().size() - 1);
      }
      return moments;
    };
    std::vector<double> mean;
    std::vector<double> deviation;
    for (std::size_t i = 0; i < request_.sides.size(); ++i) {
      const ChannelMoments moments = moments_of(i + 1);
      add(mean, moments.mean(), share(i));
      add(deviation, deviations(moments), share(i));
    }
    const ChannelMoments merged = moments_of(0);
    const std::vector<double> own = deviations(merged);
    LayerWeight weight(layer, walk_->parameter(0, layer.weight));
    std::vector<double> bias;
    if (layer.bias) bias = walk_->parameter(0, *layer.bias).doubles();
    for (std::size_t o = 0; o < weight.outputs(); ++o) {
      const double scale = deviation[o] / own[o];
      if (!std::isfinite(scale)) continue;
      for (std::size_t i = 0; i < weight.inputs(); ++i)
        weight.values[o * weight.inputs() + i] *= scale;
      if (layer.bias) bias[o] = mean[o] + scale * (bias[o] - merged.mean()[o]);
    }
    set(layer.weight, weight.stored());
    if (layer.bias) set(*layer.bias, bias);
    ++result_.layers;
  }

  double share(std::size_t side) const {
    double total = 0;
    for (const RepairSide& each : request_.sides) total += each.weight;
    return request_.sides[side].weight / total;
  }

  void fit_to_features(const LayerNode& layer) {
    LayerWeight weight(layer, walk_->parameter(0, layer.weight));
    const std::vector<PairMoments> groups = moments_of(layer, weight.inputs());
    if (groups.empty()) {
      ++result_.left;
      return;
    }
    std::vector<double> gain;
    if (layer.norm && layer.norm->weight) gain = walk_->parameter(0, *layer.norm->weight).doubles();
    std::vector<double> bias;
    const std::size_t inputs = weight.inputs();
    for (std::size_t g = 0; g < groups.size(); ++g) {
      const std::size_t outputs = groups[g].outputs();
      const std::span<double> rows =
          std::span(weight.values).subspan(g * outputs * inputs, outputs * inputs);
      // A norm's output is the layer's, scaled: that is what is fitted, and scaled back.
      std::vector<double> scale(outputs, 1.0);
      if (layer.norm) {
        scale = output_variances(groups[g], rows);
        for (std::size_t o = 0; o < outputs; ++o)
          scale[o] = (gain.empty() ? 1 : gain[g * outputs + o]) /
                     std::sqrt(scale[o] + layer.norm->epsilon);
      }
      std::vector<double> towards(rows.begin(), rows.end());
      for (std::size_t o = 0; o < outputs; ++o)
        for (double& value : std::span(towards).subspan(o * inputs, inputs)) value *= scale[o];
      const LinearMap map = fit_linear(groups[g], towards, {.bias = layer.norm || layer.bias});
      for (std::size_t o = 0; o < outputs; ++o)
        for (std::size_t i = o * inputs; i < (o + 1) * inputs; ++i) {
          const double value = map.weight[i] / scale[o];
          if (std::isfinite(value)) rows[i] = value;
        }
      bias.insert(bias.end(), map.bias.begin(), map.bias.end());
    }
    set(layer.weight, weight.stored());
    if (layer.bias && !layer.norm) set(*layer.bias, bias);
    ++result_.layers;
  }

  /// What the layer is given in the repaired network, and what it should give: for each group of a
  /// convolution. Empty: there are too many inputs.
  std::vector<PairMoments> moments_of(const LayerNode& layer, std::size_t inputs) {
    std::vector<PairMoments> groups;
    if (inputs == 0 || inputs > kMostInputs) return groups;
    Walk::Ahead ahead = walk_->ahead(layer.target_node + 1);
    const Shape weight = walk_->parameter(0, layer.weight).shape();
    std::uint64_t before = 0;
    double taken = 1;
    for (std::size_t batch = 0; batch < walk_->batches(); ++batch) {
      const TorchTensor input = walk_->value(0, batch, layer.input);
      std::vector<double> target;
      Shape output;
      for (std::size_t i = 0; i < request_.sides.size(); ++i) {
        const auto results = ahead.run(i + 1, batch, {layer.target, layer.output});
        add(target, results[0].doubles(), share(i));
        output = results[1].shape();
      }
      if (layer.other) add(target, walk_->value(0, batch, *layer.other).doubles(), -1);
      if (element_count(output) != target.size())
        throw Error("values that are added to a layer's have another shape", graph_.source);
      const std::vector<double> values = input.doubles();
      const InputRows rows(layer, values, input.shape(), output, weight);
      if (groups.empty()) {
        groups.assign(rows.groups(), PairMoments(rows.length(), rows.outputs()));
        const std::size_t wanted = std::max(kRows, kRowsPerInput * rows.length());
        taken = static_cast<double>(wanted) / static_cast<double>(rows.places() * walk_->batches());
      }
      std::vector<std::size_t> places;
      for (std::size_t place = 0; place < rows.places(); ++place)
        if (taken >= 1 || chosen(before + place) < taken) places.push_back(place);
      before += rows.places();
      for (std::size_t g = 0; g < groups.size(); ++g) add_rows(rows, places, g, target, groups[g]);
    }
    return groups;
  }

  static void add_rows(const InputRows& rows, const std::vector<std::size_t>& places,
                       std::size_t group, const std::vector<double>& target, PairMoments& moments) {
    std::vector<double> x(places.size() * rows.length());
    std::vector<double> y(places.size() * rows.outputs());
    for (std::size_t i = 0; i < places.size(); ++i) {
      rows.read(places[i], group, std::span(x).subspan(i * rows.length(), rows.length()));
      for (std::size_t o = 0; o < rows.outputs(); ++o)
        y[i * rows.outputs() + o] = target[rows.output_at(places[i], group, o)];
    }
    moments.add(x, y);
  }

  const RepairRequest& request_;
  GraphNetwork network_;
  const Graph& graph_;
  NetworkNodes nodes_;
  RepairedTensors tensors_;
  RepairedNetwork result_;
  std::optional<Walk> walk_;
  std::vector<std::uint64_t> sizes_;  // of batches
};

}  // namespace

std::string_view repair_method_name(RepairMethod method) {
  return kMethods.at(static_cast<std::size_t>(method));
}

RepairMethod require_repair_method(std::string_view name) {
  const auto found = std::find(kMethods.begin(), kMethods.end(), name);
  if (found == kMethods.end())
    throw UsageError("no such method", std::string(name),
                     fmt::format("there is: {}", fmt::join(kMethods, ", ")));
  return static_cast<RepairMethod>(found - kMethods.begin());
}

RepairedNetwork repair_network(const RepairRequest& request) { return Repair(request).run(); }

}  // namespace mgit
