// compare_checkpoints: what counts as changed, and the numbers.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>

#include "workflow/diff/diff.h"
#include "workflow/diff/diff_moves.h"

namespace mgit {
namespace {

Buffer floats(const std::vector<float>& values) {
  Buffer data(values.size() * sizeof(float));
  std::memcpy(data.data(), values.data(), data.size());
  return data;
}

void set(MemoryModel& model, const std::string& name, const std::vector<float>& values,
         Shape shape = {}) {
  if (shape.empty()) shape = {values.size()};
  model.set({name, DType::kF32, shape}, floats(values));
}

TensorDifference only(const MemoryModel& before, const MemoryModel& after) {
  const auto tensors = compare_checkpoints({&before, nullptr}, {&after, nullptr});
  EXPECT_EQ(tensors.size(), 1U);
  return tensors.at(0);
}

TEST(CompareCheckpoints, SortsEveryTensorIntoOneKind) {
  MemoryModel before;
  MemoryModel after;
  set(before, "equal", {1, 2});
  set(after, "equal", {1, 2});
  set(before, "changed", {1, 2});
  set(after, "changed", {1, 3});
  set(before, "gone", {1});
  set(after, "added", {1});
  set(before, "shape", {1, 2, 3, 4, 5, 6}, {2, 3});
  set(after, "shape", {1, 2, 3, 4, 5, 6}, {3, 2});
  std::vector<std::pair<std::string, TensorChange>> kinds;
  for (const auto& tensor : compare_checkpoints({&before, nullptr}, {&after, nullptr}))
    kinds.emplace_back(tensor.name, tensor.change);
  EXPECT_THAT(kinds, ::testing::ElementsAre(::testing::Pair("added", TensorChange::kAdded),
                                            ::testing::Pair("changed", TensorChange::kChanged),
                                            ::testing::Pair("equal", TensorChange::kEqual),
                                            ::testing::Pair("gone", TensorChange::kGone),
                                            ::testing::Pair("shape", TensorChange::kReshaped)));
}

TEST(CompareCheckpoints, GivesRelativeChangeAndCosine) {
  MemoryModel before;
  MemoryModel after;
  set(before, "x", {3, 4});
  set(after, "x", {4, -3});
  const TensorDifference tensor = only(before, after);
  EXPECT_NEAR(tensor.relative.value(), std::sqrt(1.0 + 49.0) / 5, 1e-12);
  EXPECT_NEAR(tensor.cosine.value(), 0, 1e-12);
}

TEST(CompareCheckpoints, ACosineNeedsTwoDirections) {
  MemoryModel before;
  MemoryModel after;
  set(before, "x", {0, 0});
  set(after, "x", {1, 0});
  const TensorDifference tensor = only(before, after);
  EXPECT_TRUE(std::isinf(tensor.relative.value()));
  EXPECT_FALSE(tensor.cosine.has_value());
}

TEST(CompareCheckpoints, IntegersChangeWithoutNumbers) {
  MemoryModel before;
  MemoryModel after;
  before.set({"n", DType::kI64, {}}, Buffer(8, std::byte{1}));
  after.set({"n", DType::kI64, {}}, Buffer(8, std::byte{2}));
  const TensorDifference tensor = only(before, after);
  EXPECT_EQ(tensor.change, TensorChange::kChanged);
  EXPECT_FALSE(tensor.relative.has_value());
}

TEST(CompareCheckpoints, LargeTensorsAreComparedToTheLastElement) {
  std::vector<float> values(200'001, 1.0F);
  MemoryModel before;
  set(before, "x", values);
  values.back() = 2.0F;
  MemoryModel after;
  set(after, "x", values);
  EXPECT_NEAR(only(before, after).relative.value(), 1 / std::sqrt(200'001.0), 1e-12);
}

/// Two files of one folder, before and after, and their differences with moves marked.
std::vector<CheckpointDifference> with_moves(const MemoryModel (&before)[2],
                                             const MemoryModel (&after)[2]) {
  std::vector<CheckpointDifference> differences(2);
  std::vector<ComparedFile> files;
  for (std::size_t i = 0; i < 2; ++i) {
    differences[i].path = "folder/" + std::to_string(i);
    differences[i].tensors = compare_checkpoints({&before[i], nullptr}, {&after[i], nullptr});
    files.push_back({&differences[i], {&before[i], nullptr}, {&after[i], nullptr}});
  }
  mark_moves(files);
  return differences;
}

TEST(MarkMoves, ATensorThatWentToAnotherFileIsSaidToHaveMovedOrChanged) {
  MemoryModel before[2];
  MemoryModel after[2];
  set(before[0], "stays", {1});
  set(before[0], "moves", {1, 2});
  set(before[0], "altered", {1, 2});
  set(after[0], "stays", {1});
  set(after[1], "moves", {1, 2});
  set(after[1], "altered", {1, 3});
  const auto differences = with_moves(before, after);
  const std::string first = difference_text(differences[0], false);
  EXPECT_THAT(first, ::testing::HasSubstr("1 equal, 2 moved"));
  EXPECT_THAT(first, ::testing::ContainsRegex("moved +2 tensors to folder/1"));
  const std::string second = difference_text(differences[1], false);
  EXPECT_THAT(second, ::testing::ContainsRegex("moved +1 tensor from folder/0"));
  EXPECT_THAT(second, ::testing::ContainsRegex("changed +altered +F32 2  change .* from folder/0"));
  EXPECT_EQ(resharding_text(differences), "resharded: 2 tensors moved, 1 changed\n");
}

TEST(MarkMoves, ATensorThatTwoFilesLostIsInDoubt) {
  MemoryModel before[2];
  MemoryModel after[2];
  set(before[0], "x", {1});
  set(before[1], "x", {1});
  EXPECT_THAT(difference_text(with_moves(before, after)[0], false), ::testing::HasSubstr("1 gone"));
}

}  // namespace
}  // namespace mgit
