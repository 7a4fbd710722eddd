// Which records get rows in the index: those that can be decoded with what else is there.
//
// A gc that is killed while it unlinks old packs leaves records whose bases are gone, and of an
// object's records, each with a base of its own, one may have lost it. If such a record counted as
// the object, the object would never be written again.
#pragma once

#include <functional>
#include <span>

#include "store/object_store.h"

namespace mgit {

/// In layers: records without a base, then those based on objects of the layers before, and so on;
/// within a layer in the order given. Rows made in this order, of each object the first record with
/// a base or any without one, hold no cycle and no record without its base. `known` tells which
/// other objects have such a row already; if it is empty, none has. Linear in the records.
std::vector<std::vector<PackEntries>> decodable_layers(
    std::span<const PackEntries> packs, const std::function<bool(const Digest&)>& known = {});

/// The objects that have a record in any layer.
std::unordered_set<Digest> decodable_objects(std::span<const PackEntries> packs);

}  // namespace mgit
