// Binds a parsed spec file to the tensors of one network.
#pragma once

#include <vector>

#include "mgit/perm.h"
#include "perm/spec_file.h"

namespace mgit::speclang {

/// The spec is sound text, but not of this network. `reasons` has all of them.
class Misfit : public Error {
 public:
  Misfit(std::vector<std::string> reasons, const std::string& where);
  const std::vector<std::string>& reasons() const { return reasons_; }

 private:
  std::vector<std::string> reasons_;
};

/// Whether every group has to be made by one tensor and read by another.
enum class Joins : std::uint8_t { kChecked, kUnchecked };

/// Throws Misfit, or Error for what is not supported yet.
Spec bind(const SpecFile& file, const std::vector<TensorInfo>& network,
          Joins joins = Joins::kChecked);

}  // namespace mgit::speclang
