// Which rows of a protein are its residues, for all kinds of pooling.
#pragma once

#include <Kokkos_Core.hpp>

namespace jespr::kernels {

struct RowRange {
  int begin, end;
};

/// The rows of [begin, end) without those of start and end token; position 1 of a protein without
/// residues.
KOKKOS_INLINE_FUNCTION RowRange residue_rows(int begin, int end) {
  if (end - begin <= 2) return {begin + 1, begin + 2};
  return {begin + 1, end - 1};
}

}  // namespace jespr::kernels
