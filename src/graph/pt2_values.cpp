#include "graph/pt2_values.h"

#include "base/wire.h"
#include "mgit/format.h"

namespace mgit {

namespace {

constexpr std::size_t kHighestRank = 64;  // of PyTorch

OpenLength open_length(const fields::JsonValue& expression) {
  OpenLength result;
  result.expression = fields::text(fields::member(expression, "expr_str"), "an expression");
  const fields::JsonValue* hint = fields::find(expression, "hint");
  const fields::JsonValue* example = hint == nullptr ? nullptr : fields::find(*hint, "as_int");
  if (example != nullptr && example->is_number_unsigned())
    result.example = example->get<std::uint64_t>();
  return result;
}

void read_sizes(const fields::JsonValue& meta, GraphValue& value) {
  Shape known;
  for (const auto& each : fields::array(fields::member(meta, "sizes"), "\"sizes\"")) {
    const auto [tag, size] = fields::tagged(each, "a size");
    if (tag == "as_expr") {
      value.open.emplace(value.shape.size(), open_length(size));
      value.shape.emplace_back(std::nullopt);
      continue;
    }
    if (tag != "as_int") throw CorruptError("a size is " + quote_name(tag));
    const std::int64_t length = fields::integer(size, "a size");
    if (length < 0) throw CorruptError("a size is negative");
    known.push_back(static_cast<std::uint64_t>(length));
    value.shape.emplace_back(known.back());
  }
  if (value.shape.size() > kHighestRank) throw CorruptError("too many sizes");
  if (!byte_size(DType::kC128, known)) throw CorruptError("its sizes overflow");
}

bool has(const fields::JsonValue& graph, const char* table, const std::string& name) {
  const fields::JsonValue* values = fields::find(graph, table);
  return values != nullptr && values->contains(name);
}

}  // namespace

ValueId GraphValues::add(GraphValue value) {
  const std::string plain = value.name;
  std::uint32_t& times = taken_[plain];
  while (times > 0 && taken_.contains(value.name))
    value.name = fmt::format("{}#{}", plain, ++times);
  if (times == 0)
    times = 1;
  else
    taken_.emplace(value.name, 1);
  graph_.values.push_back(std::move(value));
  return static_cast<ValueId>(graph_.values.size() - 1);
}

ValueId GraphValues::number(std::int64_t number) {
  const auto known = numbers_.find(number);
  if (known != numbers_.end()) return known->second;
  const ValueId id = add({std::to_string(number), DType::kI64, {}});
  numbers_.emplace(number, id);
  Buffer bytes;
  wire::put_u64(bytes, static_cast<std::uint64_t>(number));
  graph_.constants[id] = {{graph_.values[id].name, DType::kI64, {}},
                          std::make_shared<const Buffer>(std::move(bytes))};
  return id;
}

ValueId Pt2Names::define(const std::string& name) {
  if (defined_.contains(name)) throw CorruptError(quote_name(name) + " is defined twice");
  const ValueId value = values_.add(described(name));
  defined_.emplace(name, value);
  return value;
}

void Pt2Names::bind(const std::string& name, ValueId value) {
  if (!defined_.emplace(name, value).second)
    throw CorruptError(quote_name(name) + " is defined twice");
}

ValueId Pt2Names::use(const std::string& name) const {
  const auto found = defined_.find(name);
  if (found == defined_.end())
    throw CorruptError(quote_name(name) + " is used before it is defined");
  return found->second;
}

GraphValue Pt2Names::described(const std::string& name) const {
  const fields::JsonValue& tensors =
      fields::object(fields::member(graph_, "tensor_values"), "\"tensor_values\"");
  if (const auto found = tensors.find(name); found != tensors.end()) {
    try {
      GraphValue value{name, fields::scalar_type(fields::member(*found, "dtype")), {}};
      read_sizes(*found, value);
      return value;
    } catch (const CorruptError& error) {
      throw CorruptError("value " + quote_name(name) + ": " + error.what());
    }
  }
  if (has(graph_, "sym_int_values", name)) return {name, DType::kI64, {}};
  if (has(graph_, "sym_float_values", name)) return {name, DType::kF64, {}};
  if (has(graph_, "sym_bool_values", name)) return {name, DType::kBool, {}};
  throw CorruptError("value " + quote_name(name) + " is not described");
}

}  // namespace mgit
