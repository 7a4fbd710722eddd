// A model in the form of another: two files may hold one network's weights under other names (a
// wrapper's prefix) and beside other things (an optimizer that has, or has not, taken a step).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "mgit/git.h"
#include "mgit/perm.h"

namespace mgit {

/// The form that others are brought into. A value; what it hands out stands alone.
class ModelForm {
 public:
  /// `prefix` is what the names of its weights begin with (model_spec's weights_prefix).
  ModelForm(const CommittedModel& model, std::string prefix);

  /// The other model with our tensors, by our names: its weights, and what we have for all else.
  /// Its parts stay the files that they are. nullopt if its weights are not ours in names, dtypes
  /// and shapes, or if it is a sharded set.
  std::optional<CommittedModel> of(const CommittedModel& other, const std::string& prefix) const;

  /// A spec of such a file as one of ours: what is no weight stays where it is.
  Spec of(const Spec& spec, const std::string& prefix) const;

 private:
  Manifest manifest_;
  std::string prefix_;
  std::vector<TensorInfo> weights_;
};

}  // namespace mgit
