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
  const auto spec = recognise(subject.network);
  ASSERT_TRUE(spec);
  EXPECT_EQ(spec->architecture, subject.name);
  const MemoryModel model = random_model(subject.network, 11);
  const Permutation all = random_permutation(*spec, 12);
  EXPECT_LT(change(subject, model, PermutedModel(model, *spec, all)), 1e-12);
  for (std::size_t g = 0; g < spec->groups.size(); ++g) {
    Permutation one = identity_permutation(*spec);
    one.groups[g] = all.groups[g];
    EXPECT_LT(change(subject, model, PermutedModel(model, *spec, one)), 1e-12)
        << spec->groups[g].name;
  }
}

TEST_P(Function, ChangesWithOneAxisLeftOut) {
  const Subject subject = GetParam()();
  const Spec spec = *recognise(subject.network);
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
  EXPECT_GT(controls, 4);
}

INSTANTIATE_TEST_SUITE_P(Networks, Function, ::testing::Values(mlp, vgg_with_norm, residual));

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
