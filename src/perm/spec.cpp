#include "mgit/perm.h"

#include <algorithm>

#include "perm/binder.h"
#include "perm/families.h"
#include "perm/spec_file.h"

namespace mgit {

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

const SpecTensor* Spec::find(std::string_view tensor) const {
  const auto found =
      std::lower_bound(tensors.begin(), tensors.end(), tensor,
                       [](const SpecTensor& a, std::string_view name) { return a.name < name; });
  return found != tensors.end() && found->name == tensor ? &*found : nullptr;
}

Spec bind_spec(std::string_view text, std::string_view name,
               const std::vector<TensorInfo>& network) {
  return speclang::bind(speclang::parse_spec_file(text, name), network);
}

std::optional<Spec> recognise(const std::vector<TensorInfo>& network) {
  static const std::vector<speclang::SpecFile> kFamilies = [] {
    std::vector<speclang::SpecFile> files;
    for (const speclang::Family& family : speclang::families())
      files.push_back(speclang::parse_spec_file(family.text, family.name));
    return files;
  }();
  for (const speclang::SpecFile& family : kFamilies) {
    try {
      Spec spec = speclang::bind(family, network);
      spec.proof = Proof::kFamily;
      return spec;
    } catch (const speclang::Misfit&) {
      continue;  // another family's network, or nobody's
    }
  }
  return std::nullopt;
}

}  // namespace mgit
