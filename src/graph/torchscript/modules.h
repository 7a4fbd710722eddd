// The modules of a TorchScript archive as objects, and their tensors under the names that a state
// dict has for them.
#pragma once

#include <map>
#include <set>
#include <string>
#include <tuple>

#include "graph/torchscript/archive.h"
#include "graph/torchscript/builder.h"

namespace mgit::torchscript {

class Modules {
 public:
  /// `checkpoint`: the names of tensors that are somewhere. Buffers and other attributes that none
  /// of them ends in, or that end in none of them, are constants; with no names, buffers are not.
  Modules(Archive& archive, Builder& builder, const std::vector<std::string>& checkpoint);

  Object* root();
  /// Throws Error for one that it has not.
  Value attribute(Object& object, const std::string& name);
  static void set_attribute(Object& object, const std::string& name, Value value);
  /// "CONSTANTS.c3".
  Value constant(const std::string& name);
  /// Those of the checkpoint that the program did not read are parameters of the graph, too.
  void add_unread();
  /// What the network was traced with, as inputs of the graph; nullopt: the archive does not say.
  std::optional<std::vector<Value>> traced_inputs();

 private:
  /// Of a tensor in the archive; equal for the same elements of one storage.
  using Place = std::tuple<std::string, DType, Shape, std::uint64_t, Shape>;
  struct Named {
    std::set<std::string> parameters;  // names of parameters and of what the checkpoint has
    std::set<std::string> others;
    Tensor* tensor = nullptr;
  };

  void walk(pickle::NodeId id, const std::string& path, int depth);
  bool in_checkpoint(const std::string& name) const;
  Value convert(const Pickled& in, pickle::NodeId id, const std::string& path, int depth);
  Value input(const Pickled& in, pickle::NodeId id, int depth);
  Tensor* tensor(const StoredValue& stored, const std::string& path);

  Archive& archive_;
  Builder& builder_;
  std::set<std::string, std::less<>> checkpoint_;
  std::set<std::string_view> ends_;  // of those names, behind each dot and whole
  std::map<Place, Named> named_;
  std::map<pickle::NodeId, Object*> objects_;
  std::map<std::string, Value> constants_;
  std::size_t visits_ = 0;
};

/// The module's or object's attributes: a dict in the pickle; nullopt if the node is no such
/// object.
std::optional<std::pair<std::string, pickle::NodeId>> object_in(const pickle::Pickle& pickle,
                                                                pickle::NodeId id);

}  // namespace mgit::torchscript
