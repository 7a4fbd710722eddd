#include "eval/torch_tensor.h"

#include <cstring>

#include "eval/plugin.h"
#include "mgit/format.h"

namespace mgit {
namespace {

constexpr std::string_view kAten = "aten.";

/// Arguments as the plugin takes them, with what they point to.
class Packed {
 public:
  explicit Packed(const std::vector<TorchArgument>& arguments) {
    arguments_.reserve(arguments.size());
    for (const TorchArgument& each : arguments)
      std::visit([&](const auto& value) { add(each.name.c_str(), value); }, each.value);
  }

  const std::vector<MgitTorchArgument>& arguments() const { return arguments_; }

 private:
  void put(const char* name, MgitTorchKind kind, const void* data, std::size_t count,
           bool is_list = false) {
    arguments_.push_back({name, kind, is_list ? 1 : 0, data, count});
  }
  /// Bytes that stay where they are.
  template <typename T>
  const void* keep(const std::vector<T>& values) {
    auto& bytes = kept_.emplace_back(std::make_unique<Buffer>(values.size() * sizeof(T)));
    if (!values.empty()) std::memcpy(bytes->data(), values.data(), bytes->size());
    return bytes->data();
  }
  template <typename T>
  void add_numbers(const char* name, MgitTorchKind kind, const std::vector<T>& values,
                   bool is_list) {
    put(name, kind, keep(values), values.size(), is_list);
  }

  void add(const char* name, std::monostate) { put(name, kMgitTorchNone, nullptr, 0); }
  void add(const char* name, const TorchTensor& value) {
    if (!value) return add(name, std::monostate{});
    put(name, kMgitTorchValue, keep(std::vector{value.get()}), 1);
  }
  void add(const char* name, const TorchArgument::Tensors& values) {
    std::vector<MgitTorchValue*> pointers;
    for (const TorchTensor& each : values) pointers.push_back(each.get());
    put(name, kMgitTorchValues, keep(pointers), values.size(), true);
  }
  void add(const char* name, bool value) {
    add_numbers(name, kMgitTorchBools, std::vector<unsigned char>{value}, false);
  }
  void add(const char* name, std::int64_t value) {
    add_numbers(name, kMgitTorchInts, std::vector{value}, false);
  }
  void add(const char* name, double value) {
    add_numbers(name, kMgitTorchDoubles, std::vector{value}, false);
  }
  void add(const char* name, const std::string& value) {
    put(name, kMgitTorchText, value.data(), value.size());
  }
  void add(const char* name, const std::vector<std::int64_t>& values) {
    add_numbers(name, kMgitTorchInts, values, true);
  }
  void add(const char* name, const std::vector<double>& values) {
    add_numbers(name, kMgitTorchDoubles, values, true);
  }
  void add(const char* name, const std::vector<bool>& values) {
    add_numbers(name, kMgitTorchBools, std::vector<unsigned char>(values.begin(), values.end()),
                true);
  }

