// A stored checkpoint with other values in its tensors: the same file otherwise.
//
// Tensors that share a storage, or fill only a part of theirs, are written through the storage;
// checksums that the container keeps of its contents are made anew.
#pragma once

#include <functional>
#include <optional>

#include "mgit/store.h"

namespace mgit {

struct TensorRewrite {
  /// The tensor's new elements in C order; nullopt if it stays. Called from several threads.
  std::function<std::optional<TensorData>(std::size_t tensor)> content;
  /// Stores `data`, which is what the tensor's whole storage becomes; for tensors that fill theirs
  /// in C order. Called from several threads. Left empty: Batch::put_as.
  std::function<void(std::size_t tensor, const Digest& object, Bytes data)> put{};
};

/// False for files whose checksums mgit cannot make anew: npz, where an array is but a part of the
/// entry that has one.
bool can_be_rewritten(const Manifest& manifest);

/// The manifest of the new checkpoint; its objects are put into `batch`. Throws Error if two
/// tensors that share bytes would have to differ there, or if a file that cannot be rewritten would
/// have to change.
Manifest rewrite_checkpoint(const Store& store, Store::Batch& batch, const Manifest& manifest,
                            const TensorRewrite& rewrite);

/// The manifest with each tensor's object replaced by the SHA-256 of its elements in C order: equal
/// for equal tensors, wherever they lie in their storages.
Manifest by_content(const Store& store, Manifest manifest);

/// Whether everything but the objects of tensors is the same: layout and chunks.
bool same_frame(const Manifest& a, const Manifest& b);

/// Whether the files are the same but for tensors' values. Not if a layout is missing.
bool same_but_values(const Store& store, const Manifest& a, const Manifest& b);

}  // namespace mgit
