// Which parameter a tensor of an optimizer's state belongs to.
//
// torch.optim numbers its parameters: state.0.exp_avg is of the first one that it was given. What
// it was given is the network's parameters in the order of the network, or groups of them; the
// file's outline has both orders, and shapes have to agree, or nothing is known. Pure.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "format/outline.h"
#include "mgit/perm.h"
#include "mgit/tensor.h"

namespace mgit {

/// "optimizer.state.0.exp_avg", taken apart.
struct Moment {
  std::string name;       // the whole
  std::string optimizer;  // "optimizer"
  std::string parameter;  // "0", or a name
  std::string kind;       // "exp_avg"
};

/// nullopt: no moment of a parameter.
std::optional<Moment> parse_moment(std::string_view name);

/// Running statistics are tensors of the network, but no parameters.
bool is_buffer(std::string_view name);

/// The layout of a moment from its parameter's: all of its axes, or those that a factored one keeps
/// (Adafactor's exp_avg_sq_row and exp_avg_sq_col). nullopt if the shape is neither.
std::optional<SpecTensor> moment_layout(const Moment& moment, const Shape& shape,
                                        const SpecTensor& parameter);

/// The parameters of a network as its optimizers know them. Keeps references to all arguments.
class OptimizerParameters {
 public:
  OptimizerParameters(const Spec& weights, const std::string& prefix,
                      const std::optional<Outline>& outline,
                      const std::vector<TensorInfo>& tensors);

  /// Throws Error, with the moment as its place, if it cannot be known.
  const SpecTensor& of(const Moment& moment);

  /// The parameter that "average.3" is a copy of, where "average" lists all parameters in their
  /// order; nullptr if it does not.
  const SpecTensor* listed(const std::string& name);

 private:
  using Assignment = std::map<std::string, const SpecTensor*>;  // by number or name
  using Groups = std::vector<std::vector<std::string>>;         // numbers of parameters

  const Assignment& assignment(const Moment& moment);
  Assignment by_number(const Moment& moment) const;
  std::optional<Assignment> by_given_names(const std::string& optimizer) const;
  Groups groups_of(const std::string& optimizer) const;
  std::vector<Assignment> fitting_to(const std::string& optimizer, const Groups& groups,
                                     const std::vector<const SpecTensor*>& order,
                                     std::string& why) const;
  std::vector<Assignment> candidates(const Groups& groups,
                                     const std::vector<const SpecTensor*>& in_order) const;
  std::string misfit(const std::string& optimizer, const Assignment& assignment) const;
  const SpecTensor* by_name(std::string_view name) const;
  void find_order();

  const Spec& weights_;
  const std::string& prefix_;
  const std::optional<Outline>& outline_;
  const std::vector<TensorInfo>& tensors_;
  std::vector<const SpecTensor*> order_;  // parameters in the network's order; empty: not known
  std::vector<std::vector<const SpecTensor*>> others_;  // networks beside it, likewise
  std::deque<SpecTensor> fixed_;                        // theirs: they do not move
  std::map<std::string, Assignment> assignments_;       // by optimizer
  std::map<std::string, bool> lists_;                   // folders that list all parameters
};

}  // namespace mgit
