// The reader of TorchScript archives, on archives made here.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/graph/data_file.h"
#include "unit/graph/torchscript_file.h"

namespace mgit::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string refusal_of(const std::string& body) { return script_refusal(method(body).archive()); }

/// The nodes alone.
std::string nodes_of(const std::string& body, const std::vector<int>& shape = {2, 6}) {
  const std::string text = text_of(method(body, shape));
  std::string nodes;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = text.find('\n', begin) + 1;
    if (text[begin] == '%') nodes += text.substr(begin, end - begin);
    begin = end;
  }
  return nodes;
}

const std::string kLinear =
    "class Linear(Module):\n"
    "  __parameters__ = [\"weight\", \"bias\", ]\n"
    "  __buffers__ = [\"scale\", ]\n"
    "  weight : Tensor\n"
    "  bias : Tensor\n"
    "  def forward(self: __torch__.Linear,\n"
    "    input: Tensor) -> Tensor:\n"
    "    bias = self.bias\n"
    "    weight = self.weight\n"
    "    return torch.linear(input, weight, bias)\n";

std::string linear(int out, int in, const std::string& key) {
  return pickled_object("Linear", {{"weight", pickled_tensor({out, in}, key + "w")},
                                   {"bias", pickled_tensor({out}, key + "b")}});
}

ScriptFile perceptron() {
  ScriptFile file{kLinear +
                  "class Net(Module):\n"
                  "  fc1 : __torch__.Linear\n"
                  "  def forward(self: __torch__.Net,\n"
                  "    x: Tensor) -> Tensor:\n"
                  "    fc2 = self.fc2\n"
                  "    fc1 = self.fc1\n"
                  "    input = torch.flatten(x, 1)\n"
                  "    return (fc2).forward(torch.relu((fc1).forward(input, )), )\n"};
  file.members = {{"training", "\x89"}, {"fc1", linear(5, 4, "1")}, {"fc2", linear(3, 5, "2")}};
  return file.input({2, 2, 2});
}

TEST(TorchScript, ReadsATrace) {
  EXPECT_EQ(text_of(perceptron()),
            "input %input F32[2,2,2]\n"
            "parameter %fc1.bias F32[5] = fc1.bias\n"
            "parameter %fc1.weight F32[5,4] = fc1.weight\n"
            "parameter %fc2.bias F32[3] = fc2.bias\n"
            "parameter %fc2.weight F32[3,5] = fc2.weight\n"
            "%flatten F32[2,4] = aten.flatten.default(self=%input, start_dim=1)\n"
            "%linear F32[2,5] = aten.linear.default(input=%flatten, weight=%fc1.weight, "
            "bias=%fc1.bias) in fc1\n"
            "%relu F32[2,5] = aten.relu.default(self=%linear)\n"
            "%linear#2 F32[2,3] = aten.linear.default(input=%relu, weight=%fc2.weight, "
            "bias=%fc2.bias) in fc2\n"
            "output %linear#2 F32[2,3]\n");
  EXPECT_EQ(read(perceptron()).source, "net.pt");
}

TEST(TorchScript, ClassesAsOlderVersionsWroteThem) {
  ScriptFile file = perceptron();
  file.code = "op_version_set = 1\n" + file.code;
  const std::string field = "  fc1 : __torch__.Linear\n";
  file.code.replace(
      file.code.find(field), field.size(),
      "  __annotations__ = []\n  __annotations__[\"0\"] = __torch__.Linear\n" + field);
  EXPECT_EQ(text_of(file), text_of(perceptron()));
}

TEST(TorchScript, InputsMayBeGiven) {
  ScriptFile file = perceptron();
  file.inputs.clear();
  EXPECT_THAT(script_refusal(file.archive()), HasSubstr("what inputs it was traced with"));
  const Graph graph =
      read_torchscript(as_bytes(file.archive()), "net.pt", {}, {{DType::kF32, {7, 4}}});
  EXPECT_EQ(graph.values[graph.outputs[0]].shape,
            (std::vector<std::optional<std::uint64_t>>{7, 3}));
  EXPECT_THAT(script_refusal(file.archive(), {{DType::kF32, {7, 5}}}),
              HasSubstr("operator aten.linear in fc1: weights for inputs of another length"));
}

