// Prices by an auction with ever smaller increments, for matrices where bidding without increments
// creeps.
#pragma once

#include "match/assignment/market.h"

namespace mgit {

/// Raises prices until every row bids for about the column that it will get, within a small part of
/// `range`, the difference of the highest and the lowest score. Nobody holds a column afterwards:
/// the assignment was only a by-product. Bids are limited, so ties cannot hold it up.
void auction(Market& market, double range);

/// Where columns are more than rows, those that nobody holds get the lowest price, and rows that
/// now want one of them give up what they hold; until none does. True if prices fell.
bool level_free_columns(Market& market);

}  // namespace mgit
