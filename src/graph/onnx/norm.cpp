// Norms, softmax and reductions.
#include <algorithm>
#include <array>

#include "graph/onnx/operator.h"

namespace mgit::onnx {
namespace {

void batch_norm(Operator& op) {
  require(op.number("training_mode", 0) == 0 && op.number("spatial", 1) == 1);
  require(op.rank(0) >= 2);
  op.result("batch_norm",
            {{"input", op.id(0)},
             {"weight", op.id(1)},
             {"bias", op.id(2)},
             {"running_mean", op.id(3)},
             {"running_var", op.id(4)},
             {"training", false},
             {"momentum", 1 - op.real("momentum", 0.9F)},
             {"eps", op.real("epsilon", 1e-5F)},
             {"cudnn_enabled", false}},
            op.shape(0), op.dtype(0));
}

void instance_norm(Operator& op) {
  require(op.rank(0) >= 3);
  op.result("instance_norm",
            {{"input", op.id(0)},
             {"weight", op.id(1)},
             {"bias", op.id(2)},
             {"running_mean", std::monostate{}},
             {"running_var", std::monostate{}},
             {"use_input_stats", true},
             {"momentum", 0.0},
             {"eps", op.real("epsilon", 1e-5F)},
             {"cudnn_enabled", false}},
            op.shape(0), op.dtype(0));
}

/// The lengths from `axis` on, which the weights have as well.
std::vector<std::int64_t> normalized(Operator& op) {
  const Sizes input = op.shape(0);
  const std::size_t first = Operator::axis(op.number("axis", -1), input.size());
  const auto shape = plain(Sizes(input.begin() + static_cast<std::ptrdiff_t>(first), input.end()));
  require(shape.has_value());
  for (std::size_t i = 1; i < op.inputs.size(); ++i)
    if (op.has(i)) require(op.shape(i) == known(*shape));
  return *shape;
}

void layer_norm(Operator& op) {
  require(op.wanted < 2);
  const std::vector<std::int64_t> shape = normalized(op);
  op.result("layer_norm",
            {{"input", op.id(0)},
             {"normalized_shape", shape},
             {"weight", op.id(1)},
             {"bias", op.optional_id(2)},
             {"eps", op.real("epsilon", 1e-5F)}},
            op.shape(0), op.dtype(0));
}

void rms_norm(Operator& op) {
  const std::vector<std::int64_t> shape = normalized(op);
  op.result("rms_norm",
            {{"input", op.id(0)},
             {"normalized_shape", shape},
             {"weight", op.id(1)},
             {"eps", op.real("epsilon", 1e-5F)}},
            op.shape(0), op.dtype(0));
}

void group_norm(Operator& op) {
  const std::int64_t groups = op.number("num_groups", 0);
  require(op.rank(0) >= 2 && groups > 0);
  const Size channels = op.shape(0)[1];
  // In version 18 the weights are one for each group.
  for (std::size_t i = 1; i < 3; ++i) require(op.shape(i) == Sizes{channels});
  op.result("group_norm",
            {{"input", op.id(0)},
             {"num_groups", groups},
             {"weight", op.id(1)},
             {"bias", op.id(2)},
             {"eps", op.real("epsilon", 1e-5F)}},
            op.shape(0), op.dtype(0));
}

void softmax_like(Operator& op, const std::string& name) {
  const bool flat = op.opset < 13;
  const std::size_t axis = Operator::axis(op.number("axis", flat ? 1 : -1), op.rank(0));
  require(!flat || axis + 1 == op.rank(0));
  op.result(name, {{"self", op.id(0)}, {"dim", static_cast<std::int64_t>(axis)}}, op.shape(0),
            op.dtype(0));
}

void softmax(Operator& op) { softmax_like(op, "softmax"); }
void log_softmax(Operator& op) { softmax_like(op, "log_softmax"); }

/// Over axes that stand in an attribute or an input; all of them if in neither.
struct Reduction {
  std::vector<std::int64_t> axes;
  bool keep = true;
  Sizes shape;
};

Reduction reduction(Operator& op) {
  Reduction found;
  found.keep = op.number("keepdims", 1) != 0;
  const Sizes input = op.shape(0);
  auto axes = op.plain_numbers("axes", 1).value_or(std::vector<std::int64_t>());
  require(!axes.empty() || op.number("noop_with_empty_axes", 0) == 0);
  if (axes.empty())
    for (std::size_t i = 0; i < input.size(); ++i) axes.push_back(static_cast<std::int64_t>(i));
  std::vector<bool> gone(input.size());
  for (const std::int64_t axis : axes) gone[Operator::axis(axis, input.size())] = true;
  for (std::size_t i = 0; i < input.size(); ++i) {
    if (!gone[i]) found.shape.push_back(input[i]);
    if (gone[i] && found.keep) found.shape.push_back({1, 0});
  }
  found.axes = std::move(axes);
  return found;
}

void reduce(Operator& op, const std::string& name, ValueId self, Arguments more = {}) {
  const Reduction found = reduction(op);
  Arguments arguments = {{"self", self}};
  arguments.insert(arguments.end(), more.begin(), more.end());
  arguments.emplace_back("dim", found.axes);
  arguments.emplace_back("keepdim", found.keep);
  op.result(name, std::move(arguments), found.shape, op.dtype(0));
}

void reduce_mean(Operator& op) { reduce(op, "mean", op.id(0)); }
void reduce_sum(Operator& op) { reduce(op, "sum", op.id(0)); }
void reduce_max(Operator& op) { reduce(op, "amax", op.id(0)); }
void reduce_min(Operator& op) { reduce(op, "amin", op.id(0)); }
void reduce_log_sum_exp(Operator& op) { reduce(op, "logsumexp", op.id(0)); }
void reduce_l1(Operator& op) { reduce(op, "linalg_vector_norm", op.id(0), {{"ord", 1.0}}); }
void reduce_l2(Operator& op) { reduce(op, "linalg_vector_norm", op.id(0), {{"ord", 2.0}}); }

void reduce_sum_square(Operator& op) {
  const Value squares =
      op.emit("mul", {{"self", op.id(0)}, {"other", op.id(0)}}, op.shape(0), op.dtype(0));
  reduce(op, "sum", *squares.id);
}

void reduce_prod(Operator& op) {
  const Reduction found = reduction(op);
  require(found.axes.size() == 1);
  op.result("prod", {{"self", op.id(0)}, {"dim", found.axes.front()}, {"keepdim", found.keep}},
            found.shape, op.dtype(0));
}

void position(Operator& op, const std::string& name) {
  require(op.number("select_last_index", 0) == 0);
  const std::size_t axis = Operator::axis(op.number("axis", 0), op.rank(0));
  const bool keep = op.number("keepdims", 1) != 0;
  Sizes shape = op.shape(0);
  shape[axis] = {1, 0};
  if (!keep) shape.erase(shape.begin() + static_cast<std::ptrdiff_t>(axis));
  op.result(name, {{"self", op.id(0)}, {"dim", static_cast<std::int64_t>(axis)}, {"keepdim", keep}},
            shape, DType::kI64);
}

void arg_max(Operator& op) { position(op, "argmax"); }
void arg_min(Operator& op) { position(op, "argmin"); }

/// Of the axes from one on, in the mean over their positions: GlobalAveragePool, GlobalMaxPool.
void pool_all(Operator& op, const std::string& name) {
  require(op.rank(0) >= 3);
  std::vector<std::int64_t> axes;
  Sizes shape = op.shape(0);
  for (std::size_t i = 2; i < shape.size(); ++i) {
    axes.push_back(static_cast<std::int64_t>(i));
    shape[i] = {1, 0};
  }
  op.result(name, {{"self", op.id(0)}, {"dim", axes}, {"keepdim", true}}, shape, op.dtype(0));
}

void global_average(Operator& op) { pool_all(op, "mean"); }
void global_max(Operator& op) { pool_all(op, "amax"); }

void cumulative_sum(Operator& op) {
  require(op.number("exclusive", 0) == 0 && op.number("reverse", 0) == 0);
  const auto axis = op.build.scalar(op.input(1));
  require(axis.has_value());
  op.result("cumsum", {{"self", op.id(0)}, {"dim", static_cast<std::int64_t>(*axis)}}, op.shape(0),
            op.dtype(0));
}

void top_k(Operator& op) {
  const auto count = op.plain_numbers("k", 1);
  require(count && count->size() == 1 && count->front() >= 0);
  const std::size_t axis = Operator::axis(op.number("axis", -1), op.rank(0));
  Sizes shape = op.shape(0);
  shape[axis] = {count->front(), 0};
  op.outputs = op.build.emit_several("topk",
                                     {{"self", op.id(0)},
                                      {"k", count->front()},
                                      {"dim", static_cast<std::int64_t>(axis)},
                                      {"largest", op.number("largest", 1) != 0},
                                      {"sorted", op.number("sorted", 1) != 0}},
                                     {{shape, op.dtype(0)}, {shape, DType::kI64}});
}

constexpr std::array kRows = std::to_array<TranslatorRow>({{"ArgMax", arg_max},
                                                           {"ArgMin", arg_min},
                                                           {"BatchNormalization", batch_norm},
                                                           {"CumSum", cumulative_sum},
                                                           {"GlobalAveragePool", global_average},
                                                           {"GlobalMaxPool", global_max},
                                                           {"GroupNormalization", group_norm},
                                                           {"InstanceNormalization", instance_norm},
                                                           {"LayerNormalization", layer_norm},
                                                           {"LogSoftmax", log_softmax},
                                                           {"RMSNormalization", rms_norm},
                                                           {"ReduceL1", reduce_l1},
                                                           {"ReduceL2", reduce_l2},
                                                           {"ReduceLogSumExp", reduce_log_sum_exp},
                                                           {"ReduceMax", reduce_max},
                                                           {"ReduceMean", reduce_mean},
                                                           {"ReduceMin", reduce_min},
                                                           {"ReduceProd", reduce_prod},
                                                           {"ReduceSum", reduce_sum},
                                                           {"ReduceSumSquare", reduce_sum_square},
                                                           {"Softmax", softmax},
                                                           {"TopK", top_k}});

}  // namespace

std::span<const TranslatorRow> norm_translators() { return kRows; }

}  // namespace mgit::onnx
