// The spec language: parser, binder, canonical text, gathers.
//
//   input = ( name [ " " length ]* LF )* "%%" LF spec
#include <algorithm>
#include <charconv>
#include <functional>
#include <map>

#include "fuzz.h"
#include "mgit/perm.h"
#include "mgit/spec_folding.h"
#include "perm/spec_folding.h"

namespace {

using namespace mgit;

/// Gathers of axes above this are not computed: that is memory, not parsing.
constexpr std::uint64_t kLongestAxis = 1U << 12U;

std::vector<TensorInfo> read_network(std::string_view text) {
  std::map<std::string, Shape> tensors;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    Shape shape;
    for (std::size_t blank = line.rfind(' '); blank != std::string_view::npos;
         blank = line.rfind(' ')) {
      std::uint64_t length = 0;
      std::from_chars(line.data() + blank + 1, line.data() + line.size(), length);
      shape.insert(shape.begin(), length);
      line = line.substr(0, blank);
    }
    // As the formats promise: a tensor has a number of bytes.
    if (byte_size(DType::kF32, shape)) tensors[std::string(line)] = shape;
  }
  std::vector<TensorInfo> network;
  for (const auto& [name, shape] : tensors) network.push_back({name, DType::kF32, shape});
  return network;
}

/// Every group, and every member of a family, turned by one unit.
Permutation rotations(const Spec& spec) {
  Permutation permutation = identity_permutation(spec);
  const std::function<void(std::uint32_t)> turn = [&](std::uint32_t number) {
    const Group& group = spec.groups[number];
    Gather& gather = permutation.groups[number];
    if (!gather.empty()) return;
    if (group.outer) turn(*group.outer);
    const std::uint64_t members = member_count(spec.groups, number);
    for (std::uint32_t m = 0; m < members; ++m) {
      const std::uint32_t from = group.outer ? permutation.groups[*group.outer][m] : 0;
      for (std::uint32_t i = 0; i < group.size; ++i)
        gather.push_back(from * group.size + (group.fixed ? i : (i + 1) % group.size));
    }
  };
  for (std::uint32_t number = 0; number < spec.groups.size(); ++number) turn(number);
  fuzz::require(!permutation_fault(spec.groups, permutation), "a permutation of the groups");
  return permutation;
}

void check_bound(const Spec& spec, const std::vector<TensorInfo>& network) {
  fuzz::require(spec.tensors.size() == network.size(), "every tensor is covered");
  std::uint64_t longest = 0;
  for (std::size_t i = 0; i < network.size(); ++i) {
    fuzz::require(spec.tensors[i].name == network[i].name, "tensors are in order");
    fuzz::require(fits(spec.tensors[i], network[i].shape), "the axes are the tensor's");
    for (const SpecAxis& axis : spec.tensors[i].axes) longest = std::max(longest, axis.length);
  }
  for (std::uint32_t number = 0; number < spec.groups.size(); ++number)
    longest = std::max(longest, unit_count(spec.groups, number));
  Spec again = bind_spec(spec_text(spec), "canonical", network);
  again.proof = spec.proof;
  fuzz::require(again == spec, "the canonical text binds to the same spec");
  if (const auto folded = speclang::folded_text(spec_text(spec))) {
    again = bind_spec(*folded, "folded", network);
    again.proof = spec.proof;
    fuzz::require(again == spec, "folded, the canonical text binds to the same spec");
  }
  if (longest > kLongestAxis) return;
  const Permutation permutation = rotations(spec);
  for (const SpecTensor& tensor : spec.tensors)
    for (const Gather& gather : tensor_gathers(spec, tensor, permutation))
      fuzz::require(gather.empty() || is_bijection(gather), "a gather is a bijection");
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::string_view kDivider = "%%\n";
  const std::string_view text = as_text(fuzz::bytes_of(data, size));
  const std::size_t divider = text.find(kDivider);
  if (divider == std::string_view::npos) return 0;
  const std::vector<TensorInfo> network = read_network(text.substr(0, divider));
  const std::string spec(text.substr(divider + kDivider.size()));
  fold_spec(spec, network);
  try {
    const SpecCheck check = check_spec(spec, "fuzz", network);
    fuzz::require(check.spec.has_value() != !check.reasons.empty(), "a spec, or reasons");
    if (check.spec) check_bound(*check.spec, network);
  } catch (const Error&) {
  }
  return 0;
}
