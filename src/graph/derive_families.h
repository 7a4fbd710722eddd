// Which atoms may have an order of their own in every unit of another one: heads, groups of a norm.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "graph/derive_interpreter.h"

namespace mgit::derivation {

/// An atom somewhere on an axis, and the atoms that are factors beside it or around it.
struct Place {
  Term atom;
  std::vector<Term> beside;  // the slower ones first
  std::size_t slower = 0;    // how many of them are slower than the atom
  std::vector<Term> before;  // all factors that are slower, sums too, but none of length 1
};

/// Every atom of a term, in the order of the axis.
std::vector<Place> places_of(Terms& terms, Term term);
/// The atoms that are factors of the whole term; nothing for a sum.
std::vector<Term> plain_factors(Terms& terms, Term term);

/// The outer atom of every atom that is a family. It stands with it on every tensor, as the slower
/// one, and on every value; no operator mixes what the two keep apart. An outer atom may be one
/// that cannot move. `parameters`: the layouts of the network's tensors.
std::map<Term, Term> find_families(Interpreter& interpreter, const std::vector<Layout>& parameters);

}  // namespace mgit::derivation
