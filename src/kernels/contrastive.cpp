// Tiles of the symmetric InfoNCE loss.
#include "kernels/contrastive.hpp"

#include "kernels/math.hpp"
#include "tensor/loops.hpp"

namespace jespr::kernels {

template <class T>
RowStatistics<T> RowStatistics<T>::take(Workspace& workspace, int rows) {
  const std::size_t n = static_cast<std::size_t>(rows);
  return {workspace.vector<T>(n), workspace.vector<T>(n), workspace.vector<T>(n),
          workspace.vector<T>(n), workspace.vector<T>(n)};
}

template <class T>
void reset(const RowStatistics<T>& rows) {
  constexpr T lowest = -Kokkos::Experimental::infinity_v<T>;
  fill(rows.largest, lowest);
  fill(rows.sum, T(0));
  fill(rows.partner_sum, T(0));
  fill(rows.best_partner, lowest);
  fill(rows.best_other, lowest);
}

template <class T>
void accumulate_tile(Matrix<T> s, int row0, int column0, const RowStatistics<T>& rows,
                     const Partners& partners) {
  const int columns = static_cast<int>(s.extent(1));
  for_rows(
      "log-sum-exp of a tile", static_cast<int>(s.extent(0)), KOKKOS_LAMBDA(const Row& row) {
        const int i = row.index;
        const int own = partners.first_column(row0 + i) - column0;  // may lie outside the tile
        const int own_end = own + partners.columns;
        const T before = rows.largest(i);
        const T tile_max = row.max<T>(columns, [&](int j) { return s(i, j); });
        const T other_max = row.max<T>(columns, [&](int j) {
          return j >= own && j < own_end ? -Kokkos::Experimental::infinity_v<T> : s(i, j);
        });
        const T largest = tile_max > before ? tile_max : before;
        const T tile_sum =
            row.sum<T>(columns, [&](int j) { return exponential_of_negative(s(i, j) - largest); });
        row.once([&]() {
          rows.sum(i) = rows.sum(i) * exponential_of_negative(before - largest) + tile_sum;
          rows.largest(i) = largest;
          for (int j = own < 0 ? 0 : own; j < own_end && j < columns; ++j) {
            rows.partner_sum(i) += s(i, j);
            if (s(i, j) > rows.best_partner(i)) rows.best_partner(i) = s(i, j);
          }
          if (other_max > rows.best_other(i)) rows.best_other(i) = other_max;
        });
      });
}

template <class T>
void finish_log_sum_exp(const RowStatistics<T>& rows, Vector<T> lse) {
  for_each(
      "log-sum-exp", lse.size(),
      KOKKOS_LAMBDA(const std::size_t i) { lse(i) = rows.largest(i) + Kokkos::log(rows.sum(i)); });
}

template <class T>
void gradient_tile(Matrix<T> s, int row0, int column0, Vector<T> row_lse, Vector<T> column_lse,
                   T factor, Vector<T> dscale, const Partners& partners) {
  const int columns = static_cast<int>(s.extent(1));
  const T row_weight = static_cast<T>(partners.columns);
  const T column_weight = static_cast<T>(partners.rows);
  for_rows(
      "gradient of a tile", static_cast<int>(s.extent(0)), KOKKOS_LAMBDA(const Row& row) {
        const int i = row.index;
        const int own = partners.first_column(row0 + i) - column0;
        const int own_end = own + partners.columns;
        const auto gradient = [&](int j) {
          // A logit exceeds the log-sum-exp of its row or column by rounding at most.
          const T both = row_weight * exponential_of_negative(s(i, j) - row_lse(i)) +
                         column_weight * exponential_of_negative(s(i, j) - column_lse(j));
          return factor * (j >= own && j < own_end ? both - T(2) : both);
        };
        const T along = row.sum<T>(columns, [&](int j) { return gradient(j) * s(i, j); });
        row.for_each(columns, [&](int j) { s(i, j) = gradient(j); });
        row.once([&]() { dscale(i) += along; });
      });
}

#define JESPR_INSTANTIATE(T)                                                                       \
  template struct RowStatistics<T>;                                                                \
  template void reset<T>(const RowStatistics<T>&);                                                 \
  template void accumulate_tile<T>(Matrix<T>, int, int, const RowStatistics<T>&, const Partners&); \
  template void finish_log_sum_exp<T>(const RowStatistics<T>&, Vector<T>);                         \
  template void gradient_tile<T>(Matrix<T>, int, int, Vector<T>, Vector<T>, T, Vector<T>,          \
                                 const Partners&);
JESPR_INSTANTIATE(float)
JESPR_INSTANTIATE(double)
#undef JESPR_INSTANTIATE

}  // namespace jespr::kernels
