#include "workflow/verify/spec_judge.h"

#include <fmt/format.h>

#include "mgit/spec_relation.h"
#include "model/model_line.h"
#include "model/model_spec.h"
#include "workflow/verify/finding.h"

namespace mgit {
namespace {

std::vector<TensorInfo> network_of(const Workspace& repository, const Oid& commit,
                                   const std::string& path) {
  const auto model = past_model(repository, commit, path);
  return model ? infos_of(model->manifest) : std::vector<TensorInfo>();
}

/// What one commit says of a spec.
struct Opinion {
  std::string allows;   // who does; empty: nobody
  std::string against;  // who does not, and why
  std::string unknown;  // why nobody can say
};

Opinion opinion_of(const Workspace& repository, const Spec& spec, const Oid& commit,
                   const std::string& path) {
  Opinion opinion;
  const std::vector<TensorInfo> network = network_of(repository, commit, path);
  const auto ask = [&](const Spec& authority, const std::string& name) {
    if (const auto reason = beyond(authority, spec))
      opinion.against = fmt::format("{}, by {}", *reason, name);
    else
      opinion.allows = name;
  };
  try {
    const Spec chosen = choose_spec(&repository, commit, path, network);
    if (chosen.proof == Proof::kFamily) {
      ask(chosen, "family " + chosen.architecture);
    } else if (chosen.proof != Proof::kStatic) {
      ask(chosen, "the graph that .mgitconfig names");
    } else if (const auto family = family_spec(&repository, commit, path, network)) {
      ask(*family, "family " + family->architecture);
    } else {
      opinion.unknown = "no family knows the network, and .mgitconfig names no graph of it";
    }
  } catch (const Error& error) {
    opinion.unknown = error.what();
  }
  return opinion;
}

}  // namespace

std::string SpecJudge::require_allowed(const Spec& spec, const SpecRecord& record,
                                       const std::string& path, const std::vector<Oid>& commits) {
  std::string& allowed = allowed_[{record.spec, path}];
  if (!allowed.empty()) return allowed;
  Opinion opinion;
  for (const Oid& commit : commits) {
    Opinion here = opinion_of(repository_, spec, commit, path);
    if (!here.allows.empty()) return allowed = std::move(here.allows);
    if (opinion.against.empty()) opinion.against = std::move(here.against);
    if (!here.unknown.empty()) opinion.unknown = std::move(here.unknown);
  }
  const std::string name =
      fmt::format("spec {} (recorded as {})", record.spec.hex().substr(0, 12),
                  record.proof.empty() ? "not proved" : "proof " + record.proof);
  if (!opinion.against.empty())
    throw NotProven(Verdict::kFailed, fmt::format("{}: {}", name, opinion.against));
  throw NotProven(Verdict::kUnproved,
                  fmt::format("nothing here says whether {} may move what it moves: {}", name,
                              opinion.unknown));
}

}  // namespace mgit
