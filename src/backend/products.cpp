// Matrix products on the host: oneDNN or OpenBLAS for f32, OpenBLAS for f64; on a GPU: cuBLAS.
#include "backend/products.hpp"

#include <Kokkos_Core.hpp>
#include <algorithm>
#include <vector>

#include "base/error.hpp"

#ifdef KOKKOS_ENABLE_CUDA
#include <cublas_v2.h>
#else
#include <cblas.h>
#include <oneapi/dnnl/dnnl.h>
#endif

namespace jespr {

std::string name_of(ProductLibrary library) {
  switch (library) {
    case ProductLibrary::onednn:
      return "oneDNN";
    case ProductLibrary::blas:
      return "OpenBLAS";
    case ProductLibrary::cublas:
      return "cuBLAS";
  }
  return "unknown";
}

#ifdef KOKKOS_ENABLE_CUDA

namespace {

void check(cublasStatus_t status, const char* call) {
  if (status != CUBLAS_STATUS_SUCCESS)
    fail(Exit::runtime, std::string(call) + ": " + cublasGetStatusString(status));
}

cublasOperation_t vendor(Op op) { return op == Op::plain ? CUBLAS_OP_N : CUBLAS_OP_T; }

cublasStatus_t call_gemm(cublasHandle_t h, Op a, Op b, int m, int n, int k, const float* alpha,
                         const float* pa, int lda, const float* pb, int ldb, const float* beta,
                         float* pc, int ldc) {
  return cublasSgemm(h, vendor(a), vendor(b), m, n, k, alpha, pa, lda, pb, ldb, beta, pc, ldc);
}
cublasStatus_t call_gemm(cublasHandle_t h, Op a, Op b, int m, int n, int k, const double* alpha,
                         const double* pa, int lda, const double* pb, int ldb, const double* beta,
                         double* pc, int ldc) {
  return cublasDgemm(h, vendor(a), vendor(b), m, n, k, alpha, pa, lda, pb, ldb, beta, pc, ldc);
}

}  // namespace

ProductLibrary Products::default_library() { return ProductLibrary::cublas; }
ProductLibrary Products::library_f64() { return ProductLibrary::cublas; }

Products::Products(ProductLibrary library) : library_(library) {
  cublasHandle_t handle = nullptr;
  check(cublasCreate(&handle), "cublasCreate");
  check(cublasSetStream(handle, Kokkos::Cuda().cuda_stream()), "cublasSetStream");
  vendor_ = handle;
}

Products::~Products() { cublasDestroy(static_cast<cublasHandle_t>(vendor_)); }

template <class T>
void Products::gemm(Op op_a, Op op_b, int m, int n, int k, T alpha, const T* a, int lda, const T* b,
                    int ldb, T beta, T* c, int ldc) {
  if (m == 0 || n == 0) return;
  operations_ += 2.0 * m * n * k;
  // cuBLAS is column-major: C^T = op(B)^T op(A)^T.
  check(call_gemm(static_cast<cublasHandle_t>(vendor_), op_b, op_a, n, m, k, &alpha, b, ldb, a, lda,
                  &beta, c, ldc),
        "cublasGemm");
}

std::string product_library_versions() {
  return "cuBLAS " + std::to_string(CUBLAS_VER_MAJOR) + "." + std::to_string(CUBLAS_VER_MINOR);
}

std::string product_library_warning() { return ""; }

#else

ProductLibrary Products::default_library() { return ProductLibrary::onednn; }
ProductLibrary Products::library_f64() { return ProductLibrary::blas; }

Products::Products(ProductLibrary library) : library_(library) {}
Products::~Products() = default;

namespace {

CBLAS_TRANSPOSE vendor(Op op) { return op == Op::plain ? CblasNoTrans : CblasTrans; }
char letter(Op op) { return op == Op::plain ? 'N' : 'T'; }

void call_gemm(ProductLibrary, Op op_a, Op op_b, int m, int n, int k, double alpha, const double* a,
               int lda, const double* b, int ldb, double beta, double* c, int ldc) {
  cblas_dgemm(CblasRowMajor, vendor(op_a), vendor(op_b), m, n, k, alpha, a, lda, b, ldb, beta, c,
              ldc);
}

void call_gemm(ProductLibrary library, Op op_a, Op op_b, int m, int n, int k, float alpha,
               const float* a, int lda, const float* b, int ldb, float beta, float* c, int ldc) {
  if (library == ProductLibrary::onednn) {
    const dnnl_status_t status =
        dnnl_sgemm(letter(op_a), letter(op_b), m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
    if (status != dnnl_success)
      fail(Exit::runtime, "dnnl_sgemm failed with status " + std::to_string(status));
  } else {
    cblas_sgemm(CblasRowMajor, vendor(op_a), vendor(op_b), m, n, k, alpha, a, lda, b, ldb, beta, c,
                ldc);
  }
}

/// C = beta C, for products over an empty inner dimension.
template <class T>
void scale(int m, int n, T beta, T* c, int ldc) {
  for (int i = 0; i < m; ++i)
    for (int j = 0; j < n; ++j) c[i * ldc + j] = beta == 0 ? T(0) : beta * c[i * ldc + j];
}

}  // namespace

template <class T>
void Products::gemm(Op op_a, Op op_b, int m, int n, int k, T alpha, const T* a, int lda, const T* b,
                    int ldb, T beta, T* c, int ldc) {
  if (m == 0 || n == 0) return;
  operations_ += 2.0 * m * n * k;
  if (k == 0) return scale(m, n, beta, c, ldc);
  call_gemm(library_, op_a, op_b, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
}

std::string product_library_versions() {
  const dnnl_version_t* v = dnnl_version();
  return "oneDNN " + std::to_string(v->major) + "." + std::to_string(v->minor) + "." +
         std::to_string(v->patch) + ", " + openblas_get_config();
}

std::string product_library_warning() {
  constexpr int openmp = 2;  // openblas_get_parallel(): 0 sequential, 1 its own threads, 2 OpenMP
  if (openblas_get_parallel() == openmp) return "";
  return "this OpenBLAS is not its OpenMP build: two thread pools will compete for the cores; "
         "install libopenblas-openmp-dev or set OPENBLAS_NUM_THREADS=1";
}

#endif

template <class T>
double Products::measure_rate(int n, int repeats) {
  using View = Kokkos::View<T**, Kokkos::LayoutRight, Kokkos::DefaultExecutionSpace>;
  View a("rate_a", n, n), b("rate_b", n, n), c("rate_c", n, n);
  Kokkos::deep_copy(a, T(0.5));
  Kokkos::deep_copy(b, T(0.25));
  const double before = operations_;
  std::vector<double> seconds;
  for (int i = 0; i <= repeats; ++i) {
    Kokkos::Timer timer;
    gemm<T>(Op::plain, Op::transposed, n, n, n, T(1), a.data(), n, b.data(), n, T(0), c.data(), n);
    Kokkos::fence("rate");
    if (i > 0) seconds.push_back(timer.seconds());  // the first one warms up
  }
  operations_ = before;
  std::nth_element(seconds.begin(), seconds.begin() + seconds.size() / 2, seconds.end());
  return 2.0 * n * n * n / seconds[seconds.size() / 2];
}

template void Products::gemm<float>(Op, Op, int, int, int, float, const float*, int, const float*,
                                    int, float, float*, int);
template void Products::gemm<double>(Op, Op, int, int, int, double, const double*, int,
                                     const double*, int, double, double*, int);
template double Products::measure_rate<float>(int, int);
template double Products::measure_rate<double>(int, int);

}  // namespace jespr
