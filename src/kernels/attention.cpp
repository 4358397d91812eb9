// Attention: by tiles on a CPU, by rows on a GPU.
#include "kernels/attention.hpp"

#include "kernels/attention_rows.hpp"
#include "kernels/attention_tiles.hpp"
#include "tensor/loops.hpp"

namespace jespr::kernels {

template <class T>
void attention(Workspace& scratch, Matrix<T> qkv, const Offsets& offsets, int heads,
               const AttentionDropout& dropout, [[maybe_unused]] OperandPrecision operands,
               Matrix<T> out, Matrix<T> lse, bool causal) {
  if constexpr (device_is_host)
    attention_by_tiles(scratch, qkv, offsets, heads, dropout, operands, out, lse, causal);
  else
    attention_by_rows(scratch, qkv, offsets, heads, dropout, out, lse, causal);
}

template <class T>
void attention_backward(Workspace& scratch, Matrix<T> qkv, const Offsets& offsets, int heads,
                        const AttentionDropout& dropout, [[maybe_unused]] OperandPrecision operands,
                        Matrix<T> out, Matrix<T> lse, Matrix<T> dout, Matrix<T> dqkv, bool causal) {
  if constexpr (device_is_host)
    attention_by_tiles_backward(scratch, qkv, offsets, heads, dropout, operands, out, lse, dout,
                                dqkv, causal);
  else
    attention_by_rows_backward(scratch, qkv, offsets, heads, dropout, out, lse, dout, dqkv, causal);
}

#define JESPR_INSTANTIATE(T)                                                                      \
  template void attention<T>(Workspace&, Matrix<T>, const Offsets&, int, const AttentionDropout&, \
                             OperandPrecision, Matrix<T>, Matrix<T>, bool);                       \
  template void attention_backward<T>(Workspace&, Matrix<T>, const Offsets&, int,                 \
                                      const AttentionDropout&, OperandPrecision, Matrix<T>,       \
                                      Matrix<T>, Matrix<T>, Matrix<T>, bool);
JESPR_INSTANTIATE(float)
JESPR_INSTANTIATE(double)
#undef JESPR_INSTANTIATE

}  // namespace jespr::kernels
