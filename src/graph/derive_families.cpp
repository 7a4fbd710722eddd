#include "graph/derive_families.h"

#include <algorithm>
#include <set>

namespace mgit::derivation {
namespace {

void collect(Terms& terms, Term term, const std::vector<Term>& slower,
             const std::vector<Term>& faster, const std::vector<Term>& around,
             std::vector<Place>& places) {
  for (const Term segment : terms.segments(term)) {
    const std::vector<Term> factors = terms.factors(segment);
    std::vector<Term> passed = around;
    for (std::size_t i = 0; i < factors.size(); ++i) {
      std::vector<Term> before = slower;
      std::vector<Term> after;
      for (std::size_t j = 0; j < factors.size(); ++j)
        if (j != i && terms.is_atom(factors[j])) (j < i ? before : after).push_back(factors[j]);
      after.insert(after.end(), faster.begin(), faster.end());
      if (!terms.is_atom(factors[i])) {
        collect(terms, factors[i], before, after, passed, places);
      } else {
        Place place{factors[i], before, before.size(), passed};
        place.beside.insert(place.beside.end(), after.begin(), after.end());
        places.push_back(std::move(place));
      }
      if (terms.size(factors[i]) != 1) passed.push_back(factors[i]);
    }
  }
}

/// Finds for each atom the ones that it may depend on. For one run.
class FamilySearch {
 public:
  FamilySearch(Interpreter& interpreter) : in_(interpreter), terms_(interpreter.terms()) {}

  std::map<Term, Term> run(const std::vector<Layout>& parameters) {
    for (const Layout& parameter : parameters) {
      restrict(parameter, true);
      note_factors(parameter);
    }
    for (const Layout& value : in_.history()) restrict(value, false);
    for (const Separation& separation : in_.separations()) apply(separation);
    for (const auto& [atom, outers] : allowed_) outer_of(atom);
    std::map<Term, Term> families;
    for (const auto& [atom, outer] : chosen_)
      if (outer) families.emplace(atom, *outer);
    return families;
  }

 private:
  /// Atoms that stand on a tensor of the network can depend on those that stand there with them,
  /// in a place that names one index.
  void restrict(const Layout& layout, bool is_parameter) {
    std::vector<std::vector<Place>> places;
    std::vector<std::vector<Term>> plain;
    std::map<Term, int> counts;
    for (const Term dim : layout.dims) {
      places.push_back(places_of(terms_, dim));
      plain.push_back(plain_factors(terms_, dim));
      for (const Place& place : places.back()) ++counts[place.atom];
    }
    std::set<Term> loose;
    for (const Term term : layout.loose)
      for (const Term atom : terms_.atoms(term))
        if (counts[atom] == 1) loose.insert(atom);
    for (std::size_t dim = 0; dim < places.size(); ++dim)
      for (const Place& place : places[dim]) {
        if (terms_.is_fixed(place.atom) || loose.contains(place.atom)) continue;
        const auto known = allowed_.find(place.atom);
        if (known == allowed_.end() && !is_parameter) continue;
        if (known != allowed_.end() && known->second.empty()) continue;
        const std::size_t end = is_parameter ? place.slower : place.beside.size();
        std::set<Term> here;
        for (std::size_t i = 0; i < end; ++i)
          if (std::count(place.beside.begin(), place.beside.end(), place.beside[i]) == 1)
            here.insert(place.beside[i]);
        const std::size_t last = is_parameter ? dim : places.size();
        for (std::size_t other = 0; other < last; ++other)
          if (other != dim)
            for (const Term atom : plain[other])
              if (counts[atom] == 1) here.insert(atom);
        here.erase(place.atom);
        for (const Term atom : loose) here.erase(atom);
        if (known == allowed_.end()) {
          allowed_.emplace(place.atom, std::move(here));
        } else {
          std::erase_if(known->second, [&](Term atom) { return !here.contains(atom); });
        }
      }
  }

