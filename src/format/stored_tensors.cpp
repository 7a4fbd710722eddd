#include "format/stored_tensors.h"

#include <algorithm>

#include <fmt/format.h>

namespace mgit {
namespace {

void check_overlaps(const std::vector<StoredTensor>& tensors) {
  std::vector<const StoredTensor*> order;
  for (const StoredTensor& tensor : tensors)
    if (tensor.length > 0) order.push_back(&tensor);
  std::sort(order.begin(), order.end(),
            [](const auto* a, const auto* b) { return a->offset < b->offset; });
  for (std::size_t i = 1; i < order.size(); ++i)
    if (order[i]->offset < order[i - 1]->offset + order[i - 1]->length)
      throw CorruptError(fmt::format("tensors {} and {} overlap",
                                     quote_name(order[i - 1]->info.name),
                                     quote_name(order[i]->info.name)));
}

}  // namespace

std::vector<StoredTensor> checked_tensors(std::vector<StoredTensor> tensors,
                                          std::uint64_t file_size) {
  std::sort(tensors.begin(), tensors.end(),
            [](const StoredTensor& a, const StoredTensor& b) { return a.info.name < b.info.name; });
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const StoredTensor& tensor = tensors[i];
    if (i > 0 && tensors[i - 1].info.name == tensor.info.name)
      throw CorruptError("two tensors are called " + quote_name(tensor.info.name));
    if (tensor.offset > file_size || tensor.length > file_size - tensor.offset)
      throw CorruptError("truncated: it ends before tensor " + quote_name(tensor.info.name));
  }
  check_overlaps(tensors);
  return tensors;
}

std::uint64_t length_of(const TensorInfo& info) {
  const auto length = byte_size(info.dtype, info.shape);
  if (!length)
    throw CorruptError(fmt::format("tensor {} cannot be {} {}", quote_name(info.name),
                                   dtype_name(info.dtype), shape_text(info.shape)));
  return *length;
}

}  // namespace mgit
