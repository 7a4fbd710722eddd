#include "graph/onnx/builder.h"

#include <cstring>

#include "mgit/format.h"

namespace mgit::onnx {
namespace {

void put_number(Buffer& bytes, DType dtype, std::int64_t number) {
  const std::size_t width = dtype_bits(dtype) / 8;
  const std::size_t at = bytes.size();
  bytes.resize(at + width);
  std::memcpy(bytes.data() + at, &number, std::min(width, sizeof number));
}

}  // namespace

std::vector<std::optional<std::uint64_t>> lengths(const Sizes& sizes) {
  std::vector<std::optional<std::uint64_t>> result;
  Shape known;
  for (const Size& size : sizes) {
    if (size.known() && size.number < 0) throw Contradiction("a length is negative");
    result.push_back(size.known() ? std::optional(static_cast<std::uint64_t>(size.number))
                                  : std::nullopt);
    known.push_back(result.back().value_or(1));
  }
  if (!byte_size(DType::kC128, known)) throw CorruptError("the sizes of a value overflow");
  return result;
}

Sizes known(const std::vector<std::int64_t>& numbers) {
  Sizes sizes;
  for (const std::int64_t number : numbers) sizes.push_back({number, 0});
  return sizes;
}

std::optional<std::vector<std::int64_t>> plain(const Sizes& sizes) {
  std::vector<std::int64_t> numbers;
  for (const Size& size : sizes) {
    if (!size.known()) return std::nullopt;
    numbers.push_back(size.number);
  }
  return numbers;
}

void Builder::set_place(std::string name, std::string module) {
  name_ = std::move(name);
  module_ = std::move(module);
}

ValueId Builder::add(const std::string& name, DType dtype, const Sizes& shape) {
  std::string free = name.empty() ? "value" : name;
  const std::string plain = free;
  std::uint32_t& times = taken_[plain];
  while (times > 0 && taken_.contains(free)) free = fmt::format("{}#{}", plain, ++times);
  if (times == 0)
    times = 1;
  else
    taken_.emplace(free, 1);
  graph_.values.push_back({std::move(free), dtype, {}});
  const auto id = static_cast<ValueId>(graph_.values.size() - 1);
  owners_.emplace(graph_.values.back().name, id);
  describe(id, shape);
  return id;
}

void Builder::rename(ValueId value, const std::string& name) {
  const auto owner = owners_.find(name);
  std::string& own = graph_.values[value].name;
  if (owner == owners_.end() || owner->second == value || !own.starts_with(name + "#")) return;
  std::swap(own, graph_.values[owner->second].name);
  owners_[graph_.values[owner->second].name] = owner->second;
  owner->second = value;
}

void Builder::describe(ValueId value, const Sizes& shape) {
  GraphValue& described = graph_.values[value];
  described.shape = lengths(shape);
  described.open.clear();
  for (std::size_t i = 0; i < shape.size(); ++i)
    if (!shape[i].known()) described.open[i] = {symbols_[shape[i].symbol].name};
}

Value Builder::declare(const std::string& name, DType dtype, std::optional<Sizes> shape) {
  Value value;
  value.id = add(name, dtype, shape.value_or(Sizes()));
  value.dtype = dtype;
  value.shape = std::move(shape);
  return value;
}

Value Builder::constant(const std::string& name, const TensorInfo& info,
                        std::shared_ptr<const Buffer> data) {
  Sizes shape;
  for (const std::uint64_t length : info.shape)
    shape.push_back({static_cast<std::int64_t>(length), 0});
  Value value = declare(name, info.dtype, std::move(shape));
  graph_.constants[*value.id] = {info, std::move(data)};
  return value;
}

Value Builder::emit(const std::string& op, Arguments arguments, Sizes shape, DType dtype) {
  return emit_several(op, std::move(arguments), {{std::move(shape), dtype}}).front();
}

std::vector<Value> Builder::emit_several(const std::string& op, Arguments arguments,
                                         const std::vector<std::pair<Sizes, DType>>& outputs) {
  GraphNode node;
  node.op = "aten." + op;
  node.overload = "default";
  node.arguments = std::move(arguments);
  node.module = module_;
  std::vector<Value> values;
  for (const auto& [shape, dtype] : outputs) {
    values.push_back(declare(name_, dtype, shape));
    node.outputs.push_back(*values.back().id);
  }
  append(std::move(node));
  return values;
}

ValueId Builder::id(Value& value) {
  if (value.id) return *value.id;
  require(value.numbers.has_value() && value.shape.has_value());
  const Sizes& numbers = *value.numbers;
  if (const auto all = plain(numbers)) {
    Buffer bytes;
    for (const std::int64_t each : *all) put_number(bytes, value.dtype, each);
    TensorInfo info{name_, value.dtype, {}};
    for (const Size& length : *value.shape)
      info.shape.push_back(static_cast<std::uint64_t>(length.number));
    value.id = constant(name_, info, std::make_shared<const Buffer>(std::move(bytes))).id;
  } else if (value.shape->empty()) {
    value.id = number(numbers.front());
  } else {
    std::vector<std::optional<ValueId>> members;
    for (const Size& each : numbers) members.emplace_back(number(each));
    value.id =
        emit("stack", {{"tensors", members}, {"dim", std::int64_t{0}}}, *value.shape, value.dtype)
            .id;
  }
  return *value.id;
}

Argument Builder::tensors(std::vector<Value>& values) {
  std::vector<std::optional<ValueId>> list;
  for (Value& value : values) list.emplace_back(id(value));
  return list;
}

ValueId Builder::number(const Size& size) {
  if (size.known()) {
    const auto found = plain_.find(size.number);
    if (found != plain_.end()) return found->second;
    Buffer bytes;
    put_number(bytes, DType::kI64, size.number);
    const TensorInfo info{std::to_string(size.number), DType::kI64, {}};
    const Value made = constant(info.name, info, std::make_shared<const Buffer>(std::move(bytes)));
    return plain_.emplace(size.number, *made.id).first->second;
  }
  if (const auto made = symbols_[size.symbol].value) return *made;
  const auto from = symbols_[size.symbol].source;
  GraphNode node{from ? "aten.sym_size" : "onnx.length", from ? "int" : "", {}, {}, module_};
  if (from)
    node.arguments = {{"self", from->first}, {"dim", static_cast<std::int64_t>(from->second)}};
  const ValueId made = add(name_, DType::kI64, {});
  node.outputs = {made};
  append(std::move(node));
  symbols_[size.symbol].value = made;
  return made;
}

Argument Builder::sizes(const Sizes& sizes) {
  if (auto all = plain(sizes)) return *std::move(all);
  std::vector<std::optional<ValueId>> list;
  for (const Size& size : sizes) list.emplace_back(number(size));
  return list;
}

std::optional<double> Builder::scalar(const Value& value) const {
  if (value.numbers && value.numbers->size() == 1 && value.numbers->front().known())
    return static_cast<double>(value.numbers->front().number);
  if (value.reals && value.reals->size() == 1) return value.reals->front();
  return std::nullopt;
}

const Value* Builder::reshaped_from(ValueId value) const {
  const auto found = reshaped_.find(value);
  return found == reshaped_.end() ? nullptr : &found->second;
}

const std::pair<Value, std::vector<std::int64_t>>* Builder::permuted_from(ValueId value) const {
  const auto found = permuted_.find(value);
  return found == permuted_.end() ? nullptr : &found->second;
}

Size Builder::open(const std::string& name) {
  const auto next = static_cast<std::uint32_t>(symbols_.size());
  if (const auto fixed = fixed_.find(name); fixed != fixed_.end()) return {fixed->second, 0};
  if (!name.empty()) {
    const auto [known, fresh] = named_.emplace(name, next);
    if (!fresh) return {0, known->second};
  }
  symbols_.push_back({name.empty() ? fmt::format("?{}", next) : name});
  return {0, next};
}

bool Builder::fix(const std::string& name, std::int64_t number) {
  return name.empty() || fixed_.emplace(name, number).first->second == number;
}

void Builder::source(const Size& size, ValueId value, std::size_t axis) {
  if (size.known() || symbols_[size.symbol].source) return;
  symbols_[size.symbol].source = {value, axis};
}

Size Builder::compute(char op, const Size& a, const Size& b) {
  std::int64_t number = 0;
  if (a.known() && b.known()) {
    bool overflow = false;
    if (op == '+') overflow = __builtin_add_overflow(a.number, b.number, &number);
    if (op == '-') overflow = __builtin_sub_overflow(a.number, b.number, &number);
    if (op == '*') overflow = __builtin_mul_overflow(a.number, b.number, &number);
    if (op == '%') {
      overflow = b.number <= 0;
      if (!overflow) number = (a.number % b.number + b.number) % b.number;
    }
    if (op == '/') {
      overflow = b.number <= 0 || a.number < 0;
      if (!overflow) number = a.number / b.number;
    }
    return overflow ? open() : Size{number, 0};
  }
  const bool zero = b == Size{0, 0};
  const bool one = b == Size{1, 0};
  if ((zero && (op == '+' || op == '-')) || (one && (op == '*' || op == '/'))) return a;
  if ((op == '+' && a == Size{0, 0}) || (op == '*' && a == Size{1, 0})) return b;
  const auto traced = [&](const Size& size) {
    return size.known() || symbols_[size.symbol].value || symbols_[size.symbol].source;
  };
  if (!traced(a) || !traced(b)) return open();
  const char* name = op == '+'   ? "_operator.add"
                     : op == '-' ? "_operator.sub"
                     : op == '*' ? "_operator.mul"
                     : op == '%' ? "_operator.mod"
                                 : "_operator.floordiv";
  GraphNode node{name, "", {{"0", number_argument(a)}, {"1", number_argument(b)}}, {}, module_};
  const ValueId made = add(name_, DType::kI64, {});
  node.outputs = {made};
  append(std::move(node));
  const Size result = open();
  symbols_[result.symbol].value = made;
  return result;
}

Argument Builder::number_argument(const Size& size) {
  if (size.known()) return size.number;
  return number(size);
}

Size Builder::product(const Sizes& sizes) {
  std::int64_t all = 1;
  for (const Size& size : sizes) {
    if (!size.known()) return open();
    if (__builtin_mul_overflow(all, size.number, &all)) throw CorruptError("sizes overflow");
  }
  return {all, 0};
}

}  // namespace mgit::onnx
