// Matrix products on the host: oneDNN or OpenBLAS for f32, OpenBLAS for f64; on a GPU: cuBLAS.
#include "backend/products.hpp"

#include <Kokkos_Core.hpp>
#include <algorithm>
#include <utility>
#include <vector>

#include "base/error.hpp"

#ifdef KOKKOS_ENABLE_CUDA
#include <cublas_v2.h>
#else
#include <cblas.h>
#include <oneapi/dnnl/dnnl.h>
#endif

namespace jespr {

namespace {

/// Numbers that no unit can skip, as it may zeros: (-1, 1), from the place alone.
template <class View>
void fill_with_noise(const View& view) {
  using T = typename View::value_type;
  Kokkos::parallel_for(
      "noise", Kokkos::RangePolicy<>(0, view.size()), KOKKOS_LAMBDA(const std::size_t i) {
        const auto mixed = static_cast<std::uint32_t>(i + 1) * 2654435761u;  // Knuth's hash
        view(i) = static_cast<T>(static_cast<std::int32_t>(mixed ^ (mixed >> 15))) *
                  static_cast<T>(1.0 / 2147483648.0);
      });
}

/// C = beta C, for products over an empty inner dimension.
template <class T>
void scale(int m, int n, T beta, T* c, int ldc) {
  Kokkos::parallel_for(
      "scale", Kokkos::RangePolicy<>(0, m), KOKKOS_LAMBDA(const int i) {
        T* row = c + std::size_t(i) * ldc;
        for (int j = 0; j < n; ++j) row[j] = beta == 0 ? T(0) : beta * row[j];
      });
}

}  // namespace

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
  count({op_a, op_b, m, n, k});
  if (k == 0) return scale(m, n, beta, c, ldc);
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

}  // namespace

template <class T>
void Products::gemm(Op op_a, Op op_b, int m, int n, int k, T alpha, const T* a, int lda, const T* b,
                    int ldb, T beta, T* c, int ldc) {
  if (m == 0 || n == 0) return;
  count({op_a, op_b, m, n, k});
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
std::vector<ProductLibrary> Products::libraries() {
  if (default_library() == ProductLibrary::cublas) return {ProductLibrary::cublas};
  if (sizeof(T) == sizeof(double)) return {ProductLibrary::blas};
  return {ProductLibrary::onednn, ProductLibrary::blas};
}

void Products::count(const ProductCall& call) {
  operations_ += call.operations();
  if (recorded_) recorded_->push_back(call);
}

template <class T>
double Products::measure_rate(int n, int repeats) {
  const ProductCall square{Op::plain, Op::transposed, n, n, n};
  return square.operations() / replay<T>({square}, repeats);
}

template <class T>
double Products::replay(const std::vector<ProductCall>& calls, int repeats) {
  using View = Kokkos::View<T*, Kokkos::DefaultExecutionSpace>;
  std::size_t a_size = 0, b_size = 0, c_size = 0;
  for (const ProductCall& call : calls) {
    const auto m = static_cast<std::size_t>(call.m), n = static_cast<std::size_t>(call.n),
               k = static_cast<std::size_t>(call.k);
    a_size = std::max(a_size, m * k);
    b_size = std::max(b_size, n * k);
    c_size = std::max(c_size, m * n);
  }
  const View a("replay a", a_size), b("replay b", b_size), c("replay c", c_size);
  fill_with_noise(a);
  fill_with_noise(b);
  const double before = operations_;
  std::vector<ProductCall>* const recorded = std::exchange(recorded_, nullptr);
  std::vector<double> seconds;
  for (int i = 0; i <= repeats; ++i) {
    Kokkos::Timer timer;
    for (const auto& [op_a, op_b, m, n, k] : calls)
      gemm<T>(op_a, op_b, m, n, k, T(1), a.data(), op_a == Op::plain ? k : m, b.data(),
              op_b == Op::plain ? n : k, T(0), c.data(), n);
    Kokkos::fence("replay");
    if (i > 0) seconds.push_back(timer.seconds());  // the first one warms up
  }
  operations_ = before;
  recorded_ = recorded;
  std::nth_element(seconds.begin(), seconds.begin() + seconds.size() / 2, seconds.end());
  return seconds[seconds.size() / 2];
}

template void Products::gemm<float>(Op, Op, int, int, int, float, const float*, int, const float*,
                                    int, float, float*, int);
template void Products::gemm<double>(Op, Op, int, int, int, double, const double*, int,
                                     const double*, int, double, double*, int);
template std::vector<ProductLibrary> Products::libraries<float>();
template std::vector<ProductLibrary> Products::libraries<double>();
template double Products::measure_rate<float>(int, int);
template double Products::measure_rate<double>(int, int);
template double Products::replay<float>(const std::vector<ProductCall>&, int);
template double Products::replay<double>(const std::vector<ProductCall>&, int);

}  // namespace jespr
