// The files inside a torch.export archive: the program, the constants, which weights are tied.
//
// Two layouts of zip archives: below one folder, as torch.export.save writes since PyTorch 2.8
// (models/NAME.json, data/weights/, data/constants/), and flat, as it did before
// (serialized_exported_program.json and others). Weights are never read.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "format/zip.h"
#include "mgit/graph.h"

namespace mgit {

/// Borrows the file. Throws CorruptError and Error, without a place.
class Pt2Archive {
 public:
  explicit Pt2Archive(Bytes file);

  /// The program as JSON.
  Bytes program() const { return program_; }
  /// A constant, or a buffer that the state dict leaves out, by its name; of this dtype and shape.
  GraphConstant constant(const TensorInfo& info) const;
  /// The names that the state dict has for a tied weight, its own among them; sorted. nullptr: it
  /// has no other.
  const std::vector<std::string>* names_of(const std::string& weight) const;

 private:
  /// A tensor in some storage of the archive.
  struct Stored {
    TensorInfo info;
    Bytes storage;
    std::uint64_t storage_id = 0;        // equal for tensors in one storage
    std::optional<Placement> placement;  // unless it fills the storage in C order
  };
  using Tensors = std::map<std::string, Stored, std::less<>>;

  Bytes entry(const std::string& name);
  void open_folder(const std::string& root);
  void open_flat();
  Tensors payloads(const std::string& folder, const std::string& kind);
  Tensors configured(const std::string& folder, Bytes config);
  Tensors pickled(const std::string& entry_name);
  void tie(const Tensors& weights);

  Bytes file_;
  std::vector<ZipEntry> entries_;
  std::map<std::string, std::size_t, std::less<>> by_name_;
  std::map<std::string, Buffer> unpacked_;  // what was not stored plainly
  std::string model_;
  Bytes program_;
  Tensors constants_;
  std::vector<std::vector<std::string>> ties_;
  std::map<std::string, std::size_t, std::less<>> tie_of_;  // by weight, of ties_
};

}  // namespace mgit
