#include "graph/functional.h"
#include "graph/reading.h"
#include "graph/torchscript/archive.h"
#include "graph/torchscript/evaluator.h"
#include "mgit/graph.h"

namespace mgit {

namespace {

using torchscript::Archive;
using torchscript::Builder;
using torchscript::Evaluator;
using torchscript::Modules;
using torchscript::Value;

std::vector<Value> inputs_of(Modules& modules, Builder& builder,
                             const std::vector<GraphInput>& given) {
  if (given.empty()) {
    auto traced = modules.traced_inputs();
    if (!traced)
      throw Error("it does not say what inputs it was traced with", {},
                  "say what it is given: --input 1x3x32x32, or input = 1x3x32x32 in .mgitconfig");
    return *std::move(traced);
  }
  std::vector<Value> inputs;
  for (const GraphInput& each : given)
    inputs.push_back(each.number ? Value(*each.number)
                                 : builder.input("input", each.dtype, each.shape));
  return inputs;
}

Graph read(Bytes file, const std::vector<std::string>& checkpoint,
           const std::vector<GraphInput>& inputs) {
  Archive archive(file);
  Builder builder;
  Modules modules(archive, builder, checkpoint);
  builder.output(Evaluator(archive, modules, builder).forward(inputs_of(modules, builder, inputs)));
  modules.add_unread();
  return functional(builder.take());
}

}  // namespace

bool is_torchscript(Bytes file) {
  try {
    return looks_like_zip(file) && torchscript::is_torchscript(read_zip(file));
  } catch (const Error&) {
    return false;
  }
}

Graph read_torchscript(Bytes file, std::string_view source,
                       const std::vector<std::string>& checkpoint,
                       const std::vector<GraphInput>& inputs) {
  return reading(source, [&] {
    Graph graph = read(file, checkpoint, inputs);
    graph.source = source;
    return graph;
  });
}

}  // namespace mgit
