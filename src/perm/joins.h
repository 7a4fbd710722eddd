// Static proof: hidden units are made by one tensor and read by another.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "mgit/perm.h"

namespace mgit::speclang {

/// Groups of which that cannot be seen, and why. Rows make and columns read; a bias tells where it
/// is the other way round (transposed convolutions), and a table without one may be an embedding,
/// whose columns make units. Of families, of what they stand in, and of inner parts of a product no
/// more is asked than two places: query and key are multiplied, both made by rows.
/// `declared_family`: by group, whether its line says `in`, if only a group of one unit.
std::vector<std::pair<std::uint32_t, std::string>> join_faults(
    const Spec& spec, const std::vector<bool>& declared_family);

}  // namespace mgit::speclang
