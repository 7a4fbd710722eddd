#include "graph/json_fields.h"

#include <limits>

namespace mgit::fields {

namespace {

constexpr int kDeepest = 200;

[[noreturn]] void refuse(const char* what, const char* kind) {
  throw CorruptError(fmt::format("{} is not {}", what, kind));
}

}  // namespace

JsonValue parse(Bytes text) {
  const auto wanted = [](int depth, JsonValue::parse_event_t event, JsonValue& parsed) {
    if (depth > kDeepest) throw CorruptError("JSON that is nested too deeply");
    return event != JsonValue::parse_event_t::key || parsed != "stack_trace";
  };
  const std::string_view characters = as_text(text);
  JsonValue result = JsonValue::parse(characters, wanted, false);
  if (result.is_discarded()) throw CorruptError("not JSON");
  return result;
}

const JsonValue* find(const JsonValue& object, const char* key) {
  const auto found = object.find(key);
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

const JsonValue& member(const JsonValue& object, const char* key) {
  if (!object.is_object()) throw CorruptError(fmt::format("no object to have a \"{}\"", key));
  const auto found = object.find(key);
  if (found == object.end()) throw CorruptError(fmt::format("\"{}\" is missing", key));
  return *found;
}

const JsonValue& array(const JsonValue& value, const char* what) {
  if (!value.is_array()) refuse(what, "a list");
  return value;
}

const JsonValue& object(const JsonValue& value, const char* what) {
  if (!value.is_object()) refuse(what, "an object");
  return value;
}

const std::string& text(const JsonValue& value, const char* what) {
  if (!value.is_string()) refuse(what, "a text");
  return value.get_ref<const std::string&>();
}

bool boolean(const JsonValue& value, const char* what) {
  if (!value.is_boolean()) refuse(what, "true or false");
  return value.get<bool>();
}

std::int64_t integer(const JsonValue& value, const char* what) {
  if (!value.is_number_integer()) refuse(what, "an integer");
  if (value.is_number_unsigned() && !std::in_range<std::int64_t>(value.get<std::uint64_t>()))
    refuse(what, "an integer of 64 bits");
  return value.get<std::int64_t>();
}

double number(const JsonValue& value, const char* what) {
  if (value.is_number()) return value.get<double>();
  if (value == "Infinity") return std::numeric_limits<double>::infinity();
  if (value == "-Infinity") return -std::numeric_limits<double>::infinity();
  if (value == "NaN") return std::numeric_limits<double>::quiet_NaN();
  refuse(what, "a number");
}

Tagged tagged(const JsonValue& value, const char* what) {
  if (!value.is_object() || value.size() != 1) refuse(what, "an object with one member");
  return {value.begin().key(), value.begin().value()};
}

DType scalar_type(const JsonValue& value) {
  switch (integer(value, "a dtype")) {
    case 1:
      return DType::kU8;
    case 2:
      return DType::kI8;
    case 3:
      return DType::kI16;
    case 4:
      return DType::kI32;
    case 5:
      return DType::kI64;
    case 6:
      return DType::kF16;
    case 7:
      return DType::kF32;
    case 8:
      return DType::kF64;
    case 10:
      return DType::kC64;
    case 11:
      return DType::kC128;
    case 12:
      return DType::kBool;
    case 13:
      return DType::kBF16;
    case 28:
      return DType::kU16;
    case 29:
      return DType::kF8E4M3;
    case 30:
      return DType::kF8E5M2;
    case 31:
      return DType::kF8E4M3Fnuz;
    case 32:
      return DType::kF8E5M2Fnuz;
    case 33:
      return DType::kF8E8M0;
    case 34:
      return DType::kU32;
    case 35:
      return DType::kU64;
    default:
      return DType::kBytes;
  }
}

}  // namespace mgit::fields
