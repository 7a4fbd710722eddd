#include "tensor/joined_model.h"

#include <algorithm>

namespace mgit {

JoinedModel::JoinedModel(std::vector<std::unique_ptr<TensorSource>> parts)
    : parts_(std::move(parts)) {
  for (const auto& part : parts_) {
    for (const TensorInfo& info : part->tensors()) {
      infos_.push_back(info);
      if (!owners_.emplace(info.name, part.get()).second)
        throw CorruptError("is in two parts of one model", info.name);
    }
  }
  std::sort(infos_.begin(), infos_.end(),
            [](const TensorInfo& a, const TensorInfo& b) { return a.name < b.name; });
}

TensorData JoinedModel::read(std::string_view name) const {
  const auto owner = owners_.find(name);
  if (owner == owners_.end()) throw MissingError("no such tensor", std::string(name));
  return owner->second->read(name);
}

}  // namespace mgit