TEST(TorchScript, ASharedModuleIsOneTensorOfSeveralNames) {
  ScriptFile file = perceptron();
  file.members = {{"fc1", linear(4, 4, "1")}, {"fc2", linear(4, 4, "1")}};
  const Graph graph = read(file);
  EXPECT_EQ(graph.parameters.size(), 4u);
  EXPECT_EQ(graph.parameters[0].value, graph.parameters[1].value);
  EXPECT_EQ(graph.parameters[0].tensor, "fc1.bias");
  EXPECT_EQ(graph.parameters[1].tensor, "fc2.bias");
}

TEST(TorchScript, WhatTheProgramDoesNotReadIsAParameterIfTheCheckpointHasIt) {
  ScriptFile file = perceptron();
  file.members.emplace_back("unread", linear(2, 2, "3"));
  EXPECT_THAT(text_of(file), HasSubstr("parameter %unread.bias F32[2] = unread.bias\n"));
  const auto with = [&](const std::string& name) {
    return graph_text(read_torchscript(as_bytes(file.archive()), "net.pt", {name}));
  };
  EXPECT_THAT(with("unread.bias"), HasSubstr("parameter %unread.bias"));
  EXPECT_THAT(with("fc1.bias"), Not(HasSubstr("unread")));
}

TEST(TorchScript, BuffersThatTheCheckpointLacksAreConstants) {
  ScriptFile file = method("return torch.mul(x, self.scale)");
  file.code = "class Net(Module):\n  __buffers__ = [\"scale\", ]\n" + file.code.substr(18);
  file.members = {{"scale", pickled_tensor({6}, "s")}};
  file.files = {{"data/s", std::string(24, '\0')}};
  EXPECT_THAT(text_of(file), HasSubstr("parameter %scale F32[6] = scale"));
  const auto with = [&](const std::string& name) {
    return graph_text(read_torchscript(as_bytes(file.archive()), "net.pt", {name}));
  };
  EXPECT_THAT(with("scale"), HasSubstr("parameter %scale"));
  EXPECT_THAT(with("model.scale"), HasSubstr("parameter %scale"));
  EXPECT_THAT(with("other"), HasSubstr("constant %scale F32[6] = 24 bytes of scale"));
}

TEST(TorchScript, LengthsAreComputedAsTheProgramSays) {
  EXPECT_EQ(nodes_of("_0 = ops.prim.NumToTensor(torch.size(x, 1))\n"
                     "half = torch.floor_divide(_0, CONSTANTS.c0 if False else 2)\n"
                     "_1 = int(half)\n"
                     "_2 = annotate(List[int], [torch.size(x, 0), -1, _1])\n"
                     "return torch.view(x, _2)"),
            "%view F32[2,2,3] = aten.view.default(self=%input, size=[2, -1, 3])\n");
  EXPECT_EQ(nodes_of("n = annotate(number, torch.add(ops.prim.NumToTensor(torch.size(x, 1)), 1))\n"
                     "return torch.add(torch.arange(n, dtype=None, layout=0), torch.size(x)[-1])",
                     {2, 12}),
            "%arange I64[13] = aten.arange.default(end=13, dtype=none, layout=\"strided\")\n"
            "%add I64[13] = aten.add.default(self=%arange, other=12)\n");
}

TEST(TorchScript, NumbersAreInTheGraphWhereATensorIsAsked) {
  ScriptFile file = method("return torch.mul(x, CONSTANTS.c0)");
  file.constant({}, std::string("\0\0\0\0\0\0\0\x40", 8), "DoubleStorage");
  EXPECT_THAT(text_of(file), HasSubstr("constant %CONSTANTS.c0 F64[] = 8 bytes"));
  EXPECT_THAT(text_of(method("return torch.mul(x, ops.prim.NumToTensor(torch.size(x, 1)))")),
              HasSubstr("constant %number I64[] = 8 bytes"));
}

