// Matching as commands ask for it: a method by its name, and what it is given besides the weights.
#pragma once

#include <string>

#include "match/method.h"
#include "mgit/workspace.h"

namespace mgit {

/// What networks are run on; what is empty comes from .mgitconfig.
struct MatchingData {
  std::string graph{};
  std::string data{};
  std::string model{};  // the name in .mgitconfig, where there are several
};

/// How models are matched.
struct MatchingChoice {
  std::string method{kDefaultMethod};  // a row of matching_methods()
  MatchOptions options{};
  MatchingData data{};  // of methods that run the networks
};

/// Two models of one network.
struct ModelsToMatch {
  const Repository* repository;  // null: everything is in the choice
  std::string path;              // of the model, in the repository
  const Spec& spec;
  const TensorSource& a;
  const TensorSource& b;
};

/// Throws UsageError for an unknown method, Error where it needs a network or data and there is
/// none, or none that may run; and as the method and evaluating do.
MatchResult match_by(const MatchingChoice& choice, const ModelsToMatch& models);

}  // namespace mgit
