// Shortest augmenting paths: each row that is free in the end takes a column, others move along.
#pragma once

#include "match/assignment/shortlists.h"

namespace mgit {

/// Gives every free row a column, by Dijkstra's search over reduced costs; a row's columns beyond
/// its shortlist are looked at when the search gets as far as their bound.
void augment(Market& market, Shortlists& lists);

}  // namespace mgit
