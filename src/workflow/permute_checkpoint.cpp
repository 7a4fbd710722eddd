#include "workflow/permute_checkpoint.h"

#include "base/threads.h"

namespace mgit {

Manifest permute_checkpoint(const Store& store, Store::Batch& batch, const Manifest& manifest,
                            const Spec& spec, const Permutation& permutation) {
  Manifest result = manifest;
  parallel_for(result.tensors.size(), [&](std::size_t i) {
    ManifestTensor& tensor = result.tensors[i];
    const SpecTensor* layout = spec.find(tensor.info.name);
    if (layout == nullptr)
      throw MissingError("the spec does not know this tensor", tensor.info.name);
    const std::vector<Gather> axes = tensor_gathers(spec, *layout, permutation);
    if (std::all_of(axes.begin(), axes.end(), [](const Gather& axis) { return axis.empty(); }))
      return;
    const Buffer original = store.read(tensor.object);
    Buffer permuted(original.size());
    gather_axes({tensor.info.dtype, tensor.info.shape, original}, axes, permuted);
    const Digest base = tensor.object;
    tensor.object = sha256(permuted);
    batch.put_view(tensor.object, permuted, base, dtype_bits(tensor.info.dtype) / 8,
                   tensor.info.shape, axes);
  });
  return result;
}

}  // namespace mgit
