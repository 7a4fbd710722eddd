// Builds torch.export archives for tests, well-formed or not.
#pragma once

#include <fmt/format.h>

#include <string>
#include <vector>

#include "mgit/graph.h"
#include "unit/format/zip_file.h"

namespace mgit::testing {

using Sizes = std::vector<int>;  // -1: open

inline std::string sizes_json(const Sizes& sizes) {
  std::string text;
  for (const int size : sizes)
    text += fmt::format("{}{}", text.empty() ? "" : ",",
                        size >= 0 ? fmt::format(R"({{"as_int":{}}})", size)
                                  : R"({"as_expr":{"expr_str":"s0","hint":null}})");
  return "[" + text + "]";
}

/// A TensorMeta; without strides, those of C order.
inline std::string meta_json(const Sizes& sizes, int dtype = 7, Sizes strides = {},
                             int offset = 0) {
  if (strides.size() != sizes.size()) {
    strides.assign(sizes.size(), 1);
    for (std::size_t i = sizes.size(); i-- > 1;) strides[i - 1] = strides[i] * sizes[i];
  }
  return fmt::format(R"({{"dtype":{},"sizes":{},"strides":{},"storage_offset":{{"as_int":{}}}}})",
                     dtype, sizes_json(sizes), sizes_json(strides), offset);
}

/// "%x", "[%x, %y]", or JSON as it stands.
inline std::string argument_json(std::string_view text) {
  const auto named = [](std::string_view name) {
    return fmt::format(R"({{"name":"{}"}})", name.substr(1));
  };
  if (text.starts_with("%")) return R"({"as_tensor":)" + named(text) + "}";
  if (!text.starts_with("[%")) return std::string(text);
  std::string list;
  for (text = text.substr(1, text.size() - 2); !text.empty();) {
    const std::size_t comma = std::min(text.find(','), text.size());
    list += (list.empty() ? "" : ",") + named(text.substr(0, comma));
    text.remove_prefix(std::min(comma + 2, text.size()));
  }
  return R"({"as_tensors":[)" + list + "]}";
}

class Pt2File {
 public:
  using Arguments = std::vector<std::pair<std::string, std::string>>;

