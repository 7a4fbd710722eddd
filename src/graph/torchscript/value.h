// Values of a TorchScript program that is run on shapes: numbers, texts and lists are what they
// are, a tensor is a value of the graph that is being made, of a known shape.
//
// Lists, tensors and objects belong to an Arena and live as long as it does.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "format/pickle.h"
#include "graph/interpreter/array.h"

namespace mgit::torchscript {

struct Tensor {
  Shape shape{};
  DType dtype = DType::kF32;
  std::optional<ValueId> id{};  // nullopt: nothing in the graph has read it yet
  /// Its contents, where few numbers were computed from lengths and constants alone.
  std::optional<interpreter::Array> known{};
};

struct List;
struct Object;
/// The name of a function of the archive.
struct FunctionName {
  std::string qualified;
  bool operator==(const FunctionName&) const = default;
};

using Value = std::variant<std::monostate, bool, std::int64_t, double, std::string, Tensor*, List*,
                           Object*, FunctionName>;

/// A list or a tuple; as a dict: key, value, key, value ..
struct List {
  std::vector<Value> items{};
  bool dict = false;
};

/// A module, or another object of a class of the archive.
struct Object {
  std::string type;  // "__torch__.nets.MLP"
  std::string path;  // of a module: "encoder.fc"; the root's is empty
  pickle::NodeId state = 0;
  bool has_state = false;              // in the pickle of modules
  std::map<std::string, Value> set{};  // attributes that were read or given
};

/// Owns what a program makes. Throws Error where that becomes too much.
class Arena {
 public:
  List* list(std::vector<Value> items, bool dict = false);
  Object* object(Object object);
  Tensor* tensor(Tensor tensor);
  /// Of a value that is kept elsewhere: about how many others it weighs.
  void spend(std::size_t values);

 private:
  std::deque<Tensor> tensors_;
  std::deque<List> lists_;
  std::deque<Object> objects_;
  std::size_t spent_ = 0;
};

struct Arguments {
  std::vector<Value> positional;
  std::vector<std::pair<std::string, Value>> named;
};

/// "a tensor", "a list": for messages.
const char* kind_of(const Value& value);
/// nullopt: neither a number nor a tensor whose single number is known.
std::optional<double> number_of(const Value& value);
/// An integer, a boolean, or a tensor of integers that is known.
std::optional<std::int64_t> integer_of(const Value& value);
/// Whether the value is a tensor, or a list with one in it.
bool has_tensor(const Value& value);

}  // namespace mgit::torchscript
