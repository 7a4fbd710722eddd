// Where a graph shows what hidden units compute.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/graph/graph_builder.h"

namespace mgit {
namespace {

using ::testing::ElementsAre;
using testing::GraphBuilder;
using ::testing::Pair;

/// Value and axis of each place, by the group's name.
std::map<std::string, std::vector<std::pair<ValueId, std::size_t>>> places(
    GraphBuilder& builder, const std::string& prefix = "") {
  std::vector<TensorInfo> network = builder.network();
  const Spec spec = bind_spec(builder.derive().spec_text, "derived", network);
  for (GraphParameter& parameter : builder.graph().parameters)
    parameter.tensor = prefix + parameter.tensor;
  std::map<std::string, std::vector<std::pair<ValueId, std::size_t>>> result;
  const auto found = unit_axes(builder.graph(), spec, prefix);
  for (std::size_t g = 0; g < spec.groups.size(); ++g)
    for (const UnitAxis& place : found[g])
      result[spec.groups[g].name].emplace_back(place.value, place.axis);
  return result;
}

TEST(UnitAxes, AreWhatTheNextLayerReads) {
  GraphBuilder builder;
  const ValueId input = builder.input({std::nullopt, 5});
  const ValueId first = builder.relu(builder.linear("fc1", input, 7));
  const ValueId second = builder.relu(builder.linear("fc2", first, 6));
  builder.output(builder.linear("fc3", second, 3));
  EXPECT_THAT(places(builder, "net."), ElementsAre(Pair("fc1", ElementsAre(Pair(first, 1))),
                                                   Pair("fc2", ElementsAre(Pair(second, 1)))));
}

TEST(UnitAxes, OfAResidualStreamAreAllThatIsReadFromIt) {
  GraphBuilder builder;
  const ValueId input = builder.input({std::nullopt, 5});
  const ValueId stream = builder.linear("stem", input, 8);
  const ValueId inner = builder.relu(builder.linear("up", stream, 16));
  const ValueId sum = builder.add(stream, builder.linear("down", inner, 8));
  builder.output(builder.linear("head", builder.relu(sum), 3));
  const auto found = places(builder);
  ASSERT_EQ(found.size(), 2U);
  std::vector<std::size_t> counts;
  for (const auto& [name, axes] : found) {
    counts.push_back(axes.size());
    if (axes.size() == 2) {
      EXPECT_EQ(axes[0].first, stream);
      EXPECT_GT(axes[1].first, sum);  // after the rectifier
    } else {
      EXPECT_THAT(axes, ElementsAre(Pair(inner, 1)));
    }
  }
  EXPECT_THAT(counts, ::testing::UnorderedElementsAre(1, 2));
}

TEST(UnitAxes, AreNoneOfWeightsThatAreOnlyTransposed) {
  GraphBuilder builder;
  const ValueId input = builder.input({std::nullopt, 5});
  const ValueId hidden = builder.relu(builder.linear("fc1", input, 7));
  const ValueId weight = builder.parameter("fc2.weight", {3, 7});
  const ValueId turned = builder.op("t", {{"self", weight}}, {7, 3});
  builder.output(builder.op("matmul", {{"self", hidden}, {"other", turned}}, {std::nullopt, 3}));
  EXPECT_THAT(places(builder), ElementsAre(Pair("fc1", ElementsAre(Pair(hidden, 1)))));
}

}  // namespace
}  // namespace mgit
