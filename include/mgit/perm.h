// Permutation specs: which axis of which tensor carries which group of hidden units.
//
// A spec file (docs/specs.md, DESIGN section 5) is text with globs, captures and sizes left open.
// Bound to the tensors of one network it becomes a Spec: every tensor, every axis, explicit. From a
// Spec and a Permutation follows one gather vector per axis, so applying is exact and invertible.
// Pure: no files, no git. All types are values; a const Spec may be shared between threads.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mgit/base.h"
#include "mgit/tensor.h"

namespace mgit {

/// A set of hidden units that can be reordered together: a permutation variable of size n. In a
/// family (`perm V:64 in H`), one such set in each unit of the outer group, each with an order of
/// its own; it moves with that unit (a wreath product: attention heads, experts, GroupNorm).
struct Group {
  std::string name;
  std::uint32_t size = 0;                // of a family, of each member
  std::optional<std::uint32_t> outer{};  // the group it is a family of, which may be one itself
  bool fixed = false;                    // cannot move, and is here for its families
  bool operator==(const Group&) const = default;
};

/// How many sets of units a group stands for: 1, or of a family the units of its outer group.
std::uint64_t member_count(const std::vector<Group>& groups, std::uint32_t group);
/// The units of all members together: the length of its entry in a Permutation.
std::uint64_t unit_count(const std::vector<Group>& groups, std::uint32_t group);

/// A place where a group stands on an axis: the axis index of (o, g, i), o < outer, g < group size,
/// i < inner, is offset + (o * size + g) * inner + i. At o stands the member
/// (first + o / step) mod member_count; the outer group encloses a family wherever it stands.
struct Occurrence {
  std::uint32_t group = 0;
  std::uint64_t offset = 0;
  std::uint64_t outer = 1;
  std::uint64_t inner = 1;
  std::uint64_t first = 0;
  std::uint64_t step = 1;
  bool operator==(const Occurrence&) const = default;
};

struct SpecAxis {
  std::uint64_t length = 0;
  std::vector<Occurrence> occurrences;  // empty: the axis is fixed
  bool operator==(const SpecAxis&) const = default;
};

struct SpecTensor {
  std::string name;
  std::vector<SpecAxis> axes;  // one per axis of the tensor; all fixed for a skipped one
  bool match = true;           // false: kept out of the objective (!nomatch: running statistics)
  bool reshaped = false;       // the axes are those of another shape with as many elements (`as`)

  Shape shape() const;  // the lengths of the axes
  bool operator==(const SpecTensor&) const = default;
};
/// Whether a tensor of this shape can be read under the axes.
bool fits(const SpecTensor& tensor, const Shape& shape);

/// How far a spec was proved (DESIGN section 5).
enum class Proof : std::uint8_t { kStatic, kFamily, kAlgebraic, kNumeric };
std::string_view proof_name(Proof proof);

/// A spec bound to one network. Tensors are sorted by name and cover the network completely.
struct Spec {
  std::string architecture;  // the family's name, "custom" for a file without `arch`
  Proof proof = Proof::kStatic;
  std::vector<Group> groups;
  std::vector<SpecTensor> tensors;

