// What is asked of two specs before they are compared.
#pragma once

#include "mgit/perm.h"

namespace mgit {

/// Throws Error unless both specs are of one network: the same names, as many elements each.
void require_one_network(const Spec& a, const Spec& b);

}  // namespace mgit
