// OpenBLAS carries LAPACK, but its header does not declare it.
#include "backend/eigenvalues.hpp"

#include <cstddef>
#include <string>

#include "base/error.hpp"

/// Fortran: the lengths of both words come last.
extern "C" void dsyev_(const char* job, const char* triangle, const int* n, double* a,
                       const int* stride, double* eigenvalues, double* work, const int* room,
                       int* info, std::size_t job_length, std::size_t triangle_length);

namespace jespr {

std::vector<double> symmetric_eigenvalues(std::vector<double> matrix, int n) {
  std::vector<double> eigenvalues(static_cast<std::size_t>(n));
  std::vector<double> work(1);
  int info = 0;
  const auto call = [&](int room) {
    dsyev_("N", "U", &n, matrix.data(), &n, eigenvalues.data(), work.data(), &room, &info, 1, 1);
  };
  call(-1);  // how much room it wants
  work.resize(static_cast<std::size_t>(work[0]));
  call(static_cast<int>(work.size()));
  if (info != 0)
    fail(Exit::runtime, "the eigenvalues of a matrix with " + std::to_string(n) +
                            " rows do not converge (dsyev: " + std::to_string(info) + ")");
  return eigenvalues;
}

}  // namespace jespr
