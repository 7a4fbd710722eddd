#include "base/json.h"

#include <nlohmann/json.hpp>

#include "mgit/base.h"

namespace mgit {

namespace {

constexpr int kDeepest = 64;

}  // namespace

/// To nlohmann-json and back.
struct JsonText {
  using Other = nlohmann::ordered_json;

  static Other written(const Json& json) {
    return std::visit([](const auto& value) { return written(value); }, json.value_);
  }
  static Other written(std::monostate) { return nullptr; }
  static Other written(const std::vector<Json>& values) {
    Other result = Other::array();
    for (const Json& each : values) result.push_back(written(each));
    return result;
  }
  static Other written(const std::vector<Json::Member>& members) {
    Other result = Other::object();
    for (const auto& [key, value] : members) result[key] = written(value);
    return result;
  }
  template <typename T>
  static Other written(const T& value) {
    return value;
  }

  static Json read(const Other& other) {
    if (other.is_boolean()) return other.get<bool>();
    if (other.is_number_unsigned()) return other.get<std::uint64_t>();
    if (other.is_number_integer()) return other.get<std::int64_t>();
    if (other.is_number()) return other.get<double>();
    if (other.is_string()) return other.get<std::string>();
    if (other.is_array()) {
      Json result = Json::array();
      for (const Other& each : other) result.push_back(read(each));
      return result;
    }
    if (!other.is_object()) return nullptr;
    Json result = Json::object();
    for (const auto& [key, value] : other.items()) result[key] = read(value);
    return result;
  }
};

Json Json::array() {
  Json json;
  json.value_ = std::vector<Json>{};
  return json;
}

Json Json::object() {
  Json json;
  json.value_ = std::vector<Member>{};
  return json;
}

std::optional<Json> Json::parse(const std::string& text) {
  const auto shallow = [](int depth, JsonText::Other::parse_event_t, JsonText::Other&) {
    return depth <= kDeepest;
  };
  const auto other = JsonText::Other::parse(text, shallow, false);
  if (other.is_discarded()) return std::nullopt;
  return JsonText::read(other);
}

Json& Json::operator[](const std::string& key) {
  if (is_null()) *this = object();
  auto& members = std::get<std::vector<Member>>(value_);
  for (auto& [name, value] : members)
    if (name == key) return value;
  members.emplace_back(key, Json());
  return members.back().second;
}

void Json::push_back(Json value) {
  if (is_null()) *this = array();
  std::get<std::vector<Json>>(value_).push_back(std::move(value));
}

void Json::update(Json object) {
  for (auto& [key, value] : std::get<std::vector<Member>>(object.value_))
    (*this)[key] = std::move(value);
}

const Json* Json::find(std::string_view key) const {
  if (const auto* members = std::get_if<std::vector<Member>>(&value_))
    for (const auto& [name, value] : *members)
      if (name == key) return &value;
  return nullptr;
}

const std::vector<Json::Member>& Json::members() const {
  static const std::vector<Member> kNone;
  const auto* members = std::get_if<std::vector<Member>>(&value_);
  return members == nullptr ? kNone : *members;
}

const std::vector<Json>& Json::elements() const {
  static const std::vector<Json> kNone;
  const auto* values = std::get_if<std::vector<Json>>(&value_);
  return values == nullptr ? kNone : *values;
}

std::optional<bool> Json::boolean() const {
  const auto* value = std::get_if<bool>(&value_);
  return value == nullptr ? std::nullopt : std::optional(*value);
}

std::optional<std::string> Json::string() const {
  const auto* value = std::get_if<std::string>(&value_);
  return value == nullptr ? std::nullopt : std::optional(*value);
}

std::optional<double> Json::number() const {
  if (const auto* value = std::get_if<double>(&value_)) return *value;
  if (const auto* value = std::get_if<std::int64_t>(&value_)) return static_cast<double>(*value);
  if (const auto* value = std::get_if<std::uint64_t>(&value_)) return static_cast<double>(*value);
  return std::nullopt;
}

std::optional<std::int64_t> Json::integer() const {
  if (const auto* value = std::get_if<std::int64_t>(&value_)) return *value;
  const auto* value = std::get_if<std::uint64_t>(&value_);
  if (value == nullptr || !std::in_range<std::int64_t>(*value)) return std::nullopt;
  return static_cast<std::int64_t>(*value);
}

std::optional<std::uint64_t> Json::natural() const {
  if (const auto* value = std::get_if<std::uint64_t>(&value_)) return *value;
  const auto* value = std::get_if<std::int64_t>(&value_);
  if (value == nullptr || *value < 0) return std::nullopt;
  return static_cast<std::uint64_t>(*value);
}

std::string Json::dump(int indent) const {
  return JsonText::written(*this).dump(indent, ' ', false,
                                       JsonText::Other::error_handler_t::replace);
}

}  // namespace mgit
