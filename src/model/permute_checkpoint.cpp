#include "model/permute_checkpoint.h"

#include "model/rewrite_checkpoint.h"

namespace mgit {

Manifest permute_checkpoint(const Store& store, Store::Batch& batch, const Manifest& manifest,
                            const Spec& spec, const Permutation& permutation) {
  const auto layout_of = [&](const TensorInfo& info) -> const SpecTensor& {
    const SpecTensor* layout = spec.find(info.name);
    if (layout == nullptr) throw MissingError("the spec does not know this tensor", info.name);
    return *layout;
  };
  TensorRewrite rewrite;
  rewrite.content = [&](std::size_t i) -> std::optional<TensorData> {
    const ManifestTensor& tensor = manifest.tensors[i];
    const SpecTensor& layout = layout_of(tensor.info);
    const std::vector<Gather> axes = tensor_gathers(spec, layout, permutation);
    if (std::all_of(axes.begin(), axes.end(), [](const Gather& axis) { return axis.empty(); }))
      return std::nullopt;
    const TensorData original = read_tensor(store, tensor);
    auto permuted = std::make_shared<Buffer>(original.view.data.size());
    TensorView read_as = original.view;
    read_as.shape = layout.shape();
    gather_axes(read_as, axes, *permuted);
    return TensorData{{tensor.info.dtype, tensor.info.shape, *permuted}, permuted};
  };
  rewrite.put = [&](std::size_t i, const Digest& object, Bytes data) {
    const ManifestTensor& tensor = manifest.tensors[i];
    const SpecTensor& layout = layout_of(tensor.info);
    batch.put_view(object, data, tensor.object, dtype_bits(tensor.info.dtype) / 8, layout.shape(),
                   tensor_gathers(spec, layout, permutation));
  };
  return rewrite_checkpoint(store, batch, manifest, rewrite);
}

}  // namespace mgit
