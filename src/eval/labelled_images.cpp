#include "eval/labelled_images.h"

#include <cstring>
#include <utility>
#include <vector>

namespace mgit {
namespace {

template <typename T>
Buffer bytes_of(std::span<const T> values) {
  const auto bytes = std::as_bytes(values);
  return {bytes.begin(), bytes.end()};
}

template <typename T>
std::vector<T> values_of(const TensorData& tensor) {
  std::vector<T> values(tensor.view.data.size() / sizeof(T));
  std::memcpy(values.data(), tensor.view.data.data(), values.size() * sizeof(T));
  return values;
}

struct Share {
  std::vector<float> pixels;
  std::vector<std::int64_t> targets;
};

}  // namespace

MemoryModel labelled_images(std::span<const float> pixels, std::span<const std::int64_t> targets,
                            std::uint64_t height, std::uint64_t width) {
  MemoryModel data;
  data.set({"input", DType::kF32, {targets.size(), 1, height, width}}, bytes_of(pixels));
  data.set({"target", DType::kI64, {targets.size()}}, bytes_of(targets));
  return data;
}

std::pair<MemoryModel, MemoryModel> biased_shares(const TensorSource& images,
                                                  std::int64_t classes) {
  const TensorData input = images.read("input");
  const std::vector<float> pixels = values_of<float>(input);
  const std::vector<std::int64_t> targets = values_of<std::int64_t>(images.read("target"));
  const std::uint64_t height = input.view.shape.at(2);
  const std::uint64_t width = input.view.shape.at(3);
  std::vector<std::uint64_t> seen(static_cast<std::size_t>(classes));
  Share first;
  Share second;
  for (std::size_t i = 0; i < targets.size(); ++i) {
    const bool lower = targets[i] < classes / 2;
    const bool fifth = seen.at(static_cast<std::size_t>(targets[i]))++ % 5 == 4;
    Share& share = lower != fifth ? first : second;
    const auto begin = pixels.begin() + static_cast<std::ptrdiff_t>(i * height * width);
    share.pixels.insert(share.pixels.end(), begin,
                        begin + static_cast<std::ptrdiff_t>(height * width));
    share.targets.push_back(targets[i]);
  }
  return {labelled_images(first.pixels, first.targets, height, width),
          labelled_images(second.pixels, second.targets, height, width)};
}

}  // namespace mgit
