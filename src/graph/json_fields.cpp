#include "graph/json_fields.h"

#include <limits>

#include "mgit/format.h"

namespace mgit::fields {

namespace {

constexpr int kDeepest = 200;

[[noreturn]] void refuse(const char* what, const char* kind) {
  throw CorruptError(fmt::format("{} is not {}", what, kind));
}

/// Puts together what the parser finds. The parser of nlohmann-json with a filter does as well, but
/// in a time that is quadratic in the members of an object.
class Builder : public nlohmann::json_sax<JsonValue> {
 public:
  JsonValue result() { return std::move(root_); }

  bool null() override { return put(nullptr); }
  bool boolean(bool value) override { return put(value); }
  bool number_integer(std::int64_t value) override { return put(value); }
  bool number_unsigned(std::uint64_t value) override { return put(value); }
  bool number_float(double value, const std::string&) override { return put(value); }
  bool string(std::string& value) override { return put(std::move(value)); }
  bool binary(JsonValue::binary_t&) override { return false; }
  bool key(std::string& value) override {
    if (left_out_ > 0) return true;
    key_ = std::move(value);
    leaving_out_ = key_ == "stack_trace";
    return true;
  }
  bool start_object(std::size_t) override { return start(JsonValue::object()); }
  bool end_object() override { return end(); }
  bool start_array(std::size_t) override { return start(JsonValue::array()); }
  bool end_array() override { return end(); }
  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception&) override {
    return false;
  }

 private:
  bool put(JsonValue value) {
    add(std::move(value));
    return true;
  }

  bool start(JsonValue value) {
    if (static_cast<int>(open_.size()) + left_out_ >= kDeepest)
      throw CorruptError("JSON that is nested too deeply");
    JsonValue* place = add(std::move(value));
    if (place == nullptr)
      ++left_out_;
    else
      open_.push_back(place);
    return true;
  }

  bool end() {
    if (left_out_ > 0)
      --left_out_;
    else
      open_.pop_back();
    return true;
  }

  /// nullptr: it is left out.
  JsonValue* add(JsonValue value) {
    if (left_out_ > 0) return nullptr;
    if (leaving_out_) {
      leaving_out_ = false;
      return nullptr;
    }
    if (open_.empty()) {
      root_ = std::move(value);
      return &root_;
    }
    JsonValue& parent = *open_.back();
    if (parent.is_array()) {
      parent.push_back(std::move(value));
      return &parent.back();
    }
    const auto [place, fresh] =
        parent.get_ref<JsonValue::object_t&>().emplace(std::move(key_), std::move(value));
    if (!fresh) throw CorruptError("JSON that has " + quote_name(place->first) + " twice");
    return &place->second;
  }

  JsonValue root_;
  std::vector<JsonValue*> open_;  // the containers around what comes next
  std::string key_;
  bool leaving_out_ = false;  // what comes next
  int left_out_ = 0;          // how many containers deep we are in what is left out
};

}  // namespace

JsonValue parse(Bytes text) {
  const std::string_view characters = as_text(text);
  Builder builder;
  if (!JsonValue::sax_parse(characters, &builder)) throw CorruptError("not JSON");
  return builder.result();
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
