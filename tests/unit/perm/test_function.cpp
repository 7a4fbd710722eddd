// The proof of the pudding: permuted networks compute the same function, in doubles; and with one
// axis left out they do not, so the test can fail.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "mgit/perm.h"
#include "support/support.h"
#include "unit/perm/networks.h"

namespace mgit::testing {
namespace {

using Vector = std::vector<double>;

void relu(Vector& x) {
  for (double& value : x) value = std::max(value, 0.0);
}

Vector linear(const TensorSource& model, const std::string& layer, const Vector& x) {
  const Vector weight = values(model, layer + ".weight");
  Vector y = values(model, layer + ".bias");
  for (std::size_t o = 0; o < y.size(); ++o)
    for (std::size_t i = 0; i < x.size(); ++i) y[o] += weight[o * x.size() + i] * x[i];
  return y;
}

/// Channels of side*side pixels; 3x3 with zeros around.
Vector conv(const TensorSource& model, const std::string& layer, const Vector& x, int side) {
  const Shape shape = model.find(layer + ".weight")->shape;
  const Vector weight = values(model, layer + ".weight");
  const auto pixels = static_cast<std::size_t>(side * side);
  Vector y(shape[0] * pixels);
  for (std::size_t o = 0; o < shape[0]; ++o)
    for (std::size_t c = 0; c < shape[1]; ++c)
      for (int at = 0; at < side * side; ++at)
        for (int tap = 0; tap < 9; ++tap) {
          const int row = at / side + tap / 3 - 1;
          const int column = at % side + tap % 3 - 1;
          if (row < 0 || row >= side || column < 0 || column >= side) continue;
          y[o * pixels + static_cast<std::size_t>(at)] +=
              weight[(o * shape[1] + c) * 9 + static_cast<std::size_t>(tap)] *
              x[c * pixels + static_cast<std::size_t>(row * side + column)];
        }
  return y;
}

void batch_norm(const TensorSource& model, const std::string& layer, Vector& x) {
  const Vector weight = values(model, layer + ".weight");
  const Vector bias = values(model, layer + ".bias");
  const Vector mean = values(model, layer + ".running_mean");
  const Vector variance = values(model, layer + ".running_var");
  const std::size_t pixels = x.size() / weight.size();
  for (std::size_t i = 0; i < x.size(); ++i) {
    const std::size_t c = i / pixels;
    x[i] = (x[i] - mean[c]) / std::sqrt(1 + std::abs(variance[c])) * weight[c] + bias[c];
  }
}

struct Subject {
  const char* name;
  Network network;
  std::size_t inputs;
  std::function<Vector(const TensorSource&, Vector)> forward;
  std::string text{};  // its spec; empty: a shipped family knows it

