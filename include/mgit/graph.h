// Graphs of networks: what is computed from which tensors, and which permutations that allows.
//
// A Graph is the intermediate form that every reader (torch.export archives, ONNX, traced
// TorchScript) produces: operators with ATen's names and meaning, in the order in which they run.
// Pure: bytes in, values out; no LibTorch, no git. What a file says is checked before it is
// believed: values are defined before they are used, shapes have no overflow, indices are in range.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "mgit/base.h"
#include "mgit/perm.h"
#include "mgit/tensor.h"

namespace mgit {

/// The number of a value in Graph::values.
using ValueId = std::uint32_t;

/// A length that the file leaves open: lengths with one expression are equal.
struct OpenLength {
  std::string expression;                  // as the file has it; "" if it has none
  std::optional<std::uint64_t> example{};  // one that the network was tried with
};

/// A tensor that flows through the graph, or a number computed on the way (rank 0).
struct GraphValue {
  std::string name;  // as the file calls it, unique
  DType dtype = DType::kF32;
  std::vector<std::optional<std::uint64_t>> shape;  // nullopt: a length left open (batch, sequence)
  std::map<std::size_t, OpenLength> open{};         // by axis; may be missing
};

/// None, a value, a list of values (None among them is nullopt), numbers, texts. A list of sizes of
/// which some are computed is a list of values, the plain numbers among them rank-0 I64 constants.
/// Dtypes ("F32"), devices and memory formats are texts.
using Argument = std::variant<std::monostate, ValueId, std::vector<std::optional<ValueId>>, bool,
                              std::int64_t, double, std::string, std::vector<std::int64_t>,
                              std::vector<double>, std::vector<bool>>;

/// One operator. Arguments stand under their names in ATen's schema; those that a file leaves out
/// because they have their default are left out here too.
struct GraphNode {
  std::string op;        // "aten.linear", "aten.add": without an overload's name
  std::string overload;  // "default", "Tensor"
  std::vector<std::pair<std::string, Argument>> arguments;
  std::vector<ValueId> outputs;
  std::string module;  // where in the network: "encoder.layers.0.attn"; "" if the file does not say

