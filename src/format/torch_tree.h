// The tensors in the object that torch.save pickled.
//
// A name is the path to the tensor: keys of dicts, indices of lists, tuples and arguments, and
// attributes, joined with '.'. Where two paths are spelled alike ({"a.b": x, "a": {"b": y}}), the
// second one in the order of the pickle gets "#2", the third "#3"; a tensor that is the object
// itself is called "tensor".
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "format/outline.h"
#include "format/pickle.h"
#include "mgit/format.h"

namespace mgit {

/// What a persistent id of torch.save says about a storage.
struct TorchStorage {
  std::string_view key;
  std::optional<DType> dtype;  // nullopt: untyped, counted in bytes
  std::uint64_t elements = 0;
  std::uint64_t view_offset = 0;  // of old files: where in the storage the view begins
};

/// nullopt if the node is no storage that this reader understands.
std::optional<TorchStorage> torch_storage(const pickle::Pickle& pickle, pickle::NodeId id);

/// Where a storage's bytes lie in the file.
struct StoragePlace {
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
};

using FindStorage = std::function<std::optional<StoragePlace>(const TorchStorage&)>;

/// In the order of the pickle, names unique. Left out: tensors whose storage `find` does not know
/// or that do not lie inside it, and kinds this reader does not model (quantized, with lazy
/// conjugation), and any that are larger than `file_size`. Throws CorruptError if the tree is too
/// deep or too large to walk.
/// `scalars`, if given, gets numbers and texts that are no tensors, as far as they are not
/// PyTorch's own notes on modules.
std::vector<StoredTensor> torch_tensors(const pickle::Pickle& pickle, const FindStorage& find,
                                        std::uint64_t file_size,
                                        std::vector<OutlineScalar>* scalars = nullptr);

/// Names that were given already.
class UniqueNames {
 public:
  /// `name`, with a suffix if it was given already. Throws CorruptError if they become too much.
  std::string unique(std::string name);

 private:
  std::unordered_map<std::string, std::uint64_t> taken_;  // name -> the last suffix tried
  std::size_t bytes_ = 0;
};

}  // namespace mgit