  Pt2File& parameter(const std::string& name, const std::string& tensor, const Sizes& sizes,
                     const std::string& storage = {}) {
    input_spec("parameter", name, R"(,"parameter_name":")" + tensor + "\"");
    weight(tensor, storage.empty() ? "weight_" + name : storage, sizes);
    return value(name, sizes);
  }
  Pt2File& buffer(const std::string& name, const std::string& tensor, const Sizes& sizes,
                  bool persistent = true) {
    input_spec("buffer", name,
               fmt::format(R"(,"buffer_name":"{}","persistent":{})", tensor, persistent));
    if (persistent) weight(tensor, "weight_" + name, sizes);
    return value(name, sizes);
  }
  Pt2File& constant(const std::string& name, const std::string& tensor, const Sizes& sizes,
                    int dtype = 7) {
    input_spec("tensor_constant", name, R"(,"tensor_constant_name":")" + tensor + "\"");
    return value(name, sizes, dtype);
  }
  /// The bytes of a constant.
  Pt2File& stored(const std::string& tensor, const std::string& meta, const std::string& bytes) {
    add(constants,
        fmt::format(R"("{0}":{{"path_name":"{0}","use_pickle":false,"tensor_meta":{1}}})", tensor,
                    meta));
    files.emplace_back("data/constants/" + tensor, bytes);
    return *this;
  }
  Pt2File& input(const std::string& name, const Sizes& sizes, int dtype = 7) {
    add(inputs, argument_json("%" + name));
    add(input_specs, R"({"user_input":{"arg":)" + argument_json("%" + name) + "}}");
    return value(name, sizes, dtype);
  }
  Pt2File& value(const std::string& name, const Sizes& sizes, int dtype = 7) {
    add(values, fmt::format(R"("{}":{})", name, meta_json(sizes, dtype)));
    return *this;
  }
  Pt2File& symbol(const std::string& name) {
    add(symbols, fmt::format(R"("{}":{{"as_expr":{{"expr_str":"s0"}}}})", name));
    return *this;
  }
  /// `target` without "torch.ops."; `output` as an argument, "" for none.
  Pt2File& node(const std::string& target, const Arguments& arguments, const std::string& output,
                const std::string& module = {}) {
    add(nodes, node_json(target, arguments, output, module));
    return *this;
  }
  Pt2File& output(const std::string& name) {
    add(outputs, argument_json("%" + name));
    add(output_specs, R"({"user_output":{"arg":)" + argument_json("%" + name) + "}}");
    return *this;
  }
  /// The value that a buffer has afterwards.
  Pt2File& changed(const std::string& name, const std::string& buffer) {
    add(outputs, argument_json("%" + name));
    add(output_specs,
        fmt::format(R"({{"buffer_mutation":{{"arg":{{"name":"{}"}},"buffer_name":"{}"}}}})", name,
                    buffer));
    return *this;
  }

  static std::string node_json(const std::string& target, const Arguments& arguments,
                               const std::string& output, const std::string& module = {}) {
    std::string list;
    for (const auto& [name, argument] : arguments)
      add(list, fmt::format(R"({{"name":"{}","arg":{},"kind":1}})", name, argument_json(argument)));
    return fmt::format(
        R"({{"target":"{}{}","inputs":[{}],"outputs":[{}],"metadata":{{"nn_module_stack":"L__self__,,a.Net;L__self__{},{},a.B"}}}})",
        target.starts_with("_operator") ? "" : "torch.ops.", target, list,
        output.empty() ? "" : argument_json(output), module, module);
  }

  std::string program() const {
    return fmt::format(
        R"({{"graph_module":{{"graph":{{"inputs":[{}],"outputs":[{}],"nodes":[{}],"tensor_values":{{{}}},"sym_int_values":{{{}}},"sym_bool_values":{{}}}},"signature":{{"input_specs":[{}],"output_specs":[{}]}}}},"schema_version":{{"major":{},"minor":0}}}})",
        inputs, outputs, nodes, values, symbols, input_specs, output_specs, version);
  }
  std::string archive() const { return archive(program()); }
  std::string archive(const std::string& with_program) const {
    ZipBuilder zip;
    zip.add({.name = "net/models/model.json", .data = with_program});
    zip.add({.name = "net/data/weights/model_weights_config.json",
             .data = R"({"config":{)" + weights + "}}"});
    zip.add({.name = "net/data/constants/model_constants_config.json",
             .data = R"({"config":{)" + constants + "}}"});
    for (const auto& [name, data] : files) zip.add({.name = "net/" + name, .data = data});
    return zip.finish();
  }

  std::string inputs, outputs, nodes, values, symbols, input_specs, output_specs;
  std::string weights, constants;
  std::vector<std::pair<std::string, std::string>> files;
  int version = 8;

 private:
  static void add(std::string& list, const std::string& item) {
    list += (list.empty() ? "" : ",") + item;
  }
  void input_spec(const std::string& kind, const std::string& name, const std::string& rest) {
    add(inputs, argument_json("%" + name));
    add(input_specs, fmt::format(R"({{"{}":{{"arg":{{"name":"{}"}}{}}}}})", kind, name, rest));
  }
  /// In a storage of one byte for each element: they are never read.
  void weight(const std::string& tensor, const std::string& storage, const Sizes& sizes) {
    add(weights, fmt::format(R"("{}":{{"path_name":"{}","use_pickle":false,"tensor_meta":{}}})",
                             tensor, storage, meta_json(sizes)));
    for (const auto& [name, data] : files)
      if (name == "data/weights/" + storage) return;
    files.emplace_back("data/weights/" + storage, "not read");
  }
};

inline Graph read(const std::string& archive) { return read_pt2(as_bytes(archive), "net.pt2"); }
inline std::string text_of(const Pt2File& file) { return graph_text(read(file.archive())); }

/// "where: what" of the error that reading ends with; "" if it does not.
inline std::string refusal(const std::string& archive) {
  try {
    read(archive);
  } catch (const Error& error) {
    return error.where() + ": " + error.what();
  }
  return {};
}

}  // namespace mgit::testing
