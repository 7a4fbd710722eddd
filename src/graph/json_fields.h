// Members of parsed JSON, checked: what is missing or of another kind is a CorruptError that says
// what was asked for. It has no place; who reads a file adds it.
//
// Private to the room: files that include this include nlohmann-json's templates.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "mgit/base.h"
#include "mgit/tensor.h"

namespace mgit::fields {

using JsonValue = nlohmann::json;

/// Refuses what is not JSON, not UTF-8, nested deeper than 200 levels, or has a member twice.
/// Leaves out members called "stack_trace", which nobody here asks for and which are half of an
/// exported graph.
JsonValue parse(Bytes text);

/// nullptr: no such member, or null.
const JsonValue* find(const JsonValue& object, const char* key);
const JsonValue& member(const JsonValue& object, const char* key);
const JsonValue& array(const JsonValue& value, const char* what);
const JsonValue& object(const JsonValue& value, const char* what);
const std::string& text(const JsonValue& value, const char* what);
bool boolean(const JsonValue& value, const char* what);
std::int64_t integer(const JsonValue& value, const char* what);
/// Also "Infinity", "-Infinity" and "NaN", which JSON has no numbers for.
double number(const JsonValue& value, const char* what);

/// The one member of an object that stands for a union: {"as_int": 3}.
struct Tagged {
  const std::string& tag;
  const JsonValue& value;
};
Tagged tagged(const JsonValue& value, const char* what);

/// The dtype that a ScalarType of torch/_export/serde/schema.py stands for. kBytes: one that mgit
/// has no dtype for.
DType scalar_type(const JsonValue& value);

}  // namespace mgit::fields
