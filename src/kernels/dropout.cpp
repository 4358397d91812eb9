// Dropout.
#include "kernels/dropout.hpp"

#include "tensor/loops.hpp"

namespace jespr::kernels {

template <class T>
void dropout(Matrix<T> x, const Offsets& offsets, PhiloxKey key, std::uint32_t site, double rate) {
  const std::uint32_t threshold = dropout_threshold(rate);
  const T kept = static_cast<T>(1.0 / (1.0 - rate));
  const int columns = static_cast<int>(x.extent(1));
  const int quads = (columns + 3) / 4;
  const auto protein = offsets.protein;
  const auto starts = offsets.starts;
  const auto identity = offsets.identity;
  for_rows(
      "dropout", static_cast<int>(x.extent(0)), KOKKOS_LAMBDA(const Row& row) {
        const int i = row.index;
        const int b = protein(i);
        const auto who = static_cast<std::uint32_t>(identity(b));
        const auto where = static_cast<std::uint32_t>(i - starts(b));
        row.for_each(quads, [&](int quad) {
          const PhiloxBlock block =
              philox(key, {{who, site, where, static_cast<std::uint32_t>(quad)}});
          const int end = columns - 4 * quad < 4 ? columns - 4 * quad : 4;
          for (int lane = 0; lane < end; ++lane)
            x(i, 4 * quad + lane) *= block.word[lane] < threshold ? T(0) : kept;
        });
      });
}

template void dropout<float>(Matrix<float>, const Offsets&, PhiloxKey, std::uint32_t, double);
template void dropout<double>(Matrix<double>, const Offsets&, PhiloxKey, std::uint32_t, double);

}  // namespace jespr::kernels