  void apply(const Separation& separation) {
    if (terms_.is_fixed(separation.inner)) return;
    std::optional<std::vector<Term>> outers;
    for (const Place& place : places_of(terms_, separation.inner)) {
      const auto known = allowed_.find(place.atom);
      if (known == allowed_.end() || known->second.empty()) continue;
      if (!outers) outers = terms_.atoms(separation.outer);
      for (const Term outer : *outers)
        if (std::find(place.beside.begin(), place.beside.end(), outer) == place.beside.end())
          known->second.erase(outer);
    }
  }

  void note_factors(const Layout& parameter) {
    std::vector<Term> axes;  // the factors of those before
    for (const Term dim : parameter.dims) {
      for (const Place& place : places_of(terms_, dim)) {
        std::vector<Term> factors = axes;
        factors.insert(factors.end(), place.before.begin(), place.before.end());
        before_[place.atom].push_back(std::move(factors));
      }
      if (terms_.segments(dim).size() == 1) {
        for (const Term factor : terms_.factors(dim))
          if (terms_.size(factor) != 1) axes.push_back(factor);
      } else {
        axes.push_back(dim);
      }
    }
  }

  /// Whether a spec can say where the atom stands in the units of `outer.front()`: if that is a
  /// family itself, nothing may stand between it and what it is in, and so on (`Occurrence` counts
  /// the members of a family with one stride).
  bool can_be_said(Term atom, const std::vector<Term>& outer) {
    if (outer.size() < 2) return true;
    for (const std::vector<Term>& factors : before_[atom]) {
      auto at = std::find(factors.rbegin(), factors.rend(), outer.front());
      for (const Term each : outer)
        if (at == factors.rend() || *at++ != each) return false;
    }
    return true;
  }

  /// The atom, what it depends on, what that depends on, ..
  std::vector<Term> chain(Term atom) {
    std::vector<Term> all = {atom};
    for (auto outer = outer_of(atom); outer; outer = outer_of(*outer)) all.push_back(*outer);
    return all;
  }

  /// Of those that are allowed with all that they depend on, the one that gives most members.
  std::optional<Term> outer_of(Term atom) {
    if (const auto found = chosen_.find(atom); found != chosen_.end()) return found->second;
    const auto known = allowed_.find(atom);
    if (known == allowed_.end()) return std::nullopt;
    chosen_.emplace(atom, std::nullopt);  // ends a circle
    std::optional<Term> best;
    double most = 1;
    for (const Term candidate : known->second) {
      if (!terms_.size(candidate) || terms_.is_unit(candidate)) continue;
      const std::vector<Term> all = chain(candidate);
      double members = 1;
      bool allowed = true;
      for (const Term outer : all) {
        members *= static_cast<double>(*terms_.size(outer));
        allowed = allowed && known->second.contains(outer);
      }
      if (!allowed || members <= most || !can_be_said(atom, all)) continue;
      best = candidate;
      most = members;
    }
    chosen_[atom] = best;
    return best;
  }

  Interpreter& in_;
  Terms& terms_;
  std::map<Term, std::set<Term>> allowed_;
  std::map<Term, std::vector<std::vector<Term>>> before_;  // on tensors: all factors before it
  std::map<Term, std::optional<Term>> chosen_;
};

}  // namespace

std::vector<Place> places_of(Terms& terms, Term term) {
  std::vector<Place> places;
  collect(terms, term, {}, {}, {}, places);
  return places;
}

std::vector<Term> plain_factors(Terms& terms, Term term) {
  std::vector<Term> plain;
  if (terms.segments(term).size() != 1) return plain;
  for (const Term factor : terms.factors(term))
    if (terms.is_atom(factor)) plain.push_back(factor);
  return plain;
}

std::map<Term, Term> find_families(Interpreter& interpreter,
                                   const std::vector<Layout>& parameters) {
  return FamilySearch(interpreter).run(parameters);
}

}  // namespace mgit::derivation