TEST(TorchScript, BranchesAndLoopsAreTaken) {
  EXPECT_EQ(nodes_of("y = x\n"
                     "for i in range(torch.size(x, 0)):\n"
                     "  if torch.eq(i, 1):\n"
                     "    y = torch.relu(y)\n"
                     "  else:\n"
                     "    y = torch.tanh(y)\n"
                     "n = 0\n"
                     "while torch.lt(n, 1):\n"
                     "  n = torch.add(n, 1)\n"
                     "  y = torch.neg(y)\n"
                     "return y"),
            "%tanh F32[2,6] = aten.tanh.default(self=%input)\n"
            "%relu F32[2,6] = aten.relu.default(self=%tanh)\n"
            "%neg F32[2,6] = aten.neg.default(self=%relu)\n");
}

TEST(TorchScript, ABlockRunsBetweenWhatItsObjectDoes) {
  ScriptFile file = method(
      "_0 = __torch__.Guard.__new__(__torch__.Guard)\n"
      "_1 = (_0).__init__()\n"
      "with _0 as n:\n"
      "  if torch.eq(n, 4):\n"
      "    y = torch.relu(torch.data(x))\n"
      "  else:\n"
      "    y = x\n"
      "if torch.eq(_0.prev, 5):\n"
      "  z = torch.neg(y)\n"
      "else:\n"
      "  z = y\n"
      "return z");
  file.code =
      "class Guard:\n"
      "  prev : int\n"
      "  def __init__(self: __torch__.Guard) -> NoneType:\n"
      "    self.prev = 3\n"
      "    return None\n"
      "  def __enter__(self: __torch__.Guard) -> int:\n"
      "    self.prev = 4\n"
      "    torch.set_grad_enabled(False)\n"
      "    return self.prev\n"
      "  def __exit__(self: __torch__.Guard, type: Any, value: Any, trace: Any) -> NoneType:\n"
      "    self.prev = 5\n"
      "    return None\n" +
      file.code;
  const std::string text = text_of(file);
  EXPECT_THAT(text, HasSubstr("= aten.relu.default"));
  EXPECT_THAT(text, HasSubstr("output %neg"));
  EXPECT_THAT(script_refusal(method("with torch.size(x, 0):\n  y = x\nreturn y").archive()),
              HasSubstr("a block with an integer is not understood"));
}

TEST(TorchScript, ANumberMayBeGiven) {
  ScriptFile file = method("return x");
  const std::string plain = "    x: Tensor) -> Tensor:\n    return x\n";
  file.code.replace(file.code.find(plain), plain.size(),
                    "    x: Tensor,\n    rate: int) -> Tensor:\n"
                    "    if torch.eq(rate, 8000):\n      y = torch.relu(x)\n"
                    "    else:\n      y = torch.tanh(x)\n    return y\n");
  const std::string archive = file.archive();
  const auto text = [&](std::int64_t rate) {
    return graph_text(read_torchscript(as_bytes(archive), "net.pt", {},
                                       {{DType::kF32, {2, 6}}, {DType::kI64, {}, rate}}));
  };
  EXPECT_THAT(text(8000), HasSubstr("= aten.relu"));
  EXPECT_THAT(text(16000), HasSubstr("= aten.tanh"));
}

TEST(TorchScript, ListsTuplesAndDicts) {
  EXPECT_EQ(nodes_of("parts = annotate(List[Tensor], [])\n"
                     "a, b, = torch.split(x, [2, 4], 1)\n"
                     "_0 = torch.append(parts, b)\n"
                     "_1 = torch.append(parts, a)\n"
                     "d = {\"k\": (torch.cat(parts, -1), torch.len(parts))}\n"
                     "y, n, = d[\"k\"]\n"
                     "return torch.mul(y, n)"),
            "%split F32[2,2], %split#2 F32[2,4] = aten.split.sizes(self=%input, split_size=[2, 4], "
            "dim=1)\n"
            "%cat F32[2,6] = aten.cat.default(tensors=[%split#2, %split], dim=-1)\n"
            "%mul F32[2,6] = aten.mul.default(self=%cat, other=2)\n");
}