  const SpecTensor* find(std::string_view tensor) const;
  /// Whether a group that is not fixed stands on an axis of one of the tensors.
  bool moves(const SpecTensor& tensor) const;
  bool operator==(const Spec&) const = default;
};

/// Canonical text: explicit names and sizes, itself a valid spec file that binds to an equal Spec
/// (but for the proof, which no text can claim). Its SHA-256 names the spec.
std::string spec_text(const Spec& spec);

/// What the config.json beside a checkpoint says, which shapes do not show (the number of heads):
/// "num_attention_heads" -> "12", "text_config.model_type" -> "t5"; numbers, texts, true and false.
using NetworkConfig = std::map<std::string, std::string, std::less<>>;

/// Parses spec text and binds it to a network. Throws Error with "file:line:column" for syntax, and
/// with the first reasons (a tensor no line covers, a size that does not fit, a group without
/// producer or consumer) when it does not fit the network. `name` is used in messages.
Spec bind_spec(std::string_view text, std::string_view name, const std::vector<TensorInfo>& network,
               const NetworkConfig& config = {});

/// As bind_spec, for the text of a spec that was applied once and is kept on record. It may be of a
/// part of a network (an adapter), where a group has no producer or no consumer.
Spec bind_recorded_spec(std::string_view text, std::string_view name,
                        const std::vector<TensorInfo>& network);

/// What `spec check` reports: the spec, or every reason why the text does not fit the network.
struct SpecCheck {
  std::optional<Spec> spec;
  std::vector<std::string> reasons;
};
/// As bind_spec, but a network that does not fit is a result. Still throws Error for syntax.
SpecCheck check_spec(std::string_view text, std::string_view name,
                     const std::vector<TensorInfo>& network, const NetworkConfig& config = {});
/// As recognise; the reasons are the first of each family.
SpecCheck check_families(const std::vector<TensorInfo>& network, const NetworkConfig& config = {});

/// The shipped family that fits a network best of those that do not fit.
struct FamilyMisfit {
  std::string family;
  std::vector<std::string> reasons;  // all of them: what stands in the way
};
/// nullopt: one fits, or none covers at least half of the tensors.
std::optional<FamilyMisfit> nearest_family(const std::vector<TensorInfo>& network,
                                           const NetworkConfig& config = {});

/// Where a group stands, and how many parameters those tensors have.
struct GroupMembers {
  std::vector<std::pair<std::string, std::size_t>> axes;  // tensor, axis; in the spec's order
  std::uint64_t parameters = 0;
};
/// Parallel to Spec::groups.
std::vector<GroupMembers> group_members(const Spec& spec);

struct ParameterCount {
  std::uint64_t total = 0;
  std::uint64_t movable = 0;  // in tensors that carry a group
};
ParameterCount count_parameters(const Spec& spec);

/// A group that two specs of one network do not both have; where each has one on common axes,
/// these two.
struct GroupDifference {
  std::optional<std::uint32_t> a;  // in the first spec's groups
  std::optional<std::uint32_t> b;
  std::vector<std::string> only_a;  // places as "tensor:axis", with what stands there
  std::vector<std::string> only_b;
};
struct SpecComparison {
  std::size_t alike = 0;  // groups that stand in equal places, and are families of alike groups
  std::vector<GroupDifference> differences;  // in the order of the first spec, then of the second
};
/// Compares by meaning: names of groups, order of lines and ways to write a layout do not count.
/// Throws Error if the specs are of different networks.
SpecComparison compare_specs(const Spec& a, const Spec& b);

/// The shipped families (specs/*.perm), tried in order; nullopt if none covers the network.
/// Where one matches, its proof is kFamily.
std::optional<Spec> recognise(const std::vector<TensorInfo>& network,
                              const NetworkConfig& config = {});

/// One reordering per group, parallel to Spec::groups: unit i of the result is unit perm[i] of the
/// input. An empty entry is the identity. That of a family is over the units of all members, those
/// of member m from m * size on; as the outer unit at m comes from m', they come from m' * size on.
/// So inverse and composition are those of each entry alone.
struct Permutation {
  std::vector<Gather> groups;

  bool identity() const;
  bool operator==(const Permutation&) const = default;
};

Permutation identity_permutation(const Spec& spec);
/// Why this is no permutation of these groups: an entry of the wrong length or not a bijection, a
/// fixed group that moves, units of a family apart from their outer unit. nullopt if it is one.
std::optional<std::string> permutation_fault(const std::vector<Group>& groups,
                                             const Permutation& permutation);
/// The entry of a family whose outer group moves by `outer` and whose members keep their order.
Gather carried(const Gather& outer, std::uint32_t size);
Permutation inverse(const Permutation& permutation);
/// First `first`, then `second`.
Permutation compose(const Permutation& first, const Permutation& second);

/// The gather of one axis; empty if it is the identity.
Gather axis_gather(const Spec& spec, const SpecAxis& axis, const Permutation& permutation);
/// One per axis.
std::vector<Gather> tensor_gathers(const Spec& spec, const SpecTensor& tensor,
                                   const Permutation& permutation);

/// Permuted tensors of another source, computed as they are read. Keeps references to its
/// arguments.
class PermutedModel : public TensorSource {
 public:
  PermutedModel(const TensorSource& model, const Spec& spec, const Permutation& permutation);
  const std::vector<TensorInfo>& tensors() const override { return model_.tensors(); }
  TensorData read(std::string_view name) const override;

 private:
  const TensorSource& model_;
  const Spec& spec_;
  const Permutation& permutation_;
};

/// What the object behind `Mgit-Permutation` holds: a permutation for each model of a commit.
struct ModelPermutation {
  std::string path;  // of the model in the repository
  Digest spec;       // of its spec_text
  std::vector<Group> groups;
  Permutation permutation;
  bool operator==(const ModelPermutation&) const = default;
};

std::string permutation_text(const std::vector<ModelPermutation>& models);
/// Throws CorruptError: syntax, not a bijection, wrong size.
std::vector<ModelPermutation> parse_permutation(std::string_view text, std::string_view where);

}  // namespace mgit
