// A bound spec as a picture.
#pragma once

#include <string>

#include "mgit/perm.h"

namespace mgit::cli {

/// For Graphviz: an oval for each group, a box for each tensor that carries one, lines between them
/// with the number of the axis; from left to right as rows make units and columns read them. The
/// same for the same spec.
std::string spec_dot(const Spec& spec);

/// Scalable Vector Graphics: a row for each tensor that carries a group, in the order of their
/// names, and a line down for each group, with a dot where it stands; families are dashed. The same
/// for the same spec.
std::string spec_svg(const Spec& spec);

}  // namespace mgit::cli