TEST(TorchScript, QuestionsThatScriptsAsk) {
  EXPECT_EQ(
      nodes_of("a = torch.any([False, torch.eq(ops.prim.type(ops.prim.device(x)), \"cpu\")])\n"
               "b = torch.all([a, torch.gt(torch.len(\"ab\"), 1)])\n"
               "c = torch.__is__(None, None) if b else False\n"
               "d = torch.__contains__([1, 2], torch.dim(x)) if c else False\n"
               "e = torch.__isnot__(x, None) if d else False\n"
               "return torch.relu(x) if torch.__not__(torch.__not__(e)) else x"),
      "%relu F32[2,6] = aten.relu.default(self=%input)\n");
}

TEST(TorchScript, ASliceOfAllIsNone) {
  EXPECT_EQ(nodes_of("a = torch.slice(torch.slice(x, 0, 0, 9223372036854775807), 1)\n"
                     "_0 = torch.relu_(a)\n"
                     "return torch.slice(x, 1, 1)"),
            "%relu F32[2,6] = aten.relu.default(self=%input)\n"
            "%slice F32[2,5] = aten.slice.default(self=%relu, dim=1, start=1)\n");
}

TEST(TorchScript, OperatorsOfSeveralFormsAreToldByTheirArguments) {
  EXPECT_EQ(nodes_of("a = torch.std(x, [1], True, True)\n"
                     "b = torch.max(x, a)\n"
                     "c, i, = torch.max(b, 1)\n"
                     "d = torch.to(c, 7)\n"
                     "return torch.to(d, dtype=6, layout=0, device=torch.device(\"cpu\"))"),
            "%std F32[2,1] = aten.std.dim(self=%input, dim=[1], unbiased=true, keepdim=true)\n"
            "%max F32[2,6] = aten.max.other(self=%input, other=%std)\n"
            "%max#2 F32[2], %max#3 I64[2] = aten.max.dim(self=%max, dim=1)\n"
            "%to F64[2] = aten.to.dtype(self=%max#2, dtype=\"F64\")\n"
            "%to#2 F32[2] = aten.to.dtype_layout(self=%to, dtype=\"F32\", layout=\"strided\", "
            "device=\"cpu\")\n");
}

TEST(TorchScript, WhatAModuleKeepsIsAnOutput) {
  EXPECT_THAT(text_of(method("self.seen = torch.relu(x)\nreturn torch.neg(x)")),
              HasSubstr("output %relu F32[2,6]\noutput %neg F32[2,6]\n"));
}

TEST(TorchScript, WritingInPlaceBecomesFunctional) {
  EXPECT_EQ(nodes_of("y = torch.mul(x, 2)\n"
                     "z = torch.view(y, [-1])\n"
                     "_0 = torch.add_(y, 1)\n"
                     "return torch.sum(z)"),
            "%mul F32[2,6] = aten.mul.default(self=%input, other=2)\n"
            "%view F32[12] = aten.view.default(self=%mul, size=[-1])\n"
            "%add F32[2,6] = aten.add.default(self=%mul, other=1)\n"
            "%view#2 F32[12] = aten.view.default(self=%add, size=[-1])\n"
            "%sum F32[] = aten.sum.default(self=%view#2)\n");
  EXPECT_EQ(nodes_of("y = torch.mul(x, 2)\n"
                     "_0 = torch.unsqueeze_(y, 0)\n"
                     "_1 = torch.transpose_(y, 1, 2)\n"
                     "return torch.view(y, torch.size(y))"),
            "%mul F32[2,6] = aten.mul.default(self=%input, other=2)\n"
            "%unsqueeze F32[1,2,6] = aten.unsqueeze.default(self=%mul, dim=0)\n"
            "%transpose F32[1,6,2] = aten.transpose.default(self=%unsqueeze, dim0=1, dim1=2)\n"
            "%view F32[1,6,2] = aten.view.default(self=%transpose, size=[1, 6, 2])\n");
  EXPECT_THAT(refusal_of("return torch.add(x, x, out=x)"),
              HasSubstr("it writes into a tensor of another"));
  EXPECT_THAT(refusal_of("y = torch.select(x, 0, 0)\n_0 = torch.add_(y, x)\nreturn x"),
              HasSubstr("it would write another shape in place"));
  EXPECT_THAT(refusal_of("n = ops.prim.NumToTensor(torch.size(x, 0))\n"
                         "_0 = torch.add_(n, 1)\n"
                         "return x"),
              HasSubstr("operator aten.add_: it writes into numbers that lengths"));
}

