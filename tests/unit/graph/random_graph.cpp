#include "unit/graph/random_graph.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <numeric>
#include <set>

namespace mgit::testing {

namespace {

constexpr std::uint64_t kBatch = 2;
constexpr std::uint64_t kMostElements = 200;  // for each of the batch

std::uint64_t elements_of(const Shape& shape) {
  return std::accumulate(shape.begin() + 1, shape.end(), std::uint64_t{1}, std::multiplies<>());
}

std::int64_t number(std::size_t value) { return static_cast<std::int64_t>(value); }

std::vector<std::int64_t> numbers(const Shape& shape) { return {shape.begin(), shape.end()}; }

}  // namespace

std::pair<std::uint64_t, std::uint64_t> seeds_or(std::uint64_t first, std::uint64_t last) {
  const char* text = std::getenv("MGIT_SEEDS");
  unsigned long long from = first;
  unsigned long long to = last;
  if (text != nullptr && std::sscanf(text, "%llu-%llu", &from, &to) == 1) to = from;
  return {from, to};
}

RandomGraph::RandomGraph(std::uint64_t seed) : random_(seed) {
  const Shape shapes[] = {{kBatch, 6}, {kBatch, 3, 6}, {kBatch, 4, 4, 4}, {kBatch, 2, 6}};
  const Shape& shape = shapes[below(std::size(shapes))];
  pool_.push_back({builder_.input(open(shape)), shape});
  const Step steps[] = {
      &RandomGraph::linear,       &RandomGraph::linear,      &RandomGraph::linear,
      &RandomGraph::linear,       &RandomGraph::activation,  &RandomGraph::activation,
      &RandomGraph::sum,          &RandomGraph::sum,         &RandomGraph::vector,
      &RandomGraph::constant,     &RandomGraph::norm,        &RandomGraph::batch_norm,
      &RandomGraph::group_norm,   &RandomGraph::split_axis,  &RandomGraph::merge_axes,
      &RandomGraph::permute,      &RandomGraph::concatenate, &RandomGraph::part,
      &RandomGraph::reduce,       &RandomGraph::order,       &RandomGraph::softmax,
      &RandomGraph::convolution,  &RandomGraph::convolution, &RandomGraph::depthwise,
      &RandomGraph::pool,         &RandomGraph::shuffle,     &RandomGraph::product,
      &RandomGraph::attention,    &RandomGraph::attention,   &RandomGraph::repeat,
      &RandomGraph::padding,      &RandomGraph::recurrent,   &RandomGraph::gate,
      &RandomGraph::shared_linear};
  for (std::size_t left = 3 + below(10); left > 0;)
    if ((this->*steps[below(std::size(steps))])()) --left;
  finish();
}

std::string RandomGraph::recipe() const {
  std::string text;
  for (const GraphNode& node : graph_.nodes) text += node.op + " ";
  return text + "\n" + graph_text(graph_);
}

RandomGraph::Value* RandomGraph::any_of_rank(std::size_t rank) {
  std::vector<Value*> fitting;
  for (Value& value : pool_)
    if (value.shape.size() == rank) fitting.push_back(&value);
  return fitting.empty() ? nullptr : fitting[below(fitting.size())];
}

bool RandomGraph::add(const std::string& op, GraphBuilder::Arguments arguments, Shape shape,
                      std::initializer_list<ValueId> of) {
  if (elements_of(shape) > kMostElements || elements_of(shape) == 0 || shape.size() > 5)
    return false;
  for (Value& value : pool_) value.used |= std::find(of.begin(), of.end(), value.id) != of.end();
  const ValueId id = builder_.op(op, std::move(arguments), open(shape));
  pool_.push_back({id, std::move(shape)});
  return true;
}

bool RandomGraph::linear() {
  const Value& x = any();
  Shape shape = x.shape;
  shape.back() = 2 + below(7);
  if (elements_of(shape) > kMostElements) return false;
  const ValueId weight = parameter({shape.back(), x.shape.back()});
  matrices_.emplace_back(weight, Shape{shape.back(), x.shape.back()});
  GraphBuilder::Arguments arguments = {{"input", x.id}, {"weight", weight}};
  if (below(2) == 0) arguments.emplace_back("bias", parameter({shape.back()}));
  return add("linear", arguments, shape, {x.id});
}

bool RandomGraph::shared_linear() {
  const Value& x = any();
  for (const auto& [weight, sizes] : matrices_) {
    if (sizes[1] != x.shape.back() || below(2) == 0) continue;
    Shape shape = x.shape;
    shape.back() = sizes[0];
    return add("linear", {{"input", x.id}, {"weight", weight}}, shape, {x.id});
  }
  return false;
}

bool RandomGraph::activation() {
  const char* ops[] = {"relu", "tanh", "gelu", "sigmoid", "silu", "abs", "neg"};
  const Value& x = any();
  return add(ops[below(std::size(ops))], {{"self", x.id}}, x.shape, {x.id});
}

bool RandomGraph::sum() {
  const char* ops[] = {"add", "mul", "sub", "maximum"};
  const Value& a = any();
  const Value& b = any();
  if (a.shape != b.shape || a.id == b.id) return false;
  return add(ops[below(std::size(ops))], {{"self", a.id}, {"other", b.id}}, a.shape, {a.id, b.id});
}

bool RandomGraph::vector() {
  const Value& x = any();
  const std::size_t axis = hidden_axis(x);
  Shape shape(x.shape.size() - axis, 1);
  shape[0] = x.shape[axis];
  return add(below(2) == 0 ? "add" : "mul", {{"self", x.id}, {"other", parameter(shape)}}, x.shape,
             {x.id});
}

bool RandomGraph::constant() {
  const Value& x = any();
  const std::size_t length = x.shape.back();
  std::vector<float> values(length, 0.5F);
  const std::size_t kind = below(3);
  for (std::size_t i = 0; i < length; ++i)
    if (kind == 1 || (kind == 2 && 2 * i >= length))
      values[i] += static_cast<float>(kind == 1 ? i : 1);
  return add(below(2) == 0 ? "add" : "mul",
             {{"self", x.id}, {"other", builder_.constant({length}, values)}}, x.shape, {x.id});
}

bool RandomGraph::norm() {
  const Value& x = any();
  const std::uint64_t width = x.shape.back();
  if (width < 2) return false;
  return add(below(2) == 0 ? "layer_norm" : "rms_norm",
             {{"input", x.id},
              {"normalized_shape", std::vector<std::int64_t>{number(width)}},
              {"weight", parameter({width})}},
             x.shape, {x.id});
}

bool RandomGraph::batch_norm() {
  const Value& x = any();
  const std::uint64_t width = x.shape[1];
  return add("batch_norm",
             {{"input", x.id},
              {"weight", parameter({width})},
              {"bias", parameter({width})},
              {"running_mean", parameter({width})},
              {"running_var", parameter({width})},
              {"training", false},
              {"momentum", 0.1},
              {"eps", 1e-5},
              {"cudnn_enabled", false}},
             x.shape, {x.id});
}

bool RandomGraph::group_norm() {
  const Value& x = any();
  const std::uint64_t width = x.shape[1];
  const std::size_t groups = 1 + below(4);
  if (width % groups != 0 || elements_of(x.shape) < 2 * groups) return false;
  return add("group_norm",
             {{"input", x.id},
              {"num_groups", number(groups)},
              {"weight", parameter({width})},
              {"bias", parameter({width})}},
             x.shape, {x.id});
}

bool RandomGraph::split_axis() {
  const Value& x = any();
  const std::size_t axis = hidden_axis(x);
  const std::size_t factor = 2 + below(3);
  if (x.shape[axis] % factor != 0) return false;
  Shape shape = x.shape;
  shape[axis] /= factor;
  shape.insert(shape.begin() + number(axis) + number(below(2)), factor);
  return add("reshape", {{"self", x.id}, {"shape", numbers(shape)}}, shape, {x.id});
}

bool RandomGraph::merge_axes() {
  const Value& x = any();
  if (x.shape.size() < 3) return false;
  const std::size_t axis = 1 + below(x.shape.size() - 2);
  Shape shape = x.shape;
  shape[axis] *= shape[axis + 1];
  shape.erase(shape.begin() + number(axis) + 1);
  if (below(2) == 0)
    return add("flatten",
               {{"self", x.id}, {"start_dim", number(axis)}, {"end_dim", number(axis) + 1}}, shape,
               {x.id});
  return add("view", {{"self", x.id}, {"size", numbers(shape)}}, shape, {x.id});
}

bool RandomGraph::permute() {
  const Value& x = any();
  if (x.shape.size() < 3) return false;
  std::vector<std::int64_t> order(x.shape.size());
  std::iota(order.begin(), order.end(), 0);
  std::shuffle(order.begin() + 1, order.end(), random_);
  Shape shape;
  for (const std::int64_t axis : order) shape.push_back(x.shape[static_cast<std::size_t>(axis)]);
  return add("permute", {{"self", x.id}, {"dims", order}}, shape, {x.id});
}

bool RandomGraph::concatenate() {
  const Value& a = any();
  const Value& b = any();
  if (a.shape.size() != b.shape.size()) return false;
  const std::size_t axis = hidden_axis(a);
  Shape shape = a.shape;
  for (std::size_t i = 0; i < shape.size(); ++i)
    if (i != axis && a.shape[i] != b.shape[i]) return false;
  shape[axis] += b.shape[axis];
  return add("cat",
             {{"tensors", std::vector<std::optional<ValueId>>{a.id, b.id}}, {"dim", number(axis)}},
             shape, {a.id, b.id});
}

bool RandomGraph::part() {
  const Value& x = any();
  const std::size_t axis = hidden_axis(x);
  const std::size_t length = x.shape[axis];
  if (length < 2) return false;
  const std::size_t start = below(length - 1);
  const std::size_t end = start + 1 + below(length - start);
  Shape shape = x.shape;
  if (below(4) == 0) {
    shape.erase(shape.begin() + number(axis));
    if (shape.size() < 2) return false;
    return add("select", {{"self", x.id}, {"dim", number(axis)}, {"index", number(start)}}, shape,
               {x.id});
  }
  const std::size_t step = 1 + below(2);
  shape[axis] = (end - start + step - 1) / step;
  return add("slice",
             {{"self", x.id},
              {"dim", number(axis)},
              {"start", number(start)},
              {"end", number(end)},
              {"step", number(step)}},
             shape, {x.id});
}

bool RandomGraph::reduce() {
  const char* ops[] = {"sum", "mean", "amax"};
  const Value& x = any();
  const std::size_t axis = hidden_axis(x);
  const bool keep = x.shape.size() < 3 || below(2) == 0;
  Shape shape = x.shape;
  shape[axis] = 1;
  if (!keep) shape.erase(shape.begin() + number(axis));
  return add(ops[below(std::size(ops))],
             {{"self", x.id}, {"dim", std::vector<std::int64_t>{number(axis)}}, {"keepdim", keep}},
             shape, {x.id});
}

/// What depends on the order along an axis.
bool RandomGraph::order() {
  const Value& x = any();
  const std::int64_t axis = number(hidden_axis(x));
  switch (below(3)) {
    case 0:
      return add("cumsum", {{"self", x.id}, {"dim", axis}}, x.shape, {x.id});
    case 1:
      return add("flip", {{"self", x.id}, {"dims", std::vector<std::int64_t>{axis}}}, x.shape,
                 {x.id});
    default:
      return add("roll",
                 {{"self", x.id},
                  {"shifts", std::vector<std::int64_t>{1}},
                  {"dims", std::vector<std::int64_t>{axis}}},
                 x.shape, {x.id});
  }
}

bool RandomGraph::softmax() {
  const Value& x = any();
  return add("softmax", {{"self", x.id}, {"dim", number(hidden_axis(x))}}, x.shape, {x.id});
}

bool RandomGraph::convolution() {
  const Value* x = any_of_rank(3 + below(2));
  if (x == nullptr) return false;
  const std::size_t space = x->shape.size() - 2;
  const std::uint64_t in = x->shape[1];
  const std::uint64_t groups = below(3) == 0 ? 2 : 1;
  const std::uint64_t out = 2 * (1 + below(4));
  if (in % groups != 0) return false;
  Shape kernel(space + 2, 3);
  Shape shape = x->shape;
  shape[1] = out;
  if (elements_of(shape) > kMostElements) return false;
  kernel[0] = out;
  kernel[1] = in / groups;
  return add(space == 1 ? "conv1d" : "conv2d",
             {{"input", x->id},
              {"weight", parameter(kernel)},
              {"bias", parameter({out})},
              {"padding", std::vector<std::int64_t>(space, 1)},
              {"groups", number(groups)}},
             shape, {x->id});
}

bool RandomGraph::depthwise() {
  const Value* x = any_of_rank(4);
  if (x == nullptr) return false;
  const std::uint64_t channels = x->shape[1];
  Shape shape = x->shape;
  const std::uint64_t times = 1 + below(2);
  shape[1] *= times;
  if (elements_of(shape) > kMostElements) return false;
  return add("conv2d",
             {{"input", x->id},
              {"weight", parameter({channels * times, 1, 1, 1})},
              {"groups", number(channels)}},
             shape, {x->id});
}

bool RandomGraph::pool() {
  const Value* x = any_of_rank(4);
  if (x == nullptr || x->shape[2] < 2 || x->shape[3] < 2) return false;
  Shape shape = x->shape;
  if (below(3) == 0) {
    shape[2] = shape[3] = 1;
    return add("adaptive_avg_pool2d",
               {{"self", x->id}, {"output_size", std::vector<std::int64_t>{1, 1}}}, shape, {x->id});
  }
  shape[2] /= 2;
  shape[3] /= 2;
  return add(below(2) == 0 ? "max_pool2d" : "avg_pool2d",
             {{"self", x->id}, {"kernel_size", std::vector<std::int64_t>{2, 2}}}, shape, {x->id});
}

bool RandomGraph::shuffle() {
  const Value* x = any_of_rank(4);
  if (x == nullptr) return false;
  Shape shape = x->shape;
  if (below(2) == 0) {
    if (shape[1] % 4 != 0) return false;
    shape = {shape[0], shape[1] / 4, shape[2] * 2, shape[3] * 2};
    return add("pixel_shuffle", {{"self", x->id}, {"upscale_factor", std::int64_t{2}}}, shape,
               {x->id});
  }
  if (shape[1] % 2 != 0) return false;
  return add("channel_shuffle", {{"self", x->id}, {"groups", std::int64_t{2}}}, shape, {x->id});
}

bool RandomGraph::product() {
  const Value* a = any_of_rank(3);
  const Value* b = any_of_rank(3);
  if (a == nullptr || a->shape[2] != b->shape[1]) return false;
  return add("matmul", {{"self", a->id}, {"other", b->id}}, {kBatch, a->shape[1], b->shape[2]},
             {a->id, b->id});
}

/// Heads of a sequence, with weights of their own; back to a sequence.
bool RandomGraph::attention() {
  const Value* x = any_of_rank(3);
  if (x == nullptr) return false;
  const ValueId from = x->id;
  const std::uint64_t length = x->shape[1];
  const std::uint64_t width = x->shape[2];
  const std::uint64_t heads = 1 + below(2);
  const std::uint64_t depth = 2 + below(2);
  if (length * heads * depth > kMostElements) return false;
  const auto projected = [&] {
    const ValueId y =
        builder_.op("linear", {{"input", from}, {"weight", parameter({heads * depth, width})}},
                    open({kBatch, length, heads * depth}));
    const Shape split = {kBatch, length, heads, depth};
    const ValueId z = builder_.op("view", {{"self", y}, {"size", numbers(split)}}, open(split));
    return builder_.op("transpose",
                       {{"self", z}, {"dim0", std::int64_t{1}}, {"dim1", std::int64_t{2}}},
                       open({kBatch, heads, length, depth}));
  };
  const ValueId q = projected();
  const ValueId k = projected();
  const ValueId v = projected();
  const ValueId y =
      builder_.op("scaled_dot_product_attention",
                  {{"query", q}, {"key", k}, {"value", v}, {"is_causal", below(2) == 0}},
                  open({kBatch, heads, length, depth}));
  const ValueId back =
      builder_.op("transpose", {{"self", y}, {"dim0", std::int64_t{1}}, {"dim1", std::int64_t{2}}},
                  open({kBatch, length, heads, depth}));
  return add("reshape", {{"self", back}, {"shape", numbers({kBatch, length, heads * depth})}},
             {kBatch, length, heads * depth}, {from});
}

bool RandomGraph::repeat() {
  const Value& x = any();
  const std::size_t axis = hidden_axis(x);
  Shape shape = x.shape;
  shape[axis] *= 2;
  if (below(2) == 0)
    return add("repeat_interleave",
               {{"self", x.id}, {"repeats", std::int64_t{2}}, {"dim", number(axis)}}, shape,
               {x.id});
  std::vector<std::int64_t> times(shape.size(), 1);
  times[axis] = 2;
  return add("repeat", {{"self", x.id}, {"repeats", times}}, shape, {x.id});
}

bool RandomGraph::padding() {
  const Value& x = any();
  Shape shape = x.shape;
  const std::uint64_t before = below(2);
  shape.back() += before + 1;
  return add("pad", {{"self", x.id}, {"pad", std::vector<std::int64_t>{number(before), 1}}}, shape,
             {x.id});
}

bool RandomGraph::recurrent() {
  const Value* x = any_of_rank(3);
  if (x == nullptr) return false;
  const std::uint64_t hidden = 2 + below(3);
  const std::uint64_t gates = 4 * hidden;
  const Shape state = {1, kBatch, hidden};
  const ValueId from = x->id;
  const Shape shape = {kBatch, x->shape[1], hidden};
  if (elements_of(shape) > kMostElements) return false;
  const ValueId zeros = builder_.op("zeros", {{"size", numbers(state)}}, open(state));
  std::vector<std::optional<ValueId>> weights = {parameter({gates, x->shape[2]}),
                                                 parameter({gates, hidden}), parameter({gates}),
                                                 parameter({gates})};
  const auto outputs = builder_.node("aten.lstm",
                                     {{"input", from},
                                      {"hx", std::vector<std::optional<ValueId>>{zeros, zeros}},
                                      {"params", std::move(weights)},
                                      {"has_biases", true},
                                      {"num_layers", std::int64_t{1}},
                                      {"dropout", 0.0},
                                      {"train", false},
                                      {"bidirectional", false},
                                      {"batch_first", true}},
                                     {open(shape), open(state), open(state)});
  for (Value& value : pool_) value.used |= value.id == from;
  pool_.push_back({outputs[0], shape});
  return true;
}

bool RandomGraph::gate() {
  const Value& x = any();
  if (x.shape.back() % 2 != 0) return false;
  Shape half = x.shape;
  half.back() /= 2;
  const ValueId from = x.id;
  const auto halves = builder_.node(
      "aten.chunk", {{"self", from}, {"chunks", std::int64_t{2}}, {"dim", std::int64_t{-1}}},
      {open(half), open(half)});
  return add("mul", {{"self", halves[0]}, {"other", halves[1]}}, half, {from});
}

/// What nobody reads yet goes into the output.
void RandomGraph::finish() {
  std::optional<ValueId> total;
  for (const Value& value : pool_) {
    if (value.used) continue;
    const Shape flat = {kBatch, elements_of(value.shape)};
    const ValueId x =
        builder_.op("flatten", {{"self", value.id}, {"start_dim", std::int64_t{1}}}, open(flat));
    const ValueId y = builder_.op("linear", {{"input", x}, {"weight", parameter({3, flat[1]})}},
                                  open({kBatch, 3}));
    total = total ? builder_.add(*total, y) : y;
  }
  builder_.output(*total);
  graph_ = builder_.graph();
  network_ = builder_.network();
  std::sort(network_.begin(), network_.end(),
            [](const TensorInfo& a, const TensorInfo& b) { return a.name < b.name; });
}

std::map<ValueId, GraphTensor> drawn_numbers(const Graph& graph, std::uint64_t seed) {
  std::set<ValueId> variances;
  for (const GraphNode& node : graph.nodes)
    if (const Argument* variance = node.find("running_var"))
      variances.insert(std::get<ValueId>(*variance));
  std::mt19937_64 numbers(seed);
  std::normal_distribution<double> normal;
  std::map<ValueId, GraphTensor> result;
  const auto fill = [&](ValueId id) {
    GraphTensor& tensor = result[id];
    for (const auto& length : graph.values[id].shape) tensor.shape.push_back(*length);
    tensor.values.resize(element_count(tensor.shape).value());
    for (double& value : tensor.values)
      value = variances.contains(id) ? 0.5 + std::fabs(normal(numbers)) : normal(numbers);
  };
  for (const ValueId id : graph.inputs) fill(id);
  for (const GraphParameter& parameter : graph.parameters) fill(parameter.value);
  return result;
}

bool near(const std::vector<double>& a, const std::vector<double>& b) {
  double largest = 0;
  double change = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    largest = std::max(largest, std::fabs(a[i]));
    change = std::max(change, std::fabs(a[i] - b[i]));
  }
  return change <= 1e-9 * largest;
}

}  // namespace mgit::testing
