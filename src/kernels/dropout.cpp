// Dropout.
#include "kernels/dropout.hpp"

namespace jespr::kernels {

template <class T>
void dropout(Matrix<T> x, const Offsets& offsets, PhiloxKey key, std::uint32_t site, double rate) {
  const std::uint32_t threshold = dropout_threshold(rate);
  const T kept = static_cast<T>(1.0 / (1.0 - rate));
  const int columns = static_cast<int>(x.extent(1));
  const auto protein = offsets.protein;
  const auto starts = offsets.starts;
  const auto identity = offsets.identity;
  for_rows(
      "dropout", static_cast<int>(x.extent(0)), KOKKOS_LAMBDA(const Row& row) {
        const int i = row.index, b = protein(i);
        const DropoutRow draw{key, static_cast<std::uint32_t>(identity(b)), site,
                              static_cast<std::uint32_t>(i - starts(b)), threshold};
        for_each_mask(row, draw, columns,
                      [&](int c, bool drops) { x(i, c) *= drops ? T(0) : kept; });
      });
}

template void dropout<float>(Matrix<float>, const Offsets&, PhiloxKey, std::uint32_t, double);
template void dropout<double>(Matrix<double>, const Offsets&, PhiloxKey, std::uint32_t, double);

}  // namespace jespr::kernels