TEST(TorchScript, WhatIsNotKnownIsNamed) {
  EXPECT_EQ(refusal_of("return torch.fft_fft(x)"),
            "net.pt: operator aten.fft_fft: it is not known to mgit");
  EXPECT_THAT(refusal_of("return ops.torchvision.nms(x, x, 0.5)"),
              HasSubstr("operator ops.torchvision.nms is not known to mgit"));
  EXPECT_THAT(refusal_of("return torch.view(x, [int(torch.sum(x))])"),
              HasSubstr("a length is computed from what the network is given"));
  EXPECT_THAT(refusal_of("if bool(torch.gt(torch.sum(x), 0)):\n  x = torch.relu(x)\nreturn x"),
              HasSubstr("depends on the numbers that it is given"));
  EXPECT_THAT(refusal_of("return torch.expand(x, [torch.argmax(x), 2, 6])"),
              HasSubstr("a length is computed from what the network is given"));
  EXPECT_THAT(refusal_of("return torch.slice(x, 0, 0, torch.argmax(x))"),
              HasSubstr("a length is computed from what the network is given"));
  EXPECT_THAT(refusal_of("return torch.nonzero(x)"),
              HasSubstr("its lengths depend on what the network is given"));
  EXPECT_THAT(refusal_of("return torch.index(x, [torch.gt(x, 0)])"),
              HasSubstr("its lengths depend on what the network is given"));
  EXPECT_THAT(refusal_of("return self.fc"), HasSubstr("has no attribute fc"));
  EXPECT_THAT(refusal_of("return y"), HasSubstr("name y is used before it is given"));
  EXPECT_THAT(refusal_of("return CONSTANTS.c7"), HasSubstr("there is no constant c7"));
  EXPECT_THAT(refusal_of("ops.prim.RaiseException(\"no rows\", \"E\")\nreturn x"),
              HasSubstr("the program refuses such inputs: no rows"));
  EXPECT_THAT(refusal_of("return x +"), HasSubstr("code/__torch__.py: line 4: "));
}

TEST(TorchScript, AProgramThatNeverEndsEnds) {
  EXPECT_THAT(refusal_of("while True:\n  x = x\nreturn x"), HasSubstr("never ends"));
  EXPECT_THAT(refusal_of("for i in range(9223372036854775807):\n  x = x\nreturn x"),
              HasSubstr("never ends"));
  EXPECT_THAT(refusal_of("l = [1]\nwhile True:\n  l = torch.add(l, l)\nreturn x"),
              HasSubstr("a list that is too long"));
  EXPECT_THAT(
      refusal_of("y = torch.zeros([1000000])\nwhile True:\n  y = torch.flip(y, [0])\nreturn y"),
      HasSubstr("too many numbers"));
  EXPECT_THAT(
      refusal_of("l = torch.size(x)\nfor i in range(6):\n  l = torch.add(l, l)\nwhile True:\n  m = "
                 "torch.list(l)\nreturn x"),
      HasSubstr("too many values"));
  EXPECT_THAT(refusal_of("while True:\n  l = \"" + std::string(4000, 'a') + "\"\nreturn x"),
              HasSubstr("too many values"));
  EXPECT_THAT(refusal_of("return self.forward(x, )"), HasSubstr("nested too deeply"));
  EXPECT_THAT(refusal_of("return " + std::string(150, '(') + "x" + std::string(150, ')')), "");
  EXPECT_THAT(refusal_of("return " + std::string(5000, '(') + "x" + std::string(5000, ')')),
              HasSubstr("nested too deeply"));
  EXPECT_THAT(refusal_of("y = x" + std::string(5000, '.') + "\nreturn y"), HasSubstr("line 4"));
  std::string links = "x";
  for (int i = 0; i < 5000; ++i) links += ".a";
  EXPECT_THAT(refusal_of("return " + links), HasSubstr("nested too deeply"));
}

