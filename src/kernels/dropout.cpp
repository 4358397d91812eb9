// Dropout.
#include "kernels/dropout.hpp"

namespace jespr::kernels {

template <class T>
void dropout(Matrix<T> x, const Offsets& offsets, PhiloxKey key, std::uint32_t site, double rate) {
  const RowDropout masks(offsets, key, site, rate);
  const T kept = static_cast<T>(masks.kept);
  const int columns = static_cast<int>(x.extent(1));
  for_rows(
      "dropout", static_cast<int>(x.extent(0)), KOKKOS_LAMBDA(const Row& row) {
        const int i = row.index;
        for_each_mask(row, masks.draw(i), columns,
                      [&](int c, bool drops) { x(i, c) *= drops ? T(0) : kept; });
      });
}

template void dropout<float>(Matrix<float>, const Offsets&, PhiloxKey, std::uint32_t, double);
template void dropout<double>(Matrix<double>, const Offsets&, PhiloxKey, std::uint32_t, double);

}  // namespace jespr::kernels
