// OnednnMatmul: oneDNN's primitives for matrix products, which unlike its dnnl_sgemm also take
// bf16.
#pragma once

#include <memory>
#include <string>

#include "backend/bf16.hpp"
#include "backend/products.hpp"

namespace jespr {

/// Products of matrices of E (float or Bf16), summed and stored in f32. All extents and distances
/// of rows are arguments of a run: one primitive serves every shape, so none has to be compiled for
/// a new number of rows.
template <class E>
class OnednnMatmul {
 public:
  OnednnMatmul();
  ~OnednnMatmul();
  OnednnMatmul(const OnednnMatmul&) = delete;
  OnednnMatmul& operator=(const OnednnMatmul&) = delete;

  /// As Products::gemm; m, n, k > 0.
  void gemm(Op op_a, Op op_b, int m, int n, int k, float alpha, const E* a, int lda, const E* b,
            int ldb, float beta, float* c, int ldc);

  /// What oneDNN takes for it here ("gemm:jit"); "" where it cannot.
  std::string implementation();

 private:
  struct Primitives;
  std::unique_ptr<Primitives> primitives_;
};

/// The extension by which oneDNN multiplies bf16 numbers here ("avx512_core_bf16"); "" where the
/// CPU has no instructions for it, or oneDNN no kernel.
std::string onednn_bf16_units();

}  // namespace jespr
