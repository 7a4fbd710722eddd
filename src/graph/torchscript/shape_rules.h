// What shapes an operator's results have, from those of its arguments.
#pragma once

#include <string_view>
#include <unordered_map>
#include <vector>

#include "graph/interpreter/call.h"

namespace mgit::torchscript {

using Shapes = std::vector<Shape>;
/// On arguments that may have a shape alone, and no numbers. Nothing: the operator has to be run.
/// Throws Error where they do not fit.
using ShapeRule = Shapes (*)(const interpreter::Call&);

using ShapeRules = std::unordered_map<std::string_view, ShapeRule>;

/// Convolutions, pooling, interpolation.
const ShapeRules& spatial_shape_rules();
/// Axes that are moved, added, dropped and cut.
const ShapeRules& moving_shape_rules();

/// nullptr: there is none, and the operator has to be run. The name is that behind "aten.".
ShapeRule find_shape_rule(std::string_view op);

}  // namespace mgit::torchscript
