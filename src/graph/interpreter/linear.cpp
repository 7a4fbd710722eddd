// Products of matrices: linear layers, einsum, attention.
#include <cmath>
#include <limits>

#include "graph/interpreter/call.h"

namespace mgit::interpreter {

namespace {

Array transposed(const Array& matrix) {
  require(matrix.shape.size() >= 2, "a transpose of no matrix");
  return swapped(matrix, matrix.shape.size() - 2, matrix.shape.size() - 1);
}

Arrays linear(const Call& call) {
  return {affine(call.tensor("input"), call.tensor("weight"),
                 call.has("bias") ? &call.tensor("bias") : nullptr)};
}

Arrays product(const Call& call) {
  const char* second = call.node().find("mat2") != nullptr     ? "mat2"
                       : call.node().find("vec") != nullptr    ? "vec"
                       : call.node().find("tensor") != nullptr ? "tensor"
                                                               : "other";
  return {matmul(call.tensor("self"), call.tensor(second))};
}

/// beta * self + alpha * a b
Arrays added_product(const Call& call) {
  const bool batched = call.node().find("batch1") != nullptr;
  const bool vector = call.node().find("vec") != nullptr;
  const Array ab = matmul(call.tensor(batched  ? "batch1"
                                      : vector ? "mat"
                                               : "mat1"),
                          call.tensor(batched  ? "batch2"
                                      : vector ? "vec"
                                               : "mat2"));
  const double alpha = call.number("alpha", 1);
  const double beta = call.number("beta", 1);
  return {zip(ab, call.tensor("self"), [=](double x, double y) { return alpha * x + beta * y; })};
}

Arrays outer(const Call& call) {
  const char* second = call.node().find("vec2") != nullptr ? "vec2" : "other";
  return {matmul(with_axis(call.tensor("self"), 1), with_axis(call.tensor(second), 0))};
}

/// The axes that "..." stands for in a term of an einsum.
std::size_t open_axes(const std::string& term, std::size_t rank) {
  if (term.find("...") == std::string::npos) return 0;
  require(term.size() <= rank + 3, "an einsum with more letters than axes");
  return rank + 3 - term.size();
}

/// A term with "..." spelled out, in characters that are no letters, counted from the end.
std::string spelled(std::string term, std::size_t open) {
  require(open <= 20, "an einsum of too many axes");
  std::string letters;
  for (std::size_t i = open; i-- > 0;) letters += static_cast<char>(1 + i);
  const std::size_t dots = term.find("...");
  return dots == std::string::npos ? term : term.replace(dots, 3, letters);
}

std::vector<std::string> split(const std::string& text, char at) {
  std::vector<std::string> parts(1);
  for (const char c : text)
    if (c == at)
      parts.emplace_back();
    else
      parts.back() += c;
  return parts;
}

/// Sizes of the letters of an einsum, and its result, by running over all indices.
class Einsum {
 public:
  Einsum(std::string equation, const std::vector<Array>& operands) : operands_(operands) {
    std::erase(equation, ' ');
    const std::size_t arrow = equation.find("->");
    const std::vector<std::string> terms = split(equation.substr(0, arrow), ',');
    require(terms.size() == operands.size(), "an einsum of other operands");
    std::size_t open = 0;
    for (std::size_t i = 0; i < terms.size(); ++i) {
      const Shape& shape = operands[i].shape;
      open = std::max(open, open_axes(terms[i], shape.size()));
      terms_.push_back(spelled(terms[i], open_axes(terms[i], shape.size())));
      require(terms_[i].size() == shape.size(), "an einsum of other axes");
      for (std::size_t axis = 0; axis < shape.size(); ++axis) add(terms_[i][axis], shape[axis]);
    }
    result_ =
        arrow == std::string::npos ? implied(open) : spelled(equation.substr(arrow + 2), open);
    for (const char letter : letters_)
      if (result_.find(letter) == std::string::npos) summed_ += letter;
  }

  Array result() const {
    const std::string order = result_ + summed_;
    Shape shape;
    for (const char letter : order) {
      require(sizes_.contains(letter), "an einsum with a letter of no operand");
      shape.push_back(sizes_.at(letter));
    }
    std::vector<Array> factors;
    for (std::size_t i = 0; i < operands_.size(); ++i)
      factors.push_back(strided(operands_[i], shape, strides_of(i, order)));
    Array all = factors.front();
    for (std::size_t i = 1; i < factors.size(); ++i)
      all = zip(all, factors[i], std::multiplies<>());
    shape.resize(result_.size());
    Array out = make(all.dtype, shape);
    const std::size_t run = all.values.size() / std::max<std::size_t>(out.values.size(), 1);
    for (std::size_t i = 0; i < out.values.size(); ++i)
      for (std::size_t j = 0; j < run; ++j) out.values[i] += all.values[i * run + j];
    return out;
  }

 private:
  void add(char letter, std::uint64_t size) {
    const auto [place, fresh] = sizes_.emplace(letter, size);
    if (fresh) letters_ += letter;
    require(fresh || place->second == size || place->second == 1 || size == 1,
            "an einsum whose sizes differ");
    if (place->second == 1) place->second = size;
  }

  /// Letters that occur once, in their order, after those of "...".
  std::string implied(std::size_t open) const {
    std::string once;
    for (const char letter : letters_) {
      std::size_t times = 0;
      for (const std::string& term : terms_)
        times += static_cast<std::size_t>(std::count(term.begin(), term.end(), letter));
      if (letter > 20 && times == 1) once += letter;
    }
    std::sort(once.begin(), once.end());
    return spelled("...", open) + once;
  }

