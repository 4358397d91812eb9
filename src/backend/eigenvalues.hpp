// Eigenvalues on the host, by LAPACK.
#pragma once

#include <vector>

namespace jespr {

/// Of a symmetric matrix [n, n], ascending. dsyev (Anderson et al., LAPACK Users' Guide, 1999); no
/// convergence: Error (runtime).
std::vector<double> symmetric_eigenvalues(std::vector<double> matrix, int n);

}  // namespace jespr
