#include "eval/graph_network.h"

#include <algorithm>
#include <cstring>

#include "eval/data_set.h"
#include "mgit/format.h"

namespace mgit {
namespace {

constexpr std::string_view kOnnx = ".onnx";
constexpr std::string_view kProgram = ".pt2";

/// Data as networks take it: real numbers as float32, integers as int64.
TorchTensor data_tensor(const TensorView& view, const char* name) {
  if (view.shape.empty() || view.shape[0] == 0)
    throw Error(fmt::format("\"{}\" has no samples", name));
  const TorchTensor own(view);
  return own.to(is_arithmetic(view.dtype) ? DType::kF32 : DType::kI64);
}

TorchTensor rows(const TorchTensor& tensor, std::uint64_t begin, std::uint64_t end) {
  return call_torch_for_one("aten.slice", {{"self", tensor},
                                           {"dim", std::int64_t{0}},
                                           {"start", static_cast<std::int64_t>(begin)},
                                           {"end", static_cast<std::int64_t>(end)}});
}

/// Its last row again, until there are `count`.
TorchTensor filled_up(const TorchTensor& tensor, std::uint64_t count) {
  const std::uint64_t there = tensor.shape().front();
  if (there == count) return tensor;
  std::vector<std::int64_t> sizes(tensor.shape().size(), -1);
  sizes.front() = static_cast<std::int64_t>(count - there);
  const TorchTensor again = call_torch_for_one(
      "aten.expand", {{"self", rows(tensor, there - 1, there)}, {"size", sizes}});
  return call_torch_for_one(
      "aten.cat", {{"tensors", TorchArgument::Tensors{tensor, again}}, {"dim", std::int64_t{0}}});
}

std::string shape_of(const GraphValue& value) {
  std::string text;
  for (const auto& length : value.shape)
    text += (text.empty() ? "" : ",") + (length ? std::to_string(*length) : "?");
  return text;
}

/// With the lengths that the file leaves open as the data has them: then less is left to compute.
Graph read_onnx_for(Bytes file, const std::string& source, GraphInput given) {
  Graph graph = read_onnx(file, source);
  if (graph.inputs.size() != 1) return graph;
  const GraphValue& input = graph.values[graph.inputs.front()];
  if (input.shape.size() != given.shape.size()) return graph;
  bool open = false;
  for (std::size_t i = 0; i < given.shape.size(); ++i) {
    open = open || !input.shape[i];
    given.shape[i] = input.shape[i].value_or(given.shape[i]);
  }
  given.dtype = input.dtype;
  return open ? read_onnx(file, source, {given}) : graph;
}

bool all_named(const Graph& graph, const TensorSource& weights) {
  std::vector<WeightSlot> slots;
  for (const GraphParameter& parameter : graph.parameters)
    if (!parameter.constant)
      slots.push_back({parameter.tensor, {}, graph.values[parameter.value].shape, nullptr, false});
  const std::size_t prefix = wrapper_prefix(slots, weights).size();
  return std::all_of(slots.begin(), slots.end(), [&](const WeightSlot& slot) {
    const TensorInfo* info = weights.find(std::string_view(slot.name).substr(prefix));
    return info != nullptr && slot.takes(info->shape);
  });
}

}  // namespace

bool is_graph_file(const std::filesystem::path& path) {
  return path.native().ends_with(kOnnx) || path.native().ends_with(kProgram);
}

TorchTensor GraphBatch::cut(const TorchTensor& values) const {
  if (samples == given) return values;
  const Shape shape = values.shape();
  if (shape.empty() || shape.front() == 0 || shape.front() % given != 0)
    throw Error(fmt::format("values of shape {} are not those of {} samples one by one",
                            shape_text(shape), given));
  return rows(values, 0, samples * (shape.front() / given));
}

GraphNetwork::GraphNetwork(const EvaluatorOptions& options)
    : options_(options), file_(options.graph) {
  if (options.batch == 0) throw UsageError("a batch has at least one sample");
  try {
    const DataSet data = read_data_set(options.data, false);
    input_ = data_tensor(data.input.view, "input");
    if (data.target.owner != nullptr) target_ = data_tensor(data.target.view, "target");
    if (target_ && target_.shape().front() != samples())
      throw Error("input and target must have the same number of samples, at least one");
  } catch (const Error& error) {
    if (!error.where().empty()) throw;
    throw Error(error.what(), options.data.string(), error.hint());
  }
}

Graph GraphNetwork::read_for(const TensorSource& weights) {
  const std::string source = options_.graph.string();
  if (options_.graph.native().ends_with(kProgram)) return read_pt2(file_.bytes(), source);
  GraphInput given{input_.dtype(), input_.shape(), {}};
  given.shape.front() = std::min(options_.batch, samples());
  if (!options_.graph.native().ends_with(kOnnx)) {
    std::vector<std::string> names;
    for (const TensorInfo& info : weights.tensors()) names.push_back(info.name);
    return read_torchscript(file_.bytes(), source, names, {given});
  }
  Graph graph = read_onnx_for(file_.bytes(), source, given);
  initializers_ = onnx_initializers(file_.bytes(), source);
  if (all_named(graph, weights)) return own_initializers(std::move(graph));
  return bind_initializers(std::move(graph), *initializers_, weights);
}

void GraphNetwork::set_weights(const TensorSource& weights) {
  if (runner_ == nullptr) {
    auto runner = std::make_unique<GraphRunner>(read_for(weights), initializers_.get());
    const Graph& graph = runner->graph();
    if (graph.inputs.size() != 1)
      throw Error(fmt::format("the network has {} inputs; one is run on the data's \"input\"",
                              graph.inputs.size()),
                  options_.graph.string());
    if (graph.outputs.empty()) throw Error("the network has no output", options_.graph.string());
    runner->set_weights(weights);
    runner_ = std::move(runner);
  } else {
    runner_->set_weights(weights);
  }
}

GraphRunner& GraphNetwork::runner() {
  if (runner_ == nullptr) throw Error("the network has no weights yet", options_.graph.string());
  return *runner_;
}

ValueId GraphNetwork::output() { return runner().graph().outputs.front(); }

std::uint64_t GraphNetwork::samples() const { return input_.shape().front(); }

std::uint64_t GraphNetwork::batch_size() {
  const Graph& graph = runner().graph();
  const GraphValue& wanted = graph.values[graph.inputs.front()];
  const Shape shape = input_.shape();
  bool fits = wanted.shape.size() == shape.size();
  for (std::size_t i = 1; fits && i < shape.size(); ++i)
    fits = !wanted.shape[i] || *wanted.shape[i] == shape[i];
  if (!fits || wanted.shape.front() == 0U)
    throw Error(fmt::format("the network takes {}, the data's \"input\" is {}", shape_of(wanted),
                            shape_text(shape)),
                options_.graph.string());
  return wanted.shape.front().value_or(options_.batch);
}

bool GraphNetwork::is_fixed_size() const {
  const Graph& graph = runner_->graph();
  const GraphValue& input = graph.values[graph.inputs.front()];
  return input.shape.empty() || input.shape.front();
}

GraphBatch GraphNetwork::pick(std::vector<std::uint64_t> samples) {
  const ValueId input = runner().graph().inputs.front();
  const std::uint64_t size = batch_size();
  samples.resize(std::min<std::size_t>(samples.size(), size));
  for (const std::uint64_t each : samples)
    if (each >= this->samples())
      throw Error(fmt::format("sample {} is not among the data's {}", each, this->samples()),
                  options_.data.string());
  const TorchTensor places(
      TensorView{DType::kI64, {samples.size()}, std::as_bytes(std::span(samples))});
  const auto picked = [&](const TorchTensor& rows) {
    return call_torch_for_one("aten.index_select",
                              {{"self", rows}, {"dim", std::int64_t{0}}, {"index", places}});
  };
  GraphBatch batch;
  batch.samples = samples.size();
  batch.given = is_fixed_size() ? size : batch.samples;
  batch.inputs.emplace(input, filled_up(picked(input_), batch.given));
  if (target_) batch.target = picked(target_);
  return batch;
}

void GraphNetwork::for_each_batch(std::uint64_t begin, std::uint64_t end,
                                  const std::function<void(const GraphBatch&)>& visit) {
  const Graph& graph = runner().graph();
  if (begin >= end || end > samples())
    throw Error(fmt::format("samples {} to {} are not among the data's {}", begin, end, samples()),
                options_.data.string());
  const ValueId input = graph.inputs.front();
  const bool fixed = is_fixed_size();
  const std::uint64_t size = batch_size();
  for (std::uint64_t from = begin; from < end; from += size) {
    const std::uint64_t to = std::min(from + size, end);
    GraphBatch batch;
    batch.samples = to - from;
    batch.given = fixed ? size : batch.samples;
    batch.inputs.emplace(input, filled_up(rows(input_, from, to), batch.given));
    if (target_) batch.target = rows(target_, from, to);
    visit(batch);
  }
}

}  // namespace mgit
