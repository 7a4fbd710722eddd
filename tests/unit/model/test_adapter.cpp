// What an adapter has to do as the units of its model move.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/random.h"
#include "mgit/random_permutation.h"
#include "model/adapter.h"

namespace mgit {
namespace {

using ::testing::HasSubstr;

TensorInfo info(const std::string& name, Shape shape) {
  return {name, DType::kF32, std::move(shape)};
}

/// A model, its spec, and a permutation of it.
struct AdaptedModel {
  AdaptedModel(const std::string& text, std::vector<TensorInfo> of)
      : weights(std::move(of)),
        spec(bind_spec("mgit-perm 1\n" + text, "test", weights)),
        random(5),
        permutation(random_permutation(spec, random)) {}

  CarriedAdapter carried(const std::vector<TensorInfo>& adapter) const {
    EXPECT_EQ(adapter_misfit(adapter, weights), std::nullopt);
    return carry_adapter(adapter, weights, spec, permutation);
  }
  Gather order(const std::string& tensor, std::size_t axis) const {
    return axis_gather(spec, spec.find(tensor)->axes.at(axis), permutation);
  }

  std::vector<TensorInfo> weights;
  Spec spec;
  Random random;
  Permutation permutation;
};

/// Of one axis; empty: it stays.
Gather order(const CarriedAdapter& carried, const std::string& tensor, std::size_t axis) {
  return axis_gather(carried.spec, carried.spec.find(tensor)->axes.at(axis), carried.permutation);
}

void expect_fault(const AdaptedModel& model, const std::vector<TensorInfo>& adapter,
                  const std::string& fault) {
  try {
    carry_adapter(adapter, model.weights, model.spec, model.permutation);
    FAIL() << "it was carried";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr(fault));
  }
}

TEST(Adapter, SquareWeightsOfConv1DHaveTheirInputsOnTheRows) {
  const AdaptedModel model(
      "perm R:9\nperm H:9\nwte.weight: _, R\nc.weight: R, H\nc.bias: H\nd.weight: H, R\nd.bias: R\n"
      "head.weight: _, R\n",
      {info("c.bias", {9}), info("c.weight", {9, 9}), info("d.bias", {9}), info("d.weight", {9, 9}),
       info("head.weight", {4, 9}), info("wte.weight", {6, 9})});
  ASSERT_NE(model.order("c.weight", 0), model.order("c.weight", 1));
  const std::string c = "base_model.model.transformer.c.";
  const std::string wte = "base_model.model.wte.";
  const CarriedAdapter carried = model.carried(
      {info(c + "lora_A.weight", {2, 9}), info(c + "lora_B.bias", {9}),
       info(c + "lora_B.weight", {9, 2}), info(c + "lora_magnitude_vector", {9}),
       info("base_model.model.head.lora_A.default.weight", {2, 9}),
       info("base_model.model.head.lora_B.default.weight", {4, 2}),
       info(wte + "lora_embedding_A", {2, 6}), info(wte + "lora_embedding_B", {9, 2})});
  EXPECT_EQ(order(carried, c + "lora_A.weight", 1), model.order("c.weight", 0));
  EXPECT_EQ(order(carried, c + "lora_A.weight", 0), Gather());
  EXPECT_EQ(order(carried, c + "lora_B.weight", 0), model.order("c.weight", 1));
  EXPECT_EQ(order(carried, c + "lora_B.bias", 0), model.order("c.weight", 1));
  EXPECT_EQ(order(carried, c + "lora_magnitude_vector", 0), model.order("c.weight", 1));
  EXPECT_EQ(order(carried, "base_model.model.head.lora_A.default.weight", 1),
            model.order("head.weight", 1));
  EXPECT_EQ(order(carried, "base_model.model.head.lora_B.default.weight", 0), Gather());
  EXPECT_EQ(order(carried, wte + "lora_embedding_A", 1), Gather());
  EXPECT_EQ(order(carried, wte + "lora_embedding_B", 0), model.order("wte.weight", 1));
}

TEST(Adapter, ConvolutionsKeepTheirKernels) {
  const AdaptedModel model(
      "perm C:5\nconv.weight: C, _, _, _\nconv.bias: C\nnext.weight: _, C, _, _\nnext.bias: _\n",
      {info("conv.bias", {5}), info("conv.weight", {5, 3, 3, 3}), info("next.bias", {4}),
       info("next.weight", {4, 5, 3, 3})});
  const CarriedAdapter carried =
      model.carried({info("lora_unet_conv.lora_down.weight", {2, 3, 1, 1}),
                     info("lora_unet_conv.lora_mid.weight", {2, 2, 3, 3}),
                     info("lora_unet_conv.lora_up.weight", {5, 2, 1, 1}),
                     info("unet.conv.lora_magnitude_vector", {1, 5, 1, 1}),
                     info("unet.next.lora_A.weight", {2, 5, 3, 3}),
                     info("unet.next.lora_B.weight", {4, 2, 1, 1})});
  const Gather channels = model.order("conv.weight", 0);
  EXPECT_EQ(order(carried, "lora_unet_conv.lora_up.weight", 0), channels);
  EXPECT_EQ(order(carried, "unet.conv.lora_magnitude_vector", 1), channels);
  EXPECT_EQ(order(carried, "unet.next.lora_A.weight", 1), channels);
  EXPECT_EQ(order(carried, "lora_unet_conv.lora_down.weight", 1), Gather());
  EXPECT_EQ(order(carried, "unet.next.lora_B.weight", 0), Gather());
}

TEST(Adapter, HeadsMoveWithTheirUnitsAlsoWhereNobodyReadsThem) {
  const AdaptedModel model(
      "perm H:3\nperm Q:4 in H\nperm V:4 in H\nq.weight: H*Q, _\nk.weight: H*Q, _\nv.weight: H*V, "
      "_\n"
      "o.weight: _, H*V\n",
      {info("k.weight", {12, 7}), info("o.weight", {7, 12}), info("q.weight", {12, 7}),
       info("v.weight", {12, 7})});
  const CarriedAdapter carried =
      model.carried({info("q.lora_A.weight", {2, 7}), info("q.lora_B.weight", {12, 2})});
  EXPECT_EQ(order(carried, "q.lora_B.weight", 0), model.order("q.weight", 0));
  // What is recorded is read again.
  const Spec again =
      bind_recorded_spec(spec_text(carried.spec), "recorded",
                         {info("q.lora_A.weight", {2, 7}), info("q.lora_B.weight", {12, 2})});
  EXPECT_EQ(again.groups, carried.spec.groups);
  EXPECT_EQ(again.tensors, carried.spec.tensors);
}

TEST(Adapter, NothingMovesWhereItStandsOnNothingThatMoves) {
  const AdaptedModel model("perm A:5\nfc1.weight: A, _\nfc2.weight: _, A\n",
                           {info("fc1.weight", {5, 3}), info("fc2.weight", {2, 5})});
  EXPECT_TRUE(model.carried({info("fc1.lora_A.weight", {2, 3})}).spec.tensors.empty());
}

TEST(Adapter, UnitsAcrossBothAxesCannotBeCarried) {
  const AdaptedModel model(
      "perm G:2\nperm I:3 in G\nperm O:4 in G\nin.weight: G*I, _\nconv.weight: G*O, I, _\n"
      "out.weight: _, G*O\n",
      {info("conv.weight", {8, 3, 1}), info("in.weight", {6, 5}), info("out.weight", {4, 8})});
  expect_fault(model, {info("conv.lora_A.weight", {2, 3, 1})}, "across both of its axes");
}

TEST(Adapter, WhatIsNotUnderstoodIsAMisfit) {
  const std::vector<TensorInfo> weights = {info("a.fc.weight", {4, 3}),
                                           info("model.fc.weight", {4, 3}),
                                           info("fc.weight", {4, 3}), info("b.weight", {4, 3})};
  const auto misfit = [&](const std::string& name, Shape shape) {
    return adapter_misfit({info(name, std::move(shape))}, weights).value_or("none");
  };
  EXPECT_THAT(misfit("fc.lora_A.weight", {2, 3}),
              HasSubstr("no weight 'fc.weight'"));  // two of them
  EXPECT_THAT(misfit("b.lora_A.weight", {2, 5}), HasSubstr("does not fit"));
  EXPECT_THAT(misfit("b.lora_A.weight", {3}), HasSubstr("does not fit"));
  EXPECT_THAT(misfit("b.lora_magnitude_vector", {4, 4}), HasSubstr("does not fit"));
  EXPECT_THAT(misfit("b.lokr_w1", {2, 2}), HasSubstr("does not know"));
  EXPECT_THAT(misfit("c.weight", {2, 2}), HasSubstr("no such tensor"));
  EXPECT_EQ(misfit("base_model.model.b.modules_to_save.default.weight", {4, 3}), "none");
  EXPECT_EQ(misfit("base_model.model.b.base_layer.weight", {4, 3}), "none");
  EXPECT_EQ(misfit("base_model.model.a.fc.lora_A.weight", {2, 3}), "none");
}

TEST(Adapter, IsToldByItsNames) {
  EXPECT_TRUE(is_adapter("x/adapter_model.safetensors", {info("head.weight", {2, 2})}));
  EXPECT_TRUE(is_adapter("lora.safetensors", {info("lora_te_x.lora_up.weight", {2, 2})}));
  EXPECT_TRUE(is_adapter("x.safetensors", {info("fc.hada_w1_a", {2, 2})}));
  EXPECT_FALSE(is_adapter("model.safetensors",
                          {info("fc.lora_A.weight", {2, 2}), info("fc.weight", {2, 2})}));
  EXPECT_FALSE(is_adapter("adapter_model.safetensors", {}));
}

}  // namespace
}  // namespace mgit
