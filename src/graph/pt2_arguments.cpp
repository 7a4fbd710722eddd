#include "graph/pt2_arguments.h"

#include "mgit/format.h"

namespace mgit {

namespace {

using fields::JsonValue;
using Values = std::vector<std::optional<ValueId>>;

std::string name_of(const JsonValue& value) {
  return fields::text(fields::member(value, "name"), "a name");
}

template <typename Read>
auto each_of(const JsonValue& list, Read read) {
  std::vector<decltype(read(list))> result;
  for (const JsonValue& each : fields::array(list, "an argument")) result.push_back(read(each));
  return result;
}

/// The values at any depth, for arguments that are more than a list.
void collect(const JsonValue& json, const Pt2Names& names, Values& out) {
  if (json.is_object() && json.size() == 1 && json.contains("name")) {
    out.emplace_back(names.use(name_of(json)));
    return;
  }
  if (json.is_object() && json.size() == 1 && json.contains("as_name")) {
    out.emplace_back(names.use(fields::text(json["as_name"], "a name")));
    return;
  }
  if (json.is_object() || json.is_array())
    for (const JsonValue& each : json) collect(each, names, out);
}

std::optional<ValueId> optional_tensor(const JsonValue& json, const Pt2Names& names) {
  const auto [tag, value] = fields::tagged(json, "an optional tensor");
  if (tag == "as_none") return std::nullopt;
  return names.use(name_of(value));
}

std::string_view memory_format(const JsonValue& value) {
  switch (fields::integer(value, "a memory format")) {
    case 1:
      return "contiguous";
    case 2:
      return "channels_last";
    case 3:
      return "channels_last_3d";
    case 4:
      return "preserve";
    default:
      return "unknown";
  }
}

/// A number, or the value that has it: SymIntArgument and its likes.
template <typename Plain>
Argument symbolic(const JsonValue& json, const Pt2Names& names, Plain plain) {
  const auto [tag, value] = fields::tagged(json, "a symbolic argument");
  if (tag == "as_name") return names.use(fields::text(value, "a name"));
  return plain(value);
}

Argument integers(const JsonValue& json, const Pt2Names& names, GraphValues& values) {
  const auto is_name = [](const JsonValue& each) { return each.contains("as_name"); };
  const auto number = [](const JsonValue& each) {
    return fields::integer(fields::tagged(each, "a symbolic integer").value, "an integer");
  };
  fields::array(json, "an argument");
  if (std::none_of(json.begin(), json.end(), is_name)) return each_of(json, number);
  return each_of(json, [&](const JsonValue& each) -> std::optional<ValueId> {
    if (is_name(each)) return names.use(fields::text(each["as_name"], "a name"));
    return values.number(number(each));
  });
}

Argument read_symbolic(const std::string& tag, const JsonValue& value, const Pt2Names& names,
                       GraphValues& values) {
  if (tag == "as_sym_int")
    return symbolic(value, names,
                    [](const JsonValue& each) { return fields::integer(each, "an integer"); });
  if (tag == "as_sym_ints") return integers(value, names, values);
  if (tag == "as_sym_float")
    return symbolic(value, names,
                    [](const JsonValue& each) { return fields::number(each, "a number"); });
  if (tag == "as_sym_bool")
    return symbolic(value, names,
                    [](const JsonValue& each) { return fields::boolean(each, "an argument"); });
  Values found;
  collect(value, names, found);
  if (!found.empty()) return found;
  return value.dump();
}

}  // namespace

Argument read_argument(const JsonValue& json, const Pt2Names& names, GraphValues& values) {
  const auto [tag, value] = fields::tagged(json, "an argument");
  if (tag == "as_none") return std::monostate{};
  if (tag == "as_tensor") return names.use(name_of(value));
  if (tag == "as_tensors")
    return each_of(value, [&](const JsonValue& each) -> std::optional<ValueId> {
      return names.use(name_of(each));
    });
  if (tag == "as_optional_tensor") {
    const auto tensor = optional_tensor(value, names);
    return tensor ? Argument(*tensor) : Argument(std::monostate{});
  }
  if (tag == "as_optional_tensors")
    return each_of(value, [&](const JsonValue& each) { return optional_tensor(each, names); });
  if (tag == "as_bool") return fields::boolean(value, "an argument");
  if (tag == "as_int") return fields::integer(value, "an argument");
  if (tag == "as_float") return fields::number(value, "an argument");
  if (tag == "as_string") return fields::text(value, "an argument");
  if (tag == "as_ints")
    return each_of(value, [](const JsonValue& each) { return fields::integer(each, "a number"); });
  if (tag == "as_floats")
    return each_of(value, [](const JsonValue& each) { return fields::number(each, "a number"); });
  if (tag == "as_bools")
    return each_of(value, [](const JsonValue& each) { return fields::boolean(each, "a member"); });
  if (tag == "as_scalar_type") return std::string(dtype_name(fields::scalar_type(value)));
  if (tag == "as_memory_format") return std::string(memory_format(value));
  if (tag == "as_layout")
    return fields::integer(value, "a layout") == 7 ? std::string("strided") : std::string("sparse");
  if (tag == "as_device") return fields::text(fields::member(value, "type"), "a device");
  if (tag == "as_graph") return fields::text(fields::member(value, "name"), "a graph's name");
  if (tag == "as_custom_obj") return value.dump();
  return read_symbolic(tag, value, names, values);
}

std::vector<std::string> value_names(const JsonValue& argument) {
  const auto [tag, value] = fields::tagged(argument, "an argument");
  if (tag == "as_tensor") return {name_of(value)};
  if (tag == "as_tensors") return each_of(value, name_of);
  if (tag == "as_sym_int" || tag == "as_sym_float" || tag == "as_sym_bool") {
    const fields::Tagged symbol = fields::tagged(value, "a symbolic value");
    if (symbol.tag == "as_name") return {fields::text(symbol.value, "a name")};
  }
  return {};
}

}  // namespace mgit