  /// nullptr if it was left out.
  const Argument* find(std::string_view name) const;
};

/// A tensor that the graph brings along: not a parameter of the checkpoint.
struct GraphConstant {
  TensorInfo info;
  std::shared_ptr<const Buffer> data;  // row-major
};

/// A parameter or buffer: where the checkpoint has its tensor. Tied weights share one value, or are
/// several values of one tensor.
struct GraphParameter {
  ValueId value = 0;
  std::string tensor;     // its name in the checkpoint
  bool constant = false;  // of an ONNX file; which a checkpoint need not have
};

struct Graph {
  std::string source;  // the file, for messages
  std::vector<GraphValue> values;
  std::vector<GraphNode> nodes;  // every value is defined before it is used, and once
  std::vector<GraphParameter> parameters;
  std::map<ValueId, GraphConstant> constants;
  std::vector<ValueId> inputs;  // what the user gives, without parameters and constants
  std::vector<ValueId> outputs;
};

/// Reads a torch.export archive: the layout of PyTorch 2.8 and later (models/model.json) and the
/// one before (serialized_exported_program.json). Weights are not read, constants are. Throws
/// CorruptError for a file that is damaged or lies, Error for what is not supported; both name the
/// place. `source` is used in messages.
Graph read_pt2(Bytes file, std::string_view source);

/// What a network is given: one tensor, or a whole number.
struct GraphInput {
  DType dtype = DType::kF32;
  Shape shape{};
  std::optional<std::int64_t> number{};  // instead of a tensor; of ONNX, the value of one
};

/// Reads an ONNX model. Its operators become ATen's; those that have no counterpart, or not in the
/// form that the file uses, stay as "onnx.Name" (or "domain.Name"). Initialisers of real numbers,
/// of graphs in nodes too, are parameters under the names that the file's tensors have as a
/// checkpoint; so are several real numbers in a constant. All else is a constant. `inputs` are the
/// lengths of what the network is given, where the file leaves them open. Of an If the branch is
/// read that is taken on them: where the file does not say which, the only one that can run, or
/// both, if they give one shape. Throws as read_pt2.
Graph read_onnx(Bytes file, std::string_view source, const std::vector<GraphInput>& inputs = {});

/// The tensors of an ONNX model that are in the file itself, for bind_initializers. Borrows the
/// file.
std::unique_ptr<TensorSource> onnx_initializers(Bytes file, std::string_view source);

/// Exporters rename, transpose, stack and fold weights. Makes the parameters of a graph that
/// read_onnx gave tensors of `checkpoint`: by name where the contents are equal, else by contents,
/// also of the transpose and with the gates of recurrent layers in another order; the graph then
/// begins at the checkpoint's own axes. What is no tensor of it becomes a constant. Throws Error if
/// contents of the graph and of the checkpoint are left over on both sides (a norm that was folded
/// into a convolution), or are one another's transposes. Reads every tensor once.
Graph bind_initializers(Graph graph, const TensorSource& initializers,
                        const TensorSource& checkpoint);

/// The same for the checkpoint that the model itself is: its tensors are told by their names.
Graph own_initializers(Graph graph);

/// Is this a TorchScript archive (torch.jit.save)?
bool is_torchscript(Bytes file);

/// Reads a TorchScript archive: its program is run once, on the shapes that it was traced with, or
/// on those of `inputs`, if there are any; every operator on tensors is a node. So lengths are
/// those of that run, and branches and loops are taken as it takes them. Parameters and buffers
/// have the names of a state dict. Buffers that are in none of `checkpoint`, the names of a
/// checkpoint's tensors, are constants; but with no names none is. Weights are not read. Throws as
/// read_pt2, for an operator that mgit does not know too, as the lengths behind it are not known
/// then.
Graph read_torchscript(Bytes file, std::string_view source,
                       const std::vector<std::string>& checkpoint = {},
                       const std::vector<GraphInput>& inputs = {});

/// A line for each input, parameter, constant, node and output, for tests and messages.
std::string graph_text(const Graph& graph);

/// An axis, or a part of one, that was left fixed because of an operator.
struct Pin {
  std::string op;      // "aten.cumsum"
  std::string where;   // the module, or the value
  std::string reason;  // "unknown operator", "a constant differs along it", "output of the network"
  std::vector<std::string> tensors;  // of the checkpoint, whose axes it fixed; sorted
};

/// What a graph allows.
struct Derivation {
  std::string spec_text;                       // a spec file (docs/specs.md) with explicit names
  std::vector<Pin> pins;                       // in the order of the graph
  std::vector<std::string> unknown_operators;  // sorted
};

/// Finds every reordering of hidden units that leaves what the graph computes as it is: abstract
/// interpretation over axis layouts (DESIGN section 5). Sound: what is not understood is pinned.
/// `network`: the tensors of the checkpoint; those that the graph does not use are an Error unless
/// they are buffers it folded away, and named. Linear in the graph up to union-find.
Derivation derive_spec(const Graph& graph, const std::vector<TensorInfo>& network);

/// An axis of a value on which a set of hidden units stands.
struct UnitAxis {
  ValueId value = 0;
  std::size_t axis = 0;
};

/// Where the graph shows what the units of each group of a spec compute: the values, real numbers
/// that depend on the network's input, which are read where the group ends (by the next layer, by a
/// flatten), so after activations and norms. Parallel to Spec::groups; in the order of the graph;
/// empty for families, groups that cannot move, and those of which nothing is found. The spec is of
/// the network whose tensors the graph's parameters have, with `prefix` before their names.
std::vector<std::vector<UnitAxis>> unit_axes(const Graph& graph, const Spec& spec,
                                             const std::string& prefix = {});

/// A tensor as the interpreter has it: float64 whatever its dtype, row-major.
struct GraphTensor {
  DType dtype = DType::kF64;
  Shape shape;
  std::vector<double> values;
};
/// Throws Error for dtypes that are neither arithmetic nor integers nor booleans.
GraphTensor graph_tensor(const TensorView& tensor);

/// Computes a graph's outputs in float64: nothing is rounded to the dtypes that the graph has.
/// `given`: the parameters and inputs by value. Throws Error that names the operator for one that
/// it does not know, and for shapes that do not fit. Plain loops: for small networks.
std::vector<GraphTensor> run_graph(const Graph& graph, const std::map<ValueId, GraphTensor>& given);

/// What running a graph shows about a spec.
struct NumericProof {
  bool proved = false;
  std::string reason;            // why not; empty if proved
  double largest_change = 0;     // of an output, relative, under permutations; below 1e-9 if proved
  std::size_t permutations = 0;  // tried: of all groups at once, and of each alone
  std::size_t controls = 0;      // of one group, with one axis left out: outputs must change
  std::vector<std::string> silent;  // controls that changed nothing: "fc1.bias axis 0 in H1"
};

/// The numeric level of proof (DESIGN section 5): the graph is run with random weights before and
/// after random permutations, and its outputs are equal; with one axis left out they are not, for
/// each group at least for one of its axes. Integers and booleans of the network are read and
/// taken as they are. Deterministic. Costs a run for each group and each axis that carries one; of
/// networks with more than 4 million parameters, for as many axes as it takes until one is heard.
/// Throws Error for a network that is not the graph's. `advance` is told how many runs more are
/// done or were found needless, of how many.
using RunsDone = std::function<void(std::uint64_t more, std::uint64_t total)>;
NumericProof prove(const Graph& graph, const Spec& spec, const TensorSource& network,
                   std::uint64_t seed = 1, const RunsDone& advance = {});

}  // namespace mgit
