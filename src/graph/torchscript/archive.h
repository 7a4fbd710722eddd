// What lies in a TorchScript archive: modules with their attributes, source text, constants, and
// the inputs that a trace was made with.
//
// Modules are pickled; here they are a tree that is read when asked for. Weights are not read, only
// what is said of them.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "format/pickle.h"
#include "format/zip.h"
#include "graph/torchscript/syntax.h"
#include "mgit/graph.h"

namespace mgit::torchscript {

/// One of the archive's pickles, with the storages beside it.
struct Pickled {
  std::string folder;  // of its storages: "net/data/"
  Buffer bytes;
  pickle::Pickle pickle;  // points into `bytes`
};

/// A tensor as a pickle describes it.
struct StoredValue {
  TensorInfo info;      // without a name
  std::string storage;  // the entry that holds it: equal for tensors that share one
  Placement placement;
};

/// Borrows the file. Throws CorruptError and Error, without a place.
class Archive {
 public:
  explicit Archive(Bytes file);

  const Pickled& modules() const { return *modules_; }
  /// nullptr: there are none.
  const Pickled* constants() const { return constants_.get(); }
  const Pickled* inputs() const { return inputs_.get(); }

  /// nullptr: the archive has none of that name ("__torch__.nets.MLP"). Parsed once.
  const Class* find_class(const std::string& qualified);
  const Function* find_function(const std::string& qualified);

  /// What the node describes, if it is a tensor.
  std::optional<StoredValue> stored(const Pickled& in, pickle::NodeId id) const;
  /// Its elements, row-major.
  GraphConstant constant(const StoredValue& stored, std::string name) const;

 private:
  Buffer entry(const std::string& name) const;
  std::unique_ptr<Pickled> pickled(const std::string& name, const std::string& folder) const;
  const Source& source(const std::string& module);

  Bytes file_;
  std::vector<ZipEntry> entries_;
  std::map<std::string, std::size_t, std::less<>> by_name_;
  std::string root_;
  std::unique_ptr<Pickled> modules_;
  std::unique_ptr<Pickled> constants_;
  std::unique_ptr<Pickled> inputs_;
  std::map<std::string, Source> sources_;
};

/// Whether a zip archive is one: it has source text beside its pickle.
bool is_torchscript(const std::vector<ZipEntry>& entries);

}  // namespace mgit::torchscript
