#include "workflow/staged_values.h"

#include <fmt/format.h>
#include <fnmatch.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <map>

#include "base/threads.h"
#include "base/words.h"
#include "format/shard_index.h"
#include "mgit/store.h"

namespace mgit {
namespace {

struct Counts {
  std::uint64_t nan = 0;
  std::uint64_t infinite = 0;
  std::uint64_t zeros = 0;
  bool is_mask = true;  // every value is 0 or -inf, and there is a 0
  std::uint64_t all() const { return nan + infinite; }
};

/// `exponent` and `mantissa` are the masks of these bits.
template <typename Word>
Counts count_words(Bytes data, Word exponent, Word mantissa) {
  const auto negative_infinity = static_cast<Word>(~mantissa);
  Counts counts;
  for (std::size_t at = 0; at + sizeof(Word) <= data.size(); at += sizeof(Word)) {
    Word word;
    std::memcpy(&word, data.data() + at, sizeof(Word));
    if ((word & exponent) == exponent) ++((word & mantissa) == 0 ? counts.infinite : counts.nan);
    if (word == 0)
      ++counts.zeros;
    else if (word != negative_infinity)
      counts.is_mask = false;
  }
  counts.is_mask = counts.is_mask && counts.zeros > 0;
  return counts;
}

Counts count_kinds(const TensorView& tensor) {
  switch (tensor.dtype) {
    case DType::kF16:
      return count_words<std::uint16_t>(tensor.data, 0x7c00, 0x03ff);
    case DType::kBF16:
      return count_words<std::uint16_t>(tensor.data, 0x7f80, 0x007f);
    case DType::kF32:
      return count_words<std::uint32_t>(tensor.data, 0x7f800000, 0x007fffff);
    case DType::kF64:
      return count_words<std::uint64_t>(tensor.data, 0x7ff0000000000000, 0x000fffffffffffff);
    default:
      return {};
  }
}

Counts count_in(const Store& store, const ManifestTensor& tensor) {
  return count_kinds(read_tensor(store, tensor).view);
}

/// Words that networks call their masks and additive biases of attention by. A learned bias of a
/// layer has one axis, a mask more.
bool is_named_as_mask(const TensorInfo& tensor) {
  constexpr std::array kWords{"mask", "causal", "alibi", "attn_bias", "attention_bias"};
  std::string name = tensor.name;
  std::ranges::transform(name, name.begin(), [](unsigned char c) {
    return static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  });
  if (std::ranges::any_of(kWords,
                          [&](const char* word) { return name.find(word) != std::string::npos; }))
    return true;
  return tensor.shape.size() >= 2 &&
         (name.ends_with("attn.bias") || name.ends_with("attention.bias"));
}

std::string kinds(const Counts& counts) {
  std::string words;
  if (counts.nan > 0) words += fmt::format("{} NaN", counts.nan);
  if (counts.infinite > 0)
    words += fmt::format("{}{} infinite", words.empty() ? "" : ", ", counts.infinite);
  return words;
}

/// The model is a file, or the index of the shards beside it.
bool is_of_model(const std::string& path, const std::string& model) {
  if (same_model_path(model, path)) return true;
  return model.ends_with(".index.json") &&
         std::filesystem::path(model).parent_path() == std::filesystem::path(path).parent_path();
}

}  // namespace

StagedValues::StagedValues(const Workspace& repository)
    : repository_(repository), finite_(repository.mgit_dir()) {
  if (const auto head = repository.head())
    for (const CommittedCheckpoint& checkpoint : repository.checkpoints_at(*head))
      for (const ManifestTensor& tensor : checkpoint.manifest.tensors) known_.insert(tensor.object);
  finite_.load();
  try {
    excepted_ = non_finite_tensors(repository);
  } catch (const Error&) {  // a file that git cannot parse excepts nothing
  }
}

bool StagedValues::is_excepted(const std::string& path, const std::string& tensor) const {
  return std::ranges::any_of(excepted_, [&](const NonFiniteTensors& each) {
    return is_of_model(path, each.model_path) &&
           ::fnmatch(each.pattern.c_str(), tensor.c_str(), 0) == 0;
  });
}

std::vector<std::string> StagedValues::problems(const std::string& path, const Manifest& manifest) {
  const Store& store = repository_.store();
  std::vector<const ManifestTensor*> fresh;
  for (const ManifestTensor& tensor : manifest.tensors)
    if (is_arithmetic(tensor.info.dtype) && !known_.contains(tensor.object) &&
        !finite_.contains(tensor.object, tensor.info.dtype) &&
        !is_excepted(path, tensor.info.name) && store.contains(tensor.object))
      fresh.push_back(&tensor);
  std::vector<Counts> counts(fresh.size());
  parallel_for(fresh.size(), [&](std::size_t i) {
    const TensorData tensor = read_tensor(store, *fresh[i]);
    if (count_non_finite(tensor.view) > 0) counts[i] = count_kinds(tensor.view);
  });
  std::vector<std::string> lines;
  std::optional<CommittedCheckpoint> before;
  for (std::size_t i = 0; i < fresh.size(); ++i) {
    const TensorInfo& tensor = fresh[i]->info;
    if (counts[i].all() == 0) continue;
    if (counts[i].nan == 0 && (counts[i].is_mask || is_named_as_mask(tensor))) continue;
    const auto head = repository_.head();
    if (head && !before) before = repository_.checkpoint_at(*head, path);
    const ManifestTensor* old = before ? before->manifest.find(tensor.name) : nullptr;
    if (old != nullptr && store.contains(old->object)) {
      const Counts was = count_in(store, *old);
      if ((counts[i].nan == 0 || was.nan > 0) && (counts[i].infinite == 0 || was.infinite > 0))
        continue;
    }
    lines.push_back(fmt::format("{}: {}: {} {} not finite ({})", path, tensor.name,
                                counted(counts[i].all(), "value"),
                                counts[i].all() == 1 ? "is" : "are", kinds(counts[i])));
    example_path_ = path;
    example_tensor_ = tensor.name;
  }
  return lines;
}

std::string StagedValues::hint() const {
  if (example_path_.empty()) return {};
  const std::string stem = std::filesystem::path(example_path_).stem().string();
  return fmt::format(
      "if such values belong to the network, .mgitconfig excepts them: [model \"{}\"] with path = "
      "{} and nonfinite = {} (a pattern; as many lines as you like)",
      stem, example_path_, example_tensor_);
}

}  // namespace mgit