  std::vector<MgitTorchArgument> arguments_;
  std::vector<std::unique_ptr<Buffer>> kept_;
};

using Units = ChannelMoments::Units;

Units units_along(const Shape& shape, std::size_t axis) {
  if (axis >= shape.size())
    throw Error(fmt::format("values of shape {} have no axis {}", shape_text(shape), axis));
  Units result;
  for (std::size_t i = 0; i < axis; ++i) result.blocks *= shape[i];
  result.units = shape[axis];
  for (std::size_t i = axis + 1; i < shape.size(); ++i) result.values *= shape[i];
  return result;
}

/// visit(unit, value) for all values, in their order.
template <typename T, typename Visit>
void for_each_value(const T* values, const Units& along, const Visit& visit) {
  for (std::size_t block = 0; block < along.blocks; ++block)
    for (std::size_t unit = 0; unit < along.units; ++unit)
      for (std::size_t i = 0; i < along.values; ++i) visit(unit, static_cast<double>(*values++));
}

}  // namespace

TorchTensor::TorchTensor(MgitTorchValue* value) : value_(value, torch_plugin().release_value) {}

TorchTensor::TorchTensor(const TensorView& view) {
  MgitTorchError error{};
  const MgitTorchTensor tensor = borrowed("a tensor", view);
  MgitTorchValue* const value = torch_plugin().make_value(&tensor, &error);
  if (value == nullptr) throw Error(error.text);
  *this = TorchTensor(value);
}

TorchTensor TorchTensor::number(std::int64_t value) {
  return TorchTensor(TensorView{DType::kI64, {}, std::as_bytes(std::span(&value, 1))});
}

TensorView TorchTensor::view() const {
  MgitTorchError error{};
  MgitTorchTensor tensor{};
  if (value_ == nullptr) throw Error("there is no tensor");
  if (torch_plugin().view_value(value_.get(), &tensor, &error) == 0) throw Error(error.text);
  const std::optional<DType> dtype = dtype_from_name(tensor.dtype);
  if (!dtype) throw Error("a tensor has a dtype that safetensors cannot hold");
  return {*dtype, Shape(tensor.shape, tensor.shape + tensor.rank),
          Bytes(static_cast<const std::byte*>(tensor.data), tensor.bytes)};
}

TorchTensor TorchTensor::to(DType dtype) const {
  if (this->dtype() == dtype) return *this;
  return call_torch_for_one("aten._to_copy",
                            {{"self", *this}, {"dtype", std::string(dtype_name(dtype))}});
}

std::vector<double> TorchTensor::doubles() const { return graph_tensor(view()).values; }

bool torch_has(const std::string& op) {
  return op.starts_with(kAten) && torch_plugin().has_operator(op.c_str() + kAten.size()) != 0;
}

std::vector<TorchTensor> call_torch(const std::string& op, const std::string& overload,
                                    const std::vector<TorchArgument>& arguments, std::size_t most) {
  if (!op.starts_with(kAten)) throw Error("operator " + op + " is none of ATen's");
  const Packed packed(arguments);
  const MgitTorchCall call{op.c_str() + kAten.size(), overload.c_str(), packed.arguments().data(),
                           packed.arguments().size()};
  std::vector<MgitTorchValue*> results(most);
  MgitTorchError error{};
  std::uint64_t count = 0;
  const int done = torch_plugin().call(&call, results.data(), results.size(), &count, &error);
  if (done < 0) throw OperatorMissing(error.text);
  if (done == 0)
    throw Error(std::string_view(error.text).find(op) == std::string_view::npos
                    ? "operator " + op + ": " + error.text
                    : error.text);
  results.resize(std::min<std::uint64_t>(count, results.size()));
  std::vector<TorchTensor> tensors;
  for (MgitTorchValue* each : results) tensors.push_back(TorchTensor(each));
  return tensors;
}

TorchTensor call_torch_for_one(const std::string& op, const std::vector<TorchArgument>& arguments) {
  std::vector<TorchTensor> results = call_torch(op, "", arguments, 1);
  if (results.empty()) throw Error("operator " + op + ": no result");
  return std::move(results.front());
}

void add_torch_loss(const std::string& loss, const TorchTensor& output, const TorchTensor& target,
                    MgitTorchSums& sums) {
  MgitTorchError error{};
  if (torch_plugin().add_loss(loss.c_str(), output.get(), target.get(), &sums, &error) == 0)
    throw Error(error.text);
}

TorchTensor TorchTensor::watched() const {
  MgitTorchError error{};
  MgitTorchValue* const value = torch_plugin().watch_value(value_.get(), &error);
  if (value == nullptr) throw Error(error.text);
  return TorchTensor(value);
}

TorchGradients torch_gradients(const std::string& loss, const TorchTensor& output,
                               const TorchTensor& target, const std::vector<TorchTensor>& watched) {
  std::vector<MgitTorchValue*> by;
  for (const TorchTensor& each : watched) by.push_back(each.get());
  std::vector<MgitTorchValue*> found(by.size());
  MgitTorchError error{};
  TorchGradients result;
  if (torch_plugin().gradients(loss.c_str(), output.get(), target.get(), by.data(), by.size(),
                               &result.loss, found.data(), &error) == 0)
    throw Error(error.text);
  for (MgitTorchValue* each : found)
    result.by.push_back(each == nullptr ? TorchTensor() : TorchTensor(each));
  return result;
}

void score_torch_batch(const std::string& loss, const TorchTensor& output,
                       const TorchTensor& target, std::uint64_t begin,
                       const MgitTorchScoring& scoring) {
  MgitTorchError error{};
  if (torch_plugin().score_batch(loss.c_str(), output.get(), target.get(), begin, &scoring,
                                 &error) == 0)
    throw Error(error.text);
}

template <typename T>
void ChannelMoments::add_batch(const T* values, const Units& along) {
  const auto count = static_cast<double>(along.blocks * along.values);
  std::vector<double> mean(along.units);
  for_each_value(values, along, [&](std::size_t unit, double value) { mean[unit] += value; });
  for (double& each : mean) each /= count;
  std::vector<double> deviations(along.units);
  for_each_value(values, along, [&](std::size_t unit, double value) {
    deviations[unit] += (value - mean[unit]) * (value - mean[unit]);
  });
  mean_.resize(along.units);
  deviations_.resize(along.units);
  const double before = static_cast<double>(count_);
  for (std::size_t unit = 0; unit < along.units; ++unit) {
    const double apart = mean[unit] - mean_[unit];
    mean_[unit] += apart * count / (before + count);
    deviations_[unit] += deviations[unit] + apart * apart * before * count / (before + count);
  }
  count_ += along.blocks * along.values;
}

void ChannelMoments::add(const TorchTensor& values, std::size_t axis) {
  const TensorView view = values.view();
  if (view.dtype != DType::kF32 && view.dtype != DType::kF64)
    return add(values.to(DType::kF32), axis);
  const Units along = units_along(view.shape, axis);
  if (count_ > 0 && mean_.size() != along.units)
    throw Error(fmt::format("{} units, of which there were {}", along.units, mean_.size()));
  if (along.blocks * along.units * along.values == 0) return;
  if (view.dtype == DType::kF32)
    add_batch(reinterpret_cast<const float*>(view.data.data()), along);
  else
    add_batch(reinterpret_cast<const double*>(view.data.data()), along);
}

std::vector<double> ChannelMoments::variance() const {
  std::vector<double> result = deviations_;
  for (double& each : result) each /= static_cast<double>(count_);
  return result;
}

std::vector<double> ChannelMoments::mean_square() const {
  std::vector<double> result = variance();
  for (std::size_t i = 0; i < result.size(); ++i) result[i] += mean_[i] * mean_[i];
  return result;
}

}  // namespace mgit
