// Operators that move elements by what other tensors say.
#include "graph/interpreter/call.h"

namespace mgit::interpreter {

namespace {

/// An index as ATen counts: from the end if negative.
std::size_t place(double index, std::size_t length) {
  const double at = index < 0 ? index + static_cast<double>(length) : index;
  if (!(at >= 0 && at < static_cast<double>(length))) refuse("an index out of range");
  return static_cast<std::size_t>(at);
}

Arrays embedding(const Call& call) {
  const Array& weight = call.tensor("weight");
  const Array& indices = call.tensor("indices");
  require(weight.shape.size() == 2, "an embedding that is no table");
  const std::size_t width = weight.shape[1];
  Shape shape = indices.shape;
  shape.push_back(width);
  Array out = make(weight.dtype, std::move(shape));
  for (std::size_t i = 0; i < indices.values.size(); ++i)
    std::copy_n(weight.values.begin() +
                    static_cast<std::ptrdiff_t>(place(indices.values[i], weight.shape[0]) * width),
                width, out.values.begin() + static_cast<std::ptrdiff_t>(i * width));
  return {out};
}

Arrays index_select(const Call& call) {
  const Array& in = call.tensor("self");
  const Array& index = call.tensor("index");
  const std::size_t axis = axis_of(call.integer("dim"), in.shape.size());
  require(axis < in.shape.size(), "an axis out of range");
  std::vector<Array> parts;
  for (const double each : index.values)
    parts.push_back(sliced(in, axis, place(each, in.shape[axis]), 1));
  return {concatenated(parts, axis)};
}

/// Calls f(element of the index, element of the other tensor), for gather and scatter.
template <typename F>
void each_along(const Array& index, const Shape& other, std::size_t axis, F f) {
  require(index.shape.size() == other.size() && axis < other.size(), "an index of another rank");
  for (std::size_t i = 0; i < other.size(); ++i)
    require(i == axis || index.shape[i] <= other[i], "an index that is too large");
  const Shape strides = c_strides(other);
  std::vector<std::size_t> at(other.size(), 0);
  for (std::size_t i = 0; i < index.values.size(); ++i) {
    std::size_t offset = 0;
    for (std::size_t k = 0; k < other.size(); ++k)
      offset += strides[k] * (k == axis ? place(index.values[i], other[axis]) : at[k]);
    f(i, offset, at);
    for (std::size_t k = other.size(); k-- > 0;) {
      if (++at[k] < index.shape[k]) break;
      at[k] = 0;
    }
  }
}

Arrays gather(const Call& call) {
  const Array& in = call.tensor("self");
  const Array& index = call.tensor("index");
  Array out = make(in.dtype, index.shape);
  each_along(
      index, in.shape, axis_of(call.integer("dim"), in.shape.size()),
      [&](std::size_t i, std::size_t offset, const auto&) { out.values[i] = in.values[offset]; });
  return {out};
}

Array scattered(const Call& call, bool add) {
  Array out = call.tensor("self");
  const Array& index = call.tensor("index");
  const Array source = call.operand(call.node().find("src") != nullptr ? "src" : "value");
  const Shape strides = c_strides(source.shape);
  each_along(index, out.shape, axis_of(call.integer("dim"), out.shape.size()),
             [&](std::size_t, std::size_t offset, const std::vector<std::size_t>& at) {
               std::size_t from = 0;
               for (std::size_t k = 0; k < strides.size(); ++k) from += strides[k] * at[k];
               const double value = source.values.at(from);
               out.values[offset] = add ? out.values[offset] + value : value;
             });
  return out;
}
Arrays scatter(const Call& call) {
  const std::string reduce = call.text("reduce", "");
  require(reduce.empty() || reduce == "add", "a scatter with a reduction");
  return {scattered(call, reduce == "add")};
}
Arrays scatter_add(const Call& call) { return {scattered(call, true)}; }

/// Index tensors of `indices`, broadcast; a mask becomes one for each of its axes.
struct Indexed {
  std::vector<std::optional<Array>> indices;  // one for each axis of the tensor
  std::vector<std::size_t> axes;              // that are indexed
  Shape shape;                                // of the index
};

std::vector<Array> nonzero_of(const Array& mask) {
  std::vector<Array> result(mask.shape.size(), make(DType::kI64, {0}));
  const Shape strides = c_strides(mask.shape);
  for (std::size_t i = 0; i < mask.values.size(); ++i)
    if (mask.values[i] != 0)
      for (std::size_t k = 0; k < strides.size(); ++k)
        result[k].values.push_back(static_cast<double>(i / strides[k] % mask.shape[k]));
  for (Array& each : result) each.shape = {each.values.size()};
  return result;
}

Indexed indexed(const Call& call, const Shape& shape) {
  Indexed result;
  for (const Array* index : call.tensors("indices")) {
    if (index == nullptr)
      result.indices.emplace_back();
    else if (index->dtype == DType::kBool)
      for (Array& each : nonzero_of(*index)) result.indices.emplace_back(std::move(each));
    else
      result.indices.emplace_back(*index);
  }
  require(result.indices.size() <= shape.size(), "more indices than axes");
  result.indices.resize(shape.size());
  for (std::size_t axis = 0; axis < shape.size(); ++axis)
    if (result.indices[axis]) {
      result.axes.push_back(axis);
      result.shape = broadcast(result.shape, result.indices[axis]->shape);
    }
  require(!result.axes.empty(), "an index of nothing");
  for (const std::size_t axis : result.axes)
    result.indices[axis] = expanded(*result.indices[axis], result.shape);
  return result;
}

/// For each element of the result of an index, in order: where it is in the tensor. The axes of the
/// index stand where the first indexed axis was, or first if those are not side by side.
struct Selection {
  Shape shape;
  std::vector<std::size_t> offsets;
};

Selection selection_of(const Indexed& index, const Shape& shape) {
  const Shape strides = c_strides(shape);
  const bool adjacent = index.axes.back() - index.axes.front() + 1 == index.axes.size();
  const std::size_t front = adjacent ? index.axes.front() : 0;
  Shape before;
  Shape after;
  Strides before_strides;
  Strides after_strides;
  for (std::size_t axis = 0; axis < shape.size(); ++axis) {
    if (index.indices[axis]) continue;
    (before.size() < front ? before : after).push_back(shape[axis]);
    (before_strides.size() < front ? before_strides : after_strides).push_back(strides[axis]);
  }
  Array numbers = make(DType::kI64, {std::max<std::size_t>(count(shape), 1)});
  for (std::size_t i = 0; i < numbers.values.size(); ++i)
    numbers.values[i] = static_cast<double>(i);
  const Array outer = strided(numbers, before, before_strides);
  const Array inner = strided(numbers, after, after_strides);
  Selection result;
  result.shape = before;
  result.shape.insert(result.shape.end(), index.shape.begin(), index.shape.end());
  result.shape.insert(result.shape.end(), after.begin(), after.end());
  result.offsets.reserve(count(result.shape));
  for (const double o : outer.values)
    for (std::size_t i = 0; i < count(index.shape); ++i) {
      std::size_t at = static_cast<std::size_t>(o);
      for (const std::size_t axis : index.axes)
        at += strides[axis] * place(index.indices[axis]->values[i], shape[axis]);
      for (const double j : inner.values)
        result.offsets.push_back(at + static_cast<std::size_t>(j));
    }
  return result;
}

Arrays index(const Call& call) {
  const Array& in = call.tensor("self");
  const Selection selection = selection_of(indexed(call, in.shape), in.shape);
  Array out = make(in.dtype, selection.shape);
  for (std::size_t i = 0; i < out.values.size(); ++i)
    out.values[i] = in.values[selection.offsets[i]];
  return {out};
}

Arrays index_put(const Call& call) {
  Array out = call.tensor("self");
  const Selection selection = selection_of(indexed(call, out.shape), out.shape);
  const Array values = expanded(call.tensor("values"), selection.shape);
  const bool add = call.flag("accumulate", false);
  for (std::size_t i = 0; i < values.values.size(); ++i) {
    double& to = out.values[selection.offsets[i]];
    to = add ? to + values.values[i] : values.values[i];
  }
  return {out};
}

Array index_written(const Call& call, const char* name, bool add) {
  Array out = call.tensor("self");
  const Array& index = call.tensor("index");
  const Array& source = call.tensor(name);
  const std::size_t axis = axis_of(call.integer("dim"), out.shape.size());
  require(axis < out.shape.size() && source.shape.size() == out.shape.size() &&
              source.shape[axis] == index.values.size(),
          "a source that does not fit");
  const double alpha = call.number("alpha", 1);
  const Around whole = around(out.shape, axis);
  const Around part = around(source.shape, axis);
  require(whole.outer == part.outer && whole.inner == part.inner, "a source that does not fit");
  for (std::size_t o = 0; o < part.outer; ++o)
    for (std::size_t i = 0; i < part.length; ++i)
      for (std::size_t j = 0; j < part.inner; ++j) {
        double& to =
            out.values[(o * whole.length + place(index.values[i], whole.length)) * whole.inner + j];
        const double value = source.values[(o * part.length + i) * part.inner + j];
        to = add ? to + alpha * value : value;
      }
  return out;
}
Arrays index_add(const Call& call) { return {index_written(call, "source", true)}; }
Arrays index_copy(const Call& call) { return {index_written(call, "source", false)}; }

Arrays index_fill(const Call& call) {
  Array out = call.tensor("self");
  const std::size_t axis = axis_of(call.integer("dim"), out.shape.size());
  require(axis < out.shape.size(), "an axis out of range");
  const double value = call.number("value");
  const Around whole = around(out.shape, axis);
  for (const double each : call.tensor("index").values)
    for (std::size_t o = 0; o < whole.outer; ++o)
      for (std::size_t j = 0; j < whole.inner; ++j)
        out.values[(o * whole.length + place(each, whole.length)) * whole.inner + j] = value;
  return {out};
}

Arrays repeat_interleave(const Call& call) {
  const Array& given = call.tensor("self");
  const bool flat = !call.has("dim");
  const Array in = flat ? reshaped(given, {given.values.size()}) : given;
  const std::size_t axis = flat ? 0 : axis_of(call.integer("dim"), in.shape.size());
  require(axis < in.shape.size(), "an axis out of range");
  const Array times = call.operand("repeats");
  std::vector<Array> parts;
  for (std::size_t i = 0; i < in.shape[axis]; ++i) {
    const double many = times.values.size() == 1 ? times.values[0] : times.values.at(i);
    for (double k = 0; k < many; ++k) parts.push_back(sliced(in, axis, i, 1));
  }
  return {concatenated(parts, axis)};
}

Arrays one_hot(const Call& call) {
  const Array& in = call.tensor("self");
  const std::size_t classes = call.natural("num_classes");
  Shape shape = in.shape;
  shape.push_back(classes);
  Array out = make(DType::kI64, std::move(shape));
  for (std::size_t i = 0; i < in.values.size(); ++i)
    out.values[i * classes + place(in.values[i], classes)] = 1;
  return {out};
}

Arrays nonzero(const Call& call) {
  std::vector<Array> columns = nonzero_of(call.tensor("self"));
  require(!columns.empty(), "places of a number");
  for (Array& column : columns) column = with_axis(std::move(column), 1);
  return {concatenated(columns, 1)};
}

}  // namespace

const Operators& indexing_operators() {
  static const Operators kOperators = {
      {"aten.embedding", embedding},
      {"aten.index_select", index_select},
      {"aten.gather", gather},
      {"aten.scatter", scatter},
      {"aten.scatter_add", scatter_add},
      {"aten.index", index},
      {"aten.index_put", index_put},
      {"aten.index_add", index_add},
      {"aten.index_copy", index_copy},
      {"aten.repeat_interleave", repeat_interleave},
      {"aten.index_fill", index_fill},
      {"aten._unsafe_index", index},
      {"aten._unsafe_index_put", index_put},
      {"aten.one_hot", one_hot},
      {"aten.nonzero", nonzero},
  };
  return kOperators;
}

}  // namespace mgit::interpreter
