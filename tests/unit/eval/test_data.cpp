// Drawn digits, shares, data files.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <fstream>
#include <map>
#include <set>

#include "eval/data_set.h"
#include "eval/digits.h"
#include "eval/labelled_images.h"
#include "eval/safetensors_writer.h"
#include "mgit/format.h"
#include "support/support.h"

namespace mgit {
namespace {

std::vector<std::int64_t> targets_of(const MemoryModel& data) {
  const TensorData tensor = data.read("target");
  std::vector<std::int64_t> targets(tensor.view.data.size() / sizeof(std::int64_t));
  std::memcpy(targets.data(), tensor.view.data.data(), tensor.view.data.size());
  return targets;
}

std::string bytes_of(const MemoryModel& data, const char* name) {
  return std::string(as_text(data.read(name).view.data));
}

TEST(Digits, TheSameSeedDrawsTheSamePictures) {
  EXPECT_EQ(bytes_of(draw_digits(200, 3), "input"), bytes_of(draw_digits(200, 3), "input"));
  EXPECT_NE(bytes_of(draw_digits(200, 3), "input"), bytes_of(draw_digits(200, 4), "input"));
}

TEST(Digits, AllClassesAlikeAndNoTwoPicturesEqual) {
  const MemoryModel data = draw_digits(500, 1);
  EXPECT_EQ(data.find("input")->shape, (Shape{500, 1, 16, 16}));
  std::map<std::int64_t, int> count;
  for (const std::int64_t target : targets_of(data)) ++count[target];
  ASSERT_EQ(count.size(), 10U);
  for (const auto& [digit, pictures] : count) EXPECT_EQ(pictures, 50) << digit;
  const std::string pixels = bytes_of(data, "input");
  std::set<std::string> pictures;
  for (std::size_t i = 0; i < 500; ++i) pictures.insert(pixels.substr(i * 1024, 1024));
  EXPECT_EQ(pictures.size(), 500U);
}

TEST(Digits, AClassResemblesItselfMoreThanOthers) {
  // The mean picture of each digit classifies fresh pictures far better than chance.
  const auto means = [](const MemoryModel& data) {
    std::vector<float> pixels(data.read("input").view.data.size() / sizeof(float));
    to_float(data.read("input").view, pixels);
    std::vector<std::vector<double>> sum(10, std::vector<double>(256));
    for (std::size_t i = 0; i < pixels.size(); ++i)
      sum[i / 256 % 10][i % 256] += static_cast<double>(pixels[i]);
    return sum;
  };
  const auto sums = means(draw_digits(2000, 1));
  const MemoryModel test = draw_digits(500, 2);
  std::vector<float> pixels(500 * 256);
  to_float(test.read("input").view, pixels);
  int correct = 0;
  for (std::size_t i = 0; i < 500; ++i) {
    std::size_t best = 0;
    double least = 1e300;
    for (std::size_t digit = 0; digit < 10; ++digit) {
      double distance = 0;
      for (std::size_t p = 0; p < 256; ++p)
        distance += std::pow(static_cast<double>(pixels[i * 256 + p]) - sums[digit][p] / 200, 2);
      if (distance < least) {
        least = distance;
        best = digit;
      }
    }
    if (best == i % 10) ++correct;
  }
  EXPECT_GT(correct, 250);
}

TEST(BiasedShares, AreDisjointCompleteAndFourToOne) {
  const MemoryModel data = draw_digits(1000, 5);
  const auto [first, second] = biased_shares(data, 10);
  std::map<std::int64_t, int> in_first;
  for (const std::int64_t target : targets_of(first)) ++in_first[target];
  for (std::int64_t digit = 0; digit < 10; ++digit)
    EXPECT_EQ(in_first[digit], digit < 5 ? 80 : 20) << digit;
  EXPECT_EQ(targets_of(first).size() + targets_of(second).size(), 1000U);
  const std::string all = bytes_of(data, "input");
  std::multiset<std::string> pictures;
  for (const MemoryModel* share : {&first, &second}) {
    const std::string pixels = bytes_of(*share, "input");
    for (std::size_t i = 0; i < pixels.size() / 1024; ++i)
      pictures.insert(pixels.substr(i * 1024, 1024));
  }
  for (std::size_t i = 0; i < 1000; ++i)
    EXPECT_EQ(pictures.count(all.substr(i * 1024, 1024)), 1U) << i;
}

TEST(SafetensorsWriter, WritesWhatTheParserReads) {
  MemoryModel model;
  model.set({"b \"quoted\" ü", DType::kI64, {2}}, Buffer(16, std::byte{7}));
  model.set({"a", DType::kF32, {2, 3}}, testing::random_floats(6, 1));
  model.set({"empty", DType::kF16, {0, 4}}, {});
  model.set({"scalar", DType::kBool, {}}, Buffer(1, std::byte{1}));
  const Buffer file = safetensors_bytes(model);
  const ParsedCheckpoint parsed = parse_checkpoint(file, "x.safetensors");
  ASSERT_EQ(parsed.format, "safetensors");
  ASSERT_EQ(parsed.tensors.size(), 4U);
  for (const StoredTensor& tensor : parsed.tensors) {
    ASSERT_NE(model.find(tensor.info.name), nullptr);
    EXPECT_EQ(*model.find(tensor.info.name), tensor.info);
    EXPECT_EQ(as_text(Bytes(file).subspan(tensor.offset, tensor.length)),
              as_text(model.read(tensor.info.name).view.data));
  }
}

TEST(DataSet, NeedsInputAndTarget) {
  testing::TemporaryDirectory directory;
  const auto path = directory.path() / "data.safetensors";
  write_safetensors(path, draw_digits(10, 1));
  EXPECT_EQ(read_data_set(path).input.view.shape, (Shape{10, 1, 16, 16}));
  EXPECT_EQ(read_data_set(path).target.view.dtype, DType::kI64);
  MemoryModel half;
  half.set({"input", DType::kF32, {1}}, testing::random_floats(1, 1));
  write_safetensors(path, half);
  EXPECT_THROW(read_data_set(path), MissingError);
  EXPECT_THROW(read_data_set(directory.path() / "absent"), Error);
  std::ofstream(path) << "mgit checkpoint 1\nformat safetensors\n";
  EXPECT_THROW(read_data_set(path), MissingError);
  std::ofstream(directory.path() / "data.txt") << "nothing of the kind";
  EXPECT_THROW(read_data_set(directory.path() / "data.txt"), Error);
}

}  // namespace
}  // namespace mgit