TEST(TorchScript, NumbersThatAreTooLarge) {
  EXPECT_THAT(refusal_of("return torch.zeros([99999999999999999999])"),
              HasSubstr("a number that cannot be read"));
  EXPECT_THAT(refusal_of("return torch.zeros([9223372036854775807, 4])"), HasSubstr("too large"));
  EXPECT_THAT(refusal_of("return torch.mul(9223372036854775807, 4)"),
              HasSubstr("a number that is too large"));
  EXPECT_THAT(refusal_of("return torch.floordiv(4, 0)"), HasSubstr("a division by zero"));
  EXPECT_THAT(refusal_of("return torch.expand(x, [4611686018427387904, 2, 6])"),
              HasSubstr("operator aten.expand: "));
  EXPECT_THAT(refusal_of("return torch.abs(torch.sub(-9223372036854775807, 1))"),
              HasSubstr("a number that is too large"));
  EXPECT_THAT(refusal_of("return torch.lstm(x, [x], [x], True, 1, 0., False, False, True)"),
              HasSubstr("other states than there are"));
  EXPECT_THAT(refusal_of("return torch.lstm(x, [x, None], [x], True, 1, 0., False, False, True)"),
              HasSubstr("None among the states"));
  EXPECT_THAT(refusal_of("return torch._convolution_mode(x)"), HasSubstr("operator aten."));
  EXPECT_THAT(refusal_of("return {x: 1}[x]"), HasSubstr("a dict has no such key"));
  EXPECT_THAT(refusal_of("return torch.add_(other=x, self=x)"),
              HasSubstr("it is not known what it writes"));
  EXPECT_THAT(refusal_of("return torch.size(x, 2)"), HasSubstr("an index out of range"));
  ScriptFile file = perceptron();
  file.members[1].second = pickled_object(
      "Linear", {{"weight", pickled_tensor({2147483647, 2147483647, 2147483647}, "w")}});
  EXPECT_THAT(script_refusal(file.archive()), HasSubstr("the shape of a tensor overflows"));
}

TEST(TorchScript, ModulesInsideThemselvesAreRefused) {
  ScriptFile file = perceptron();
  // The root memoised, and given as its own attribute.
  file.members = {};
  ZipBuilder zip;
  zip.add({"net/data.pkl", std::string("\x80\x02") + "c__torch__\nNet\n)\x81q\x01}(" +
                               pickled_text("fc1") + "h\x01" + "ub."});
  zip.add({"net/code/__torch__.py", file.code});
  zip.add({"net/constants.pkl", "\x80\x02(t."});
  EXPECT_THAT(script_refusal(zip.finish()), HasSubstr("nested too deeply"));
}

TEST(TorchScript, EveryTruncationIsRefused) {
  const std::string whole = from_disk("picture.torchscript.pt");
  for (std::size_t length = 0; length < whole.size(); ++length)
    ASSERT_NE(script_refusal(whole.substr(0, length)), "") << length;
  const ScriptFile file = perceptron();
  for (std::size_t length = 0; length < file.code.size(); ++length) {
    ScriptFile part = file;
    part.code.resize(length);
    script_refusal(part.archive());  // the last lines may be missing; it ends in any case
  }
}

TEST(TorchScript, IsTold) {
  EXPECT_TRUE(is_torchscript(as_bytes(perceptron().archive())));
  EXPECT_FALSE(is_torchscript(as_bytes(from_disk("mlp.pt2"))));
  EXPECT_FALSE(is_torchscript(as_bytes(from_disk("reference_linear.pt"))));
  EXPECT_FALSE(is_torchscript({}));
}

}  // namespace
}  // namespace mgit::testing
