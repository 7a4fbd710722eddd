// ONNX: a protocol buffer, with tensors wherever a graph needs constants.
//
// https://github.com/onnx/onnx/blob/main/onnx/onnx.proto. Found are the initialisers of the graph,
// of graphs in its nodes and of functions, and the tensors in attributes (Constant), where their
// bytes stand in the file as they are in memory: raw_data, float_data, double_data. Tensors in
// other fields, sparse ones and those in external files stay where they are. Pure functions, free
// for any thread.
//
// ONNX has no magic. A file is taken for one only if all of it is a ModelProto of known fields with
// an ir_version from 3 on, operator sets and exactly one graph, and every message that is walked is
// well-formed to its last byte.
#pragma once

#include <optional>
#include <vector>

#include "mgit/format.h"

namespace mgit {

/// Sorted by name; nullopt if the file is no (whole, undamaged) ONNX model. Names are those of the
/// initialisers; of tensors inside nodes, "<first output>.<attribute>", with "/<name>" for an
/// initialiser of a graph in there, and "<function>/" in front for those of a function's nodes. A
/// name that is taken already gets "#2", "#3" …, in the order of the file.
std::optional<std::vector<StoredTensor>> parse_onnx(Bytes file);

/// Where the file says that bytes of its tensors are, relative to its folder and unchecked; sorted.
/// None for what is no ONNX model.
std::vector<std::string> onnx_external_files(Bytes file);

}  // namespace mgit
