// The options of commands that match one model to another.
#pragma once

#include <string>

#include "cli/options.h"
#include "workflow/matching.h"

namespace mgit::cli {

/// --method, --weighting and --steps, and what is read from them.
class MethodOptions {
 public:
  /// `lead` begins their help: "of --rebase: ".
  void add(Options& options, MatchingChoice& choice, const std::string& lead = {});
  /// After parsing. Throws UsageError for names that mean nothing.
  void read(MatchingChoice& choice) const;

 private:
  std::string weighting_;
};

/// These; --seed, --restarts, --order; --graph and --data for methods that run the networks.
class MatchingOptions {
 public:
  void add(Options& options, MatchingChoice& choice);
  void read(MatchingChoice& choice) const;

 private:
  MethodOptions method_;
  std::string order_;
};

}  // namespace mgit::cli
