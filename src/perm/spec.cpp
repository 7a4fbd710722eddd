#include "mgit/perm.h"

#include <algorithm>
#include <set>

#include "perm/binder.h"
#include "perm/families.h"
#include "perm/spec_file.h"

namespace mgit {
namespace {

std::uint64_t parameters(const SpecTensor& tensor) {
  std::uint64_t count = 1;
  for (const SpecAxis& axis : tensor.axes) count *= axis.length;
  return count;
}

const std::vector<speclang::SpecFile>& parsed_families() {
  static const std::vector<speclang::SpecFile> kFamilies = [] {
    std::vector<speclang::SpecFile> files;
    for (const speclang::Family& family : speclang::families())
      files.push_back(speclang::parse_spec_file(family.text, family.name));
    return files;
  }();
  return kFamilies;
}

}  // namespace

std::string_view proof_name(Proof proof) {
  switch (proof) {
    case Proof::kStatic:
      return "static";
    case Proof::kFamily:
      return "family";
    case Proof::kAlgebraic:
      return "algebraic";
    case Proof::kNumeric:
      return "numeric";
  }
  return "unknown";
}

std::uint64_t member_count(const std::vector<Group>& groups, std::uint32_t group) {
  std::uint64_t count = 1;
  for (auto outer = groups.at(group).outer; outer; outer = groups.at(*outer).outer)
    count *= groups.at(*outer).size;
  return count;
}

std::uint64_t unit_count(const std::vector<Group>& groups, std::uint32_t group) {
  return member_count(groups, group) * groups.at(group).size;
}

Shape SpecTensor::shape() const {
  Shape shape;
  for (const SpecAxis& axis : axes) shape.push_back(axis.length);
  return shape;
}

bool fits(const SpecTensor& tensor, const Shape& shape) {
  return tensor.reshaped ? element_count(tensor.shape()) == element_count(shape)
                         : tensor.shape() == shape;
}

bool Spec::moves(const SpecTensor& tensor) const {
  return std::any_of(tensor.axes.begin(), tensor.axes.end(), [&](const SpecAxis& axis) {
    return std::any_of(axis.occurrences.begin(), axis.occurrences.end(),
                       [&](const Occurrence& place) { return !groups.at(place.group).fixed; });
  });
}

const SpecTensor* Spec::find(std::string_view tensor) const {
  const auto found =
      std::lower_bound(tensors.begin(), tensors.end(), tensor,
                       [](const SpecTensor& a, std::string_view name) { return a.name < name; });
  return found != tensors.end() && found->name == tensor ? &*found : nullptr;
}

Spec bind_spec(std::string_view text, std::string_view name, const std::vector<TensorInfo>& network,
               const NetworkConfig& config) {
  return speclang::bind(speclang::parse_spec_file(text, name, config), network);
}

Spec bind_recorded_spec(std::string_view text, std::string_view name,
                        const std::vector<TensorInfo>& network) {
  return speclang::bind(speclang::parse_spec_file(text, name, {}), network,
                        speclang::Joins::kUnchecked);
}

SpecCheck check_spec(std::string_view text, std::string_view name,
                     const std::vector<TensorInfo>& network, const NetworkConfig& config) {
  const speclang::SpecFile file = speclang::parse_spec_file(text, name, config);
  try {
    return {speclang::bind(file, network), {}};
  } catch (const speclang::Misfit& misfit) {
    return {std::nullopt, misfit.reasons()};
  }
}

namespace {

/// A family, as the config of the network at hand completes it.
class CompleteFamily {
 public:
  CompleteFamily(const speclang::SpecFile& family, const NetworkConfig& config) : file_(&family) {
    if (!family.uses_config) return;
    for (const speclang::Family& shipped : speclang::families())
      if (shipped.name == family.name)
        file_ = &completed_.emplace(speclang::parse_spec_file(shipped.text, shipped.name, config));
  }
  CompleteFamily(const CompleteFamily&) = delete;
  CompleteFamily& operator=(const CompleteFamily&) = delete;

  const speclang::SpecFile& file() const { return *file_; }

 private:
  std::optional<speclang::SpecFile> completed_;
  const speclang::SpecFile* file_;
};

}  // namespace

SpecCheck check_families(const std::vector<TensorInfo>& network, const NetworkConfig& config) {
  SpecCheck result;
  for (const speclang::SpecFile& family : parsed_families()) {
    const CompleteFamily complete(family, config);
    // Most families are for other configs, which is seen before any tensor is looked at.
    if (const auto& misfits = complete.file().misfits; !misfits.empty()) {
      result.reasons.push_back(family.architecture + ": " + misfits.front());
      continue;
    }
    try {
      result.spec = speclang::bind(complete.file(), network);
      result.spec->proof = Proof::kFamily;
      result.reasons.clear();
      return result;
    } catch (const speclang::Misfit& misfit) {
      result.reasons.push_back(family.architecture + ": " + misfit.reasons().front());
    }
  }
  return result;
}

std::optional<FamilyMisfit> nearest_family(const std::vector<TensorInfo>& network,
                                           const NetworkConfig& config) {
  std::optional<FamilyMisfit> nearest;
  for (const speclang::SpecFile& family : parsed_families()) {
    try {
      speclang::bind(CompleteFamily(family, config).file(), network);
      return std::nullopt;
    } catch (const speclang::Misfit& misfit) {
      const std::vector<std::string>& reasons = misfit.reasons();
      if (reasons.size() * 2 <= network.size() &&
          (!nearest || reasons.size() < nearest->reasons.size()))
        nearest = FamilyMisfit{family.architecture, reasons};
    }
  }
  return nearest;
}

std::optional<Spec> recognise(const std::vector<TensorInfo>& network, const NetworkConfig& config) {
  return check_families(network, config).spec;
}

std::vector<GroupMembers> group_members(const Spec& spec) {
  std::vector<GroupMembers> result(spec.groups.size());
  for (const SpecTensor& tensor : spec.tensors) {
    std::set<std::uint32_t> here;
    for (std::size_t axis = 0; axis < tensor.axes.size(); ++axis) {
      std::set<std::uint32_t> on_axis;
      for (const Occurrence& place : tensor.axes[axis].occurrences) on_axis.insert(place.group);
      for (const std::uint32_t group : on_axis) result[group].axes.emplace_back(tensor.name, axis);
      here.merge(on_axis);
    }
    for (const std::uint32_t group : here) result[group].parameters += parameters(tensor);
  }
  return result;
}

ParameterCount count_parameters(const Spec& spec) {
  ParameterCount result;
  for (const SpecTensor& tensor : spec.tensors) {
    result.total += parameters(tensor);
    if (spec.moves(tensor)) result.movable += parameters(tensor);
  }
  return result;
}

}  // namespace mgit
