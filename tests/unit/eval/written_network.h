// A TorchScript file written by hand, for what traced networks do now and then.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "unit/format/zip_file.h"

namespace mgit::testing {

/// A pickled module: its class and what it holds.
inline std::string pickled_module(
    const std::string& type, const std::vector<std::pair<std::string, std::string>>& parts = {}) {
  const auto text = [](const std::string& word) {
    std::string pickled = "X";
    put(pickled, word.size(), 4);
    return pickled + word;
  };
  std::string state = text("training") + "\x89";
  for (const auto& [name, part] : parts) state += text(name) + part;
  return "c__torch__\n" + type + "\n)\x81}(" + state + "ub";
}

/// A network without weights. `double` is written over by what follows it, `act` runs twice, `pair`
/// returns two tensors, and `rare` runs in training only: max(max(2x, 0) - 3, 0), twice.
inline std::string written_network() {
  const auto module = [](const std::string& type, const std::string& result,
                         const std::string& body) {
    return "class " + type + "(Module):\n  __parameters__ = []\n  __buffers__ = []\n" +
           "  training : bool\n" +
           (type == "Net" ? "  double : __torch__.Double\n"
                            "  act : __torch__.Relu\n"
                            "  pair : __torch__.Pair\n"
                            "  rare : __torch__.Double\n"
                          : "") +
           "  def forward(self: __torch__." + type + ",\n    x: Tensor) -> " + result + ":\n" +
           body;
  };
  const std::string code = module("Relu", "Tensor", "    return torch.relu_(x)\n") +
                           module("Double", "Tensor", "    return torch.mul(x, 2)\n") +
                           module("Pair", "Tuple[Tensor, Tensor]", "    return (x, x)\n") +
                           module("Net", "Tensor",
                                  "    y = (self.double).forward(x, )\n"
                                  "    y0 = (self.act).forward(y, )\n"
                                  "    z = torch.sub(y0, 3)\n"
                                  "    z0 = (self.act).forward(z, )\n"
                                  "    a, b, = (self.pair).forward(z0, )\n"
                                  "    if self.training:\n"
                                  "      c = (self.rare).forward(b, )\n"
                                  "    else:\n"
                                  "      c = b\n"
                                  "    return torch.add(a, c)\n");
  const std::string object = pickled_module("Net", {{"double", pickled_module("Double")},
                                                    {"act", pickled_module("Relu")},
                                                    {"pair", pickled_module("Pair")},
                                                    {"rare", pickled_module("Double")}});
  return ZipBuilder()
      .add({.name = "net/data.pkl", .data = "\x80\x02" + object + "."})
      .add({.name = "net/code/__torch__.py", .data = code})
      .add({.name = "net/constants.pkl", .data = "\x80\x02)."})
      .add({.name = "net/version", .data = "3\n"})
      .finish();
}

}  // namespace mgit::testing