  Strides strides_of(std::size_t operand, const std::string& order) const {
    const Shape own = c_strides(operands_[operand].shape);
    Strides strides(order.size(), 0);
    for (std::size_t axis = 0; axis < own.size(); ++axis) {
      const std::size_t at = order.find(terms_[operand][axis]);
      if (operands_[operand].shape[axis] != 1) strides[at] += own[axis];
    }
    return strides;
  }

  const std::vector<Array>& operands_;
  std::vector<std::string> terms_;
  std::map<char, std::uint64_t> sizes_;
  std::string letters_;
  std::string result_;
  std::string summed_;
};

Arrays einsum(const Call& call) {
  const std::vector<Array> operands = call.arrays("tensors");
  require(!operands.empty(), "an einsum of nothing");
  return {Einsum(call.text("equation", ""), operands).result()};
}

/// Keys and values of grouped queries, repeated for each head.
Array repeated_heads(const Array& in, std::size_t heads) {
  const std::size_t axis = in.shape.size() - 3;
  require(in.shape[axis] > 0 && heads % in.shape[axis] == 0, "heads in no groups");
  Array out = with_axis(in, axis + 1);
  Shape shape = out.shape;
  shape[axis + 1] = heads / in.shape[axis];
  out = expanded(out, shape);
  shape = in.shape;
  shape[axis] = heads;
  return reshaped(std::move(out), shape);
}

/// What is added to the scores: minus infinity where a mask is false.
Array bias_of(const Array& mask) {
  if (mask.dtype != DType::kBool) return mask;
  return map(mask,
             [](double x) { return x != 0 ? 0.0 : -std::numeric_limits<double>::infinity(); });
}

Arrays attention(const Call& call) {
  require(call.number("dropout_p", 0) == 0, "dropout while training");
  const Array& query = call.tensor("query");
  Array key = call.tensor("key");
  Array value = call.tensor("value");
  require(query.shape.size() >= 2 && key.shape.size() >= 2 && value.shape.size() >= 2,
          "attention without a sequence");
  if (call.flag("enable_gqa", false)) {
    require(query.shape.size() >= 3 && key.shape.size() >= 3 && value.shape.size() >= 3,
            "attention without heads");
    key = repeated_heads(key, query.shape[query.shape.size() - 3]);
    value = repeated_heads(value, query.shape[query.shape.size() - 3]);
  }
  const double scale = call.number("scale", 1 / std::sqrt(static_cast<double>(query.shape.back())));
  Array scores = map(matmul(query, transposed(key)), [scale](double x) { return x * scale; });
  const std::size_t rank = scores.shape.size();
  if (call.flag("is_causal", false))
    for (std::size_t i = 0; i < scores.values.size(); ++i)
      if (i % scores.shape[rank - 1] > i / scores.shape[rank - 1] % scores.shape[rank - 2])
        scores.values[i] = -std::numeric_limits<double>::infinity();
  if (call.has("attn_mask")) scores = zip(scores, bias_of(call.tensor("attn_mask")), std::plus<>());
  return {matmul(softmax(scores, rank - 1), value)};
}

/// v in the length that g says, for each index of the axis "dim".
Arrays weight_norm(const Call& call) {
  const Array& v = call.tensor("v");
  const std::size_t axis = axis_of(call.integer("dim", 0), v.shape.size());
  require(axis < v.shape.size(), "an axis out of range");
  const Around part = around(v.shape, axis);
  Array length = make(v.dtype, call.tensor("g").shape);
  require(length.values.size() == part.length, "lengths of other rows");
  for (std::size_t i = 0; i < v.values.size(); ++i)
    length.values[i / part.inner % part.length] += v.values[i] * v.values[i];
  const Array factor =
      zip(call.tensor("g"), length, [](double g, double square) { return g / std::sqrt(square); });
  return {zip(v, factor, std::multiplies<>())};
}

Arrays bilinear(const Call& call) {
  const Array& a = call.tensor("input1");
  const Array& b = call.tensor("input2");
  const std::vector<Array> operands = {a, call.tensor("weight"), b};
  Array out = Einsum("...i,oij,...j->...o", operands).result();
  if (call.has("bias")) out = zip(out, call.tensor("bias"), std::plus<>());
  return {out};
}

}  // namespace

Array affine(const Array& x, const Array& weight, const Array* bias) {
  Array out = matmul(x, weight.shape.size() == 1 ? weight : transposed(weight));
  return bias == nullptr ? out : zip(out, *bias, std::plus<>());
}

const Operators& linear_operators() {
  static const Operators kOperators = {
      {"aten.linear", linear},
      {"aten.matmul", product},
      {"aten.mm", product},
      {"aten.bmm", product},
      {"aten.mv", product},
      {"aten.dot", product},
      {"aten.addmm", added_product},
      {"aten.addmv", added_product},
      {"aten.baddbmm", added_product},
      {"aten.outer", outer},
      {"aten.einsum", einsum},
      {"aten.scaled_dot_product_attention", attention},
      {"aten.bilinear", bilinear},
      {"aten.vdot", product},
      {"aten._weight_norm", weight_norm},
  };
  return kOperators;
}

}  // namespace mgit::interpreter