  Spec spec() const {
    if (!text.empty()) return bind_spec(text, name, network);
    const auto spec = recognise(network);
    if (!spec) throw Error("no family knows it", name);
    EXPECT_EQ(spec->architecture, name);
    return *spec;
  }
};

Subject mlp() {
  return {"mlp",
          NetworkBuilder()
              .linear("layers.0", 11, 6)
              .linear("layers.2", 9, 11)
              .linear("layers.4", 4, 9)
              .build(),
          6, [](const TensorSource& model, Vector x) {
            x = linear(model, "layers.0", x);
            relu(x);
            x = linear(model, "layers.2", x);
            relu(x);
            return linear(model, "layers.4", x);
          }};
}

Subject vgg_with_norm() {
  return {"vgg",
          NetworkBuilder()
              .conv("features.0", 5, 2, 3, false)
              .batch_norm("features.1", 5)
              .conv("features.3", 6, 5, 3, false)
              .linear("classifier.0", 7, 6 * 16)
              .linear("classifier.3", 3, 7)
              .build(),
          2 * 16, [](const TensorSource& model, Vector x) {
            x = conv(model, "features.0", x, 4);
            batch_norm(model, "features.1", x);
            relu(x);
            x = conv(model, "features.3", x, 4);
            relu(x);
            x = linear(model, "classifier.0", x);
            relu(x);
            return linear(model, "classifier.3", x);
          }};
}

/// Two layers, the second with a projection; the stream of the first is the stem's.
Subject residual() {
  NetworkBuilder network;
  network.conv("conv1", 5, 1, 3, false).batch_norm("bn1", 5);
  const auto block = [&](const std::string& name, std::uint64_t in, std::uint64_t out) {
    network.conv(name + ".conv1", out, in, 3, false).batch_norm(name + ".bn1", out);
    network.conv(name + ".conv2", out, out, 3, false).batch_norm(name + ".bn2", out);
  };
  block("layer1.0", 5, 5);
  block("layer2.0", 5, 8);
  network.conv("layer2.0.downsample.0", 8, 5, 3, false).batch_norm("layer2.0.downsample.1", 8);
  block("layer2.1", 8, 8);
  const auto forward_block = [](const TensorSource& model, const std::string& name,
                                const Vector& x) {
    Vector y = conv(model, name + ".conv1", x, 4);
    batch_norm(model, name + ".bn1", y);
    relu(y);
    y = conv(model, name + ".conv2", y, 4);
    batch_norm(model, name + ".bn2", y);
    Vector shortcut = x;
    if (model.find(name + ".downsample.0.weight") != nullptr) {
      shortcut = conv(model, name + ".downsample.0", x, 4);
      batch_norm(model, name + ".downsample.1", shortcut);
    }
    for (std::size_t i = 0; i < y.size(); ++i) y[i] += shortcut[i];
    relu(y);
    return y;
  };
  return {"resnet", network.linear("fc", 3, 8).build(), 16,
          [forward_block](const TensorSource& model, Vector x) {
            x = conv(model, "conv1", x, 4);
            batch_norm(model, "bn1", x);
            relu(x);
            for (const char* name : {"layer1.0", "layer2.0", "layer2.1"})
              x = forward_block(model, name, x);
            Vector pooled(8);
            for (std::size_t i = 0; i < x.size(); ++i) pooled[i / 16] += x[i] / 16;
            return linear(model, "fc", pooled);
          }};
}

/// Tokens of one sequence, one after another, each through a matrix of (out, in).
Vector project(const TensorSource& model, const std::string& name, const Vector& x,
               std::size_t width) {
  const Vector weight = values(model, name);
  const std::size_t rows = weight.size() / width;
  Vector y(x.size() / width * rows);
  for (std::size_t t = 0; t < x.size() / width; ++t)
    for (std::size_t o = 0; o < rows; ++o)
      for (std::size_t i = 0; i < width; ++i)
        y[t * rows + o] += weight[o * width + i] * x[t * width + i];
  return y;
}

/// One head: query, key and value of each token begin `offset` numbers into its row.
struct HeadRows {
  const Vector& values;
  std::size_t row;
  std::size_t offset;
  double at(std::size_t token, std::size_t i) const { return values[token * row + offset + i]; }
};

/// Adds nothing: writes softmax(q k) v of one head, tokens apart by `row`, from `offset` on.
void attend(const HeadRows& q, const HeadRows& k, const HeadRows& v, std::size_t tokens,
            std::size_t inner, std::size_t width, std::size_t row, std::size_t offset,
            Vector& out) {
  for (std::size_t t = 0; t < tokens; ++t) {
    Vector weight(tokens);
    double sum = 0;
    for (std::size_t s = 0; s < tokens; ++s) {
      double score = 0;
      for (std::size_t i = 0; i < inner; ++i) score += q.at(t, i) * k.at(s, i);
      weight[s] = std::exp(score / 8);
      sum += weight[s];
    }
    for (std::size_t s = 0; s < tokens; ++s)
      for (std::size_t i = 0; i < width; ++i)
        out[t * row + offset + i] += weight[s] / sum * v.at(s, i);
  }
}

/// Query, key and value in one matrix, as GPT-2 has them; 3 heads of 4, each with orders of its own
/// for query and key and for value.
Subject fused_attention() {
  return {"fused",
          NetworkBuilder()
              .add("embed", {6, 5})
              .add("qkv", {36, 6})
              .add("proj", {6, 12})
              .add("head", {2, 6})
              .build(),
          4 * 5,
          [](const TensorSource& model, const Vector& input) {
            const Vector x = project(model, "embed", input, 5);
            const Vector qkv = project(model, "qkv", x, 6);
            Vector heads(4 * 12);
            for (std::size_t h = 0; h < 3; ++h)
              attend({qkv, 36, h * 4}, {qkv, 36, 12 + h * 4}, {qkv, 36, 24 + h * 4}, 4, 4, 4, 12,
                     h * 4, heads);
            Vector y = project(model, "proj", heads, 12);
            for (std::size_t i = 0; i < y.size(); ++i) y[i] += x[i];
            return project(model, "head", y, 6);
          },
          "mgit-perm 1\nperm R\nperm H:3\nperm Q:4 in H\nperm V:4 in H\n"
          "embed: R, _\nqkv: H*Q+H*Q+H*V, R\nproj: R, H*V\nhead: _, R\n"};
}

/// 2 heads of key and value, each for 3 of query; positions of query and key count (a rotary
/// embedding), those of value do not.
Subject grouped_queries() {
  return {
      "grouped queries",
      NetworkBuilder()
          .add("embed", {6, 5})
          .add("q", {24, 6})
          .add("k", {8, 6})
          .add("v", {10, 6})
          .add("o", {6, 30})
          .add("head", {2, 6})
          .build(),
      4 * 5,
      [](const TensorSource& model, const Vector& input) {
        const Vector x = project(model, "embed", input, 5);
        Vector q = project(model, "q", x, 6);
        const Vector k = project(model, "k", x, 6);
        const Vector v = project(model, "v", x, 6);
        for (std::size_t i = 0; i < q.size(); ++i) q[i] *= 1 + static_cast<double>(i % 4);
        Vector heads(4 * 30);
        for (std::size_t h = 0; h < 6; ++h)
          attend({q, 24, h * 4}, {k, 8, h / 3 * 4}, {v, 10, h / 3 * 5}, 4, 4, 5, 30, h * 5, heads);
        return project(model, "head", project(model, "o", heads, 30), 6);
      },
      "mgit-perm 1\nperm R\nperm K:2\nperm G:3 in K\nperm V:5 in K\n"
      "embed: R, _\nq: K*G*_, R\nk: K*_, R\nv: K*V, R\no: R, K*G*V\nhead: _, R\n"};
}

/// A grouped layer: 3 groups, each from 2 inputs of its own to 4 outputs of its own. The rows of
/// its matrix are outputs of all groups, the columns inputs of the row's group.
Subject grouped_layer() {
  return {"grouped",
          NetworkBuilder().add("in", {6, 5}).add("grouped", {12, 2, 1}).add("out", {2, 12}).build(),
          5,
          [](const TensorSource& model, const Vector& input) {
            Vector x = project(model, "in", input, 5);
            relu(x);
            const Vector weight = values(model, "grouped");
            Vector y(12);
            for (std::size_t o = 0; o < 12; ++o)
              for (std::size_t i = 0; i < 2; ++i) y[o] += weight[o * 2 + i] * x[o / 4 * 2 + i];
            relu(y);
            return project(model, "out", y, 12);
          },
          "mgit-perm 1\nperm G:3\nperm I:2 in G\nperm O:4 in G\n"
          "in: G*I, _\ngrouped: G*O, I, _\nout: _, G*O\n"};
}

/// A norm over cells of 2, 3 and 2 channels: a channel may not leave its cell.
Subject cells() {
  return {"cells", NetworkBuilder().add("in", {7, 5}).add("out", {2, 7}).build(), 5,
          [](const TensorSource& model, const Vector& input) {
            Vector x = project(model, "in", input, 5);
            for (const auto& [begin, end] :
                 std::vector<std::pair<std::size_t, std::size_t>>{{0, 2}, {2, 5}, {5, 7}}) {
              double norm = 0;
              for (std::size_t i = begin; i < end; ++i) norm += x[i] * x[i];
              for (std::size_t i = begin; i < end; ++i) x[i] /= std::sqrt(norm);
            }
            return project(model, "out", x, 7);
          },
          "mgit-perm 1\nperm P within [2, 3, 2]\nin: P, _\nout: _, P\n"};
}

/// Largest change of an output, relative to the largest output.
double change(const Subject& subject, const TensorSource& a, const TensorSource& b) {
  double largest = 0;
  double difference = 0;
  for (std::uint64_t seed = 0; seed < 3; ++seed) {
    std::mt19937_64 random(seed);
    std::normal_distribution<double> normal;
    Vector input(subject.inputs);
    for (double& value : input) value = normal(random);
    const Vector before = subject.forward(a, input);
    const Vector after = subject.forward(b, input);
    for (std::size_t i = 0; i < before.size(); ++i) {
      largest = std::max(largest, std::abs(before[i]));
      difference = std::max(difference, std::abs(before[i] - after[i]));
    }
  }
  return difference / largest;
}

class Function : public ::testing::TestWithParam<Subject (*)()> {};

TEST_P(Function, IsUnchanged) {
  const Subject subject = GetParam()();
  const Spec spec = subject.spec();
  const MemoryModel model = random_model(subject.network, 11);
  const Permutation all = random_permutation(spec, 12);
  EXPECT_EQ(permutation_fault(spec.groups, all), std::nullopt);
  EXPECT_LT(change(subject, model, PermutedModel(model, spec, all)), 1e-12);
  for (std::uint32_t g = 0; g < spec.groups.size(); ++g) {
    const Permutation one = restricted_to(spec, all, g);
    EXPECT_EQ(permutation_fault(spec.groups, one), std::nullopt);
    EXPECT_LT(change(subject, model, PermutedModel(model, spec, one)), 1e-12)
        << spec.groups[g].name;
  }
}

TEST_P(Function, ChangesWithOneAxisLeftOut) {
  const Subject subject = GetParam()();
  const Spec spec = subject.spec();
  const MemoryModel model = random_model(subject.network, 13);
  const Permutation all = random_permutation(spec, 14);
  int controls = 0;
  for (std::size_t t = 0; t < spec.tensors.size(); ++t)
    for (std::size_t a = 0; a < spec.tensors[t].axes.size(); ++a) {
      if (spec.tensors[t].axes[a].occurrences.empty()) continue;
      Spec wrong = spec;
      wrong.tensors[t].axes[a].occurrences.clear();
      EXPECT_GT(change(subject, model, PermutedModel(model, wrong, all)), 1e-6)
          << spec.tensors[t].name << " axis " << a;
      ++controls;
    }
  EXPECT_GT(controls, 1);
}

TEST_P(Function, TextAndAlgebraGiveBackWhatTheyWereGiven) {
  const Subject subject = GetParam()();
  const Spec spec = subject.spec();
  EXPECT_EQ(spec_text(bind_spec(spec_text(spec), "again", subject.network)), spec_text(spec));
  const Permutation p = random_permutation(spec, 17);
  const Permutation q = random_permutation(spec, 18);
  EXPECT_EQ(permutation_fault(spec.groups, compose(p, q)), std::nullopt);
  EXPECT_EQ(permutation_fault(spec.groups, inverse(p)), std::nullopt);
  EXPECT_TRUE(compose(p, inverse(p)).identity());

  const std::vector<ModelPermutation> models = {
      {"net.safetensors", sha256(as_bytes(spec_text(spec))), spec.groups, p}};
  EXPECT_EQ(parse_permutation(permutation_text(models), "text"), models);

  const MemoryModel model = random_model(subject.network, 19);
  const Permutation both = compose(p, q);
  const Permutation back = inverse(p);
  const PermutedModel first(model, spec, p);
  const PermutedModel second(first, spec, q);
  const PermutedModel at_once(model, spec, both);
  const PermutedModel restored(first, spec, back);
  for (const TensorInfo& tensor : subject.network) {
    if (tensor.dtype != DType::kF32) continue;
    EXPECT_EQ(values(second, tensor.name), values(at_once, tensor.name)) << tensor.name;
    EXPECT_EQ(values(restored, tensor.name), values(model, tensor.name)) << tensor.name;
  }
}

INSTANTIATE_TEST_SUITE_P(Networks, Function,
                         ::testing::Values(mlp, vgg_with_norm, residual, fused_attention,
                                           grouped_queries, grouped_layer, cells));

/// Wrong treatments of heads that tools of the field have shipped.
TEST(Function, WhatHeadsDoNotAllowChangesIt) {
  const std::string head = "mgit-perm 1\nperm R\nembed: R, _\nhead: _, R\n";
  struct Mistake {
    const char* what;
    Subject subject;
    std::string text;
  };
  const Mistake mistakes[] = {
      {"the heads of value go their own way", fused_attention(),
       head + "perm H:3\nperm I:3\nperm Q:4 in H\nperm V:4 in I\n"
              "qkv: H*Q+H*Q+I*V, R\nproj: R, I*V\n"},
      {"key takes the order of value", fused_attention(),
       head + "perm H:3\nperm Q:4 in H\nperm V:4 in H\nqkv: H*Q+H*V+H*V, R\nproj: R, H*Q\n"},
      {"one order over all heads", fused_attention(),
       head + "perm A:12\nperm B:12\nqkv: A+A+B, R\nproj: R, B\n"},
      {"query heads leave their group", grouped_queries(),
       head + "perm G:6\nperm V:5\nq: G*_, R\nk: _, R\nv: _*V, R\no: R, G*V\n"},
      {"a rotary position moves", grouped_queries(),
       head + "perm K:2\nperm G:3 in K\nperm V:5 in K\nperm X:4 in K\n"
              "q: K*G*X, R\nk: K*X, R\nv: K*V, R\no: R, K*G*V\n"},
      {"inputs of a grouped layer move alike in all groups", grouped_layer(),
       "mgit-perm 1\nperm G:3\nperm I:2 in G\nperm O:4 in G\n"
       "in: G*I, _\ngrouped: G*O, _, _\nout: _, G*O\n"},
      {"a channel leaves its cell", cells(), "mgit-perm 1\nperm P\nin: P, _\nout: _, P\n"},
  };
  for (const Mistake& mistake : mistakes) {
    const SpecCheck check = check_spec(mistake.text, "wrong", mistake.subject.network);
    if (!check.spec) {
      EXPECT_THAT(check.reasons, ::testing::Contains(::testing::HasSubstr("one place alone")))
          << mistake.what;
      continue;
    }
    const MemoryModel model = random_model(mistake.subject.network, 20);
    const Permutation permutation = random_permutation(*check.spec, 21);
    EXPECT_GT(change(mistake.subject, model, PermutedModel(model, *check.spec, permutation)), 1e-3)
        << mistake.what;
  }
}

TEST(Function, TheFastFlattenOrderWouldBeWrong) {
  const Subject subject = vgg_with_norm();
  const std::string right = spec_text(*recognise(subject.network));
  std::string wrong = right;
  const std::string product = "C3*_:16";
  ASSERT_NE(wrong.find(product), std::string::npos) << right;
  wrong.replace(wrong.find(product), product.size(), "_:16*C3");
  const Spec spec = bind_spec(wrong, "wrong", subject.network);
  const MemoryModel model = random_model(subject.network, 15);
  const Permutation permutation = random_permutation(spec, 16);
  EXPECT_GT(change(subject, model, PermutedModel(model, spec, permutation)), 1e-3);
}

}  // namespace
}  // namespace mgit::testing
