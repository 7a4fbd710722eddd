// Eigenvalues and eigenvectors of small symmetric matrices, by Jacobi's rotations.
#pragma once

#include <cstddef>
#include <vector>

namespace mgit {

struct SymmetricEigen {
  std::vector<double> values;   // descending
  std::vector<double> vectors;  // one after the other, in their order
};

/// `matrix` is row by row, symmetric and finite.
SymmetricEigen symmetric_eigen(std::vector<double> matrix, std::size_t size);

}  // namespace mgit
