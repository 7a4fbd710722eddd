// Builds TorchScript archives for tests, well-formed or not.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "mgit/graph.h"
#include "unit/format/zip_file.h"

namespace mgit::testing {

/// Pieces of pickles.
inline std::string pickled_text(const std::string& text) {
  std::string out = "X";
  put(out, text.size(), 4);
  return out + text;
}
inline std::string pickled_number(std::int64_t number) {
  std::string out = "J";
  put(out, static_cast<std::uint64_t>(number), 4);
  return out;
}
inline std::string pickled_numbers(const std::vector<int>& numbers) {
  std::string out = "(";
  for (const int number : numbers) out += pickled_number(number);
  return out + "t";
}

inline std::string pickled_tensor(const std::vector<int>& shape, const std::string& storage,
                                  const std::string& type = "FloatStorage") {
  int elements = 1;
  std::vector<int> strides(shape.size(), 1);
  for (std::size_t i = shape.size(); i-- > 0;) {
    strides[i] = elements;
    elements *= shape[i];
  }
  return "ctorch._utils\n_rebuild_tensor_v2\n((" + pickled_text("storage") + "ctorch\n" + type +
         "\n" + pickled_text(storage) + pickled_text("cpu") + pickled_number(elements) + "tQ" +
         pickled_number(0) + pickled_numbers(shape) + pickled_numbers(strides) + "\x89NtR";
}

using PickledMembers = std::vector<std::pair<std::string, std::string>>;

/// An object of a class of "code/__torch__.py".
inline std::string pickled_object(const std::string& type, const PickledMembers& members) {
  std::string out = "c__torch__\n" + type + "\n)\x81}(";
  for (const auto& [name, value] : members) out += pickled_text(name) + value;
  return out + "ub";
}

struct ScriptFile {
  std::string code;
  PickledMembers members{};              // of the root, of class Net
  std::vector<std::string> constants{};  // pickled
  std::vector<std::string> inputs{};     // pickled; none: they are not said
  std::vector<std::pair<std::string, std::string>> files{};

  ScriptFile& input(const std::vector<int>& shape, const std::string& type = "FloatStorage") {
    inputs.push_back(pickled_tensor(shape, "0", type));
    return *this;
  }
  ScriptFile& constant(const std::vector<int>& shape, const std::string& bytes,
                       const std::string& type) {
    const std::string name = std::to_string(constants.size());
    constants.push_back(pickled_tensor(shape, name, type));
    files.emplace_back("constants/" + name, bytes);
    return *this;
  }

  std::string archive() const {
    ZipBuilder zip;
    const auto add = [&](const std::string& name, const std::string& data) {
      zip.add({"net/" + name, data});
    };
    const std::string start = "\x80\x02";
    add("data.pkl", start + pickled_object("Net", members) + ".");
    add("code/__torch__.py", code);
    std::string tuple = "(";
    for (const std::string& each : constants) tuple += each;
    add("constants.pkl", start + tuple + "t.");
    if (!inputs.empty()) {
      std::string list = "](";
      for (const std::string& each : inputs) list += each;
      add("traced_inputs.pkl", start + "}(" + pickled_text("forward") + list + "eu.");
    }
    for (const auto& [name, data] : files) add(name, data);
    return zip.finish();
  }
};

/// A method of class Net on one tensor, without parameters.
inline ScriptFile method(const std::string& body, const std::vector<int>& shape = {2, 6}) {
  ScriptFile file{
      "class Net(Module):\n  def forward(self: __torch__.Net,\n    x: Tensor) -> Tensor:\n"};
  std::string line;
  for (std::size_t begin = 0; begin < body.size();) {
    const std::size_t end = std::min(body.find('\n', begin), body.size());
    file.code += "    " + body.substr(begin, end - begin) + "\n";
    begin = end + 1;
  }
  return file.input(shape);
}

inline Graph read(const ScriptFile& file) {
  return read_torchscript(as_bytes(file.archive()), "net.pt");
}
inline std::string text_of(const ScriptFile& file) { return graph_text(read(file)); }
/// "where: what" of the error that reading ends with; "" if it does not.
inline std::string script_refusal(const std::string& file,
                                  const std::vector<GraphInput>& inputs = {}) {
  try {
    read_torchscript(as_bytes(file), "net.pt", {}, inputs);
  } catch (const Error& error) {
    return error.where() + ": " + error.what();
  }
  return {};
}

}  // namespace mgit::testing
