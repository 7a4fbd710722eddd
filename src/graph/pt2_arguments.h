// Arguments of a torch.export graph: the union of torch/_export/serde/schema.py, as values, numbers
// and texts.
#pragma once

#include "graph/pt2_values.h"

namespace mgit {

/// Throws CorruptError. A list of numbers and symbolic sizes becomes a list of values. Dtypes
/// become their name, devices, layouts and memory formats theirs. What has no form of its own
/// (objects, graphs) is text; values inside of it are listed instead.
Argument read_argument(const fields::JsonValue& json, const Pt2Names& names, GraphValues& values);

/// The names of the values that an argument stands for, in order: those of inputs and outputs.
/// A number or None has none.
std::vector<std::string> value_names(const fields::JsonValue& argument);

}  // namespace mgit
