// The inside of a Store.
#pragma once

#include "store/object_store.h"

namespace mgit {

struct Store::Impl {
  explicit Impl(std::filesystem::path directory) : objects(std::move(directory)) {}
  ObjectStore objects;
};

}  // namespace mgit
