// Bidding ("augmenting row reduction" of Jonker and Volgenant): a row takes its best column and, if
// somebody held it, raises the price to where its second best is as good; who held it looks again.
#pragma once

#include "match/assignment/shortlists.h"

namespace mgit {

/// While all prices are zero: row i takes a column of its `highest` score that nobody holds. False
/// if there is none.
bool take_first_choice(Market& market, std::uint32_t i, float highest);

/// Lets the rows of `waiting` bid, from its end, until none waits or bidding gets hardly any
/// further column taken; columns that somebody holds stay taken. Returns how many still wait. With
/// `increments`, by row, prices rise by so much more: that ends sooner, with rows that hold a
/// column which is only about their best. Without, a row for which several columns are best, all of
/// them held, stops waiting.
std::size_t reduce(Market& market, Shortlists& lists, std::vector<std::uint32_t> waiting,
                   std::span<const double> increments = {});

}  // namespace mgit
