// A JSON value, for what commands print and what mgit keeps in small files of its own.
//
// Members of objects keep their order. Copies are deep. Text that is not UTF-8 is written with
// replacement characters. nlohmann-json, which writes and reads it, is compiled in json.cpp alone:
// its templates cost seconds in each file that includes it.
#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace mgit {

class Json {
 public:
  using Member = std::pair<std::string, Json>;

  Json() = default;  // null
  Json(std::nullptr_t) {}
  Json(bool value) : value_(value) {}
  Json(double value) : value_(value) {}
  Json(const char* value) : value_(std::string(value)) {}
  Json(std::string value) : value_(std::move(value)) {}
  Json(std::string_view value) : value_(std::string(value)) {}
  template <std::signed_integral T>
  Json(T value) : value_(static_cast<std::int64_t>(value)) {}
  template <std::unsigned_integral T>
  requires(!std::same_as<T, bool>) Json(T value) : value_(static_cast<std::uint64_t>(value)) {}
  template <typename T>
  Json(const std::vector<T>& values) : Json(array()) {
    for (const T& each : values) push_back(each);
  }
  /// An object.
  Json(std::initializer_list<Member> members) : value_(std::vector<Member>(members)) {}

  static Json array();
  static Json object();
  /// nullopt: not JSON. What is nested deeper than 64 levels is left out.
  static std::optional<Json> parse(const std::string& text);

  /// Of an object (null becomes one): the member, made null if it was not there.
  Json& operator[](const std::string& key);
  /// To an array; null becomes one.
  void push_back(Json value);
  /// Takes over the members of another object.
  void update(Json object);

  /// nullptr: not an object, or without such a member.
  const Json* find(std::string_view key) const;
  /// Empty: not an array.
  const std::vector<Json>& elements() const;
  /// Empty: not an object.
  const std::vector<Member>& members() const;
  bool is_null() const { return std::holds_alternative<std::monostate>(value_); }
  bool is_object() const { return std::holds_alternative<std::vector<Member>>(value_); }
  bool is_array() const { return std::holds_alternative<std::vector<Json>>(value_); }
  /// nullopt: something else.
  std::optional<bool> boolean() const;
  std::optional<std::string> string() const;
  std::optional<double> number() const;
  std::optional<std::int64_t> integer() const;
  std::optional<std::uint64_t> natural() const;

  /// `indent` of -1: one line.
  std::string dump(int indent = 2) const;

 private:
  friend struct JsonText;

  std::variant<std::monostate, bool, std::int64_t, std::uint64_t, double, std::string,
               std::vector<Json>, std::vector<Member>>
      value_;
};

}  // namespace mgit
