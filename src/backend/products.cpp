// Matrix products on the host: oneDNN or OpenBLAS for f32, OpenBLAS for f64; on a GPU: cuBLAS.
#include "backend/products.hpp"

#include <Kokkos_Core.hpp>
#include <algorithm>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/error.hpp"

#ifdef KOKKOS_ENABLE_CUDA
#include <cublas_v2.h>
#else
#include <cblas.h>
#include <oneapi/dnnl/dnnl.h>

#include <variant>

#include "backend/onednn_matmul.hpp"
#include "backend/rounded_operands.hpp"
#include "backend/simd.hpp"
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

/// cuBLAS rounds f32 operands to bf16 itself on their way to the tensor cores, which sum in f32.
cublasStatus_t call_rounded_gemm(cublasHandle_t h, Op a, Op b, int m, int n, int k,
                                 const float* alpha, const float* pa, int lda, const float* pb,
                                 int ldb, const float* beta, float* pc, int ldc) {
  return cublasGemmEx(h, vendor(a), vendor(b), m, n, k, alpha, pa, CUDA_R_32F, lda, pb, CUDA_R_32F,
                      ldb, beta, pc, CUDA_R_32F, ldc, CUBLAS_COMPUTE_32F_FAST_16BF,
                      CUBLAS_GEMM_DEFAULT);
}

}  // namespace

ProductLibrary Products::default_library() { return ProductLibrary::cublas; }
ProductLibrary Products::library_f64() { return ProductLibrary::cublas; }

struct Products::Rounding {};

Products::Products(ProductLibrary library, OperandPrecision operands)
    : library_(library), operands_(operands) {
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
  count({op_a, op_b, m, n, k, operands_});
  if (k == 0) return scale(m, n, beta, c, ldc);
  // cuBLAS is column-major: C^T = op(B)^T op(A)^T.
  const auto handle = static_cast<cublasHandle_t>(vendor_);
  if constexpr (std::is_same_v<T, float>)
    if (operands_ == OperandPrecision::bf16)
      return check(
          call_rounded_gemm(handle, op_b, op_a, n, m, k, &alpha, b, ldb, a, lda, &beta, c, ldc),
          "cublasGemmEx");
  check(call_gemm(handle, op_b, op_a, n, m, k, &alpha, b, ldb, a, lda, &beta, c, ldc),
        "cublasGemm");
}

std::string Products::bf16_units(ProductLibrary) { return "tensor cores"; }

void Products::keep_copies(const float*, std::size_t, const std::uint64_t&) {}
void Products::forget_copies(const float*) {}
void Products::let_left_stay(bool) {}
void Products::reserve(double) {}
double Products::bytes() const { return 0; }

std::string product_library_versions() {
  return "cuBLAS " + std::to_string(CUBLAS_VER_MAJOR) + "." + std::to_string(CUBLAS_VER_MINOR);
}

std::string product_library_warning() { return ""; }

#else

ProductLibrary Products::default_library() { return ProductLibrary::onednn; }
ProductLibrary Products::library_f64() { return ProductLibrary::blas; }

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

/// Whether a product of these sizes is faster once its transposed right operand is turned: measured
/// where vectors have 64 bytes, for 64 to 2560 columns (doc/performance.md).
bool is_worth_turning(ProductLibrary library, Op op_b, int m, int n) {
  constexpr int wide = 640, few = 256;
  return vector_bytes == 64 && library == ProductLibrary::onednn && op_b == Op::transposed &&
         n < wide && m >= few;
}

}  // namespace

/// Rounded copies of the operands and what multiplies them: as bf16 numbers, or where nothing here
/// multiplies those, as f32 numbers.
struct Products::Rounding {
  explicit Rounding(ProductLibrary library_of_f32) : library(library_of_f32) {
    if (!bf16_units(library).empty()) operands = RoundedOperands<Bf16>();
  }

  void gemm(Op op_a, Op op_b, int m, int n, int k, float alpha, const float* a, int lda,
            const float* b, int ldb, float beta, float* c, int ldc) {
    const auto by = [&](auto& copies) {
      using Copies = std::remove_reference_t<decltype(copies)>;
      const bool a_plain = op_a == Op::plain, b_plain = op_b == Op::plain;
      const auto left = copies.round(Copies::left, a, a_plain ? m : k, a_plain ? k : m, lda);
      const auto right = copies.round(Copies::right, b, b_plain ? k : n, b_plain ? n : k, ldb);
      multiply(op_a, op_b, m, n, k, alpha, left.data, left.stride, right.data, right.stride, beta,
               c, ldc);
    };
    std::visit(by, operands);
  }
  void multiply(Op op_a, Op op_b, int m, int n, int k, float alpha, const Bf16* a, int lda,
                const Bf16* b, int ldb, float beta, float* c, int ldc) {
    of_bf16.gemm(op_a, op_b, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
  }
  void multiply(Op op_a, Op op_b, int m, int n, int k, float alpha, const float* a, int lda,
                const float* b, int ldb, float beta, float* c, int ldc) {
    if (library == ProductLibrary::onednn)
      of_f32.gemm(op_a, op_b, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
    else
      call_gemm(library, op_a, op_b, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
  }

  const ProductLibrary library;
  std::variant<RoundedOperands<float>, RoundedOperands<Bf16> > operands;
  OnednnMatmul<Bf16> of_bf16;
  OnednnMatmul<float> of_f32;
};

Products::Products(ProductLibrary library, OperandPrecision operands)
    : library_(library), operands_(operands) {
  if (operands == OperandPrecision::bf16) rounding_ = std::make_unique<Rounding>(library);
}
Products::~Products() = default;

template <class T>
void Products::gemm(Op op_a, Op op_b, int m, int n, int k, T alpha, const T* a, int lda, const T* b,
                    int ldb, T beta, T* c, int ldc) {
  if (m == 0 || n == 0) return;
  count({op_a, op_b, m, n, k, operands_});
  if (k == 0) return scale(m, n, beta, c, ldc);
  if constexpr (std::is_same_v<T, float>) {
    if (operands_ == OperandPrecision::bf16)
      return rounding_->gemm(op_a, op_b, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
    if (is_worth_turning(library_, op_b, m, n))
      return call_gemm(library_, op_a, Op::plain, m, n, k, alpha, a, lda,
                       turned_.turn(b, n, k, ldb), n, beta, c, ldc);
  }
  call_gemm(library_, op_a, op_b, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
}

std::string Products::bf16_units(ProductLibrary library) {
  static const std::string onednn = onednn_bf16_units();
  return library == ProductLibrary::onednn ? onednn : "";
}

void Products::keep_copies(const float* data, std::size_t size, const std::uint64_t& version) {
  turned_.keep(data, size, version);
  if (rounding_) std::visit([&](auto& all) { all.keep(data, size, version); }, rounding_->operands);
}
void Products::forget_copies(const float* data) {
  turned_.forget(data);
  if (rounding_) std::visit([&](auto& all) { all.forget(data); }, rounding_->operands);
}
void Products::let_left_stay(bool stays) {
  if (rounding_) std::visit([&](auto& all) { all.let_left_stay(stays); }, rounding_->operands);
}
void Products::reserve(double factor) {
  turned_.reserve(factor);
  if (rounding_) std::visit([&](auto& all) { all.reserve(factor); }, rounding_->operands);
}
double Products::bytes() const {
  const auto turned = static_cast<double>(turned_.bytes());
  if (!rounding_) return turned;
  return turned + std::visit([](const auto& all) { return static_cast<double>(all.bytes()); },
                             rounding_->operands);
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

std::string Products::describe() const {
  if (operands_ == OperandPrecision::working) return name_of(library_);
  const std::string units = bf16_units(library_);
  return name_of(library_) + (units.empty()
                                  ? ", operands rounded to bf16 for f32 products: no bf16 units"
                                  : ", bf16 operands by " + units);
}

void Products::count(const ProductCall& call) {
  operations_ += call.operations();
  if (recorded_) recorded_->push_back(call);
}

template <class T>
double Products::measure_rate(int n, int repeats) {
  const ProductCall square{Op::plain, Op::transposed, n, n, n, operands_};
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
  const View operands("replayed operands", a_size + b_size), c("replayed results", c_size);
  fill_with_noise(operands);
  const T* const a = operands.data();
  const T* const b = a + a_size;
  constexpr std::uint64_t unchanged = 0;
  if constexpr (std::is_same_v<T, float>) keep_copies(a, operands.size(), unchanged);
  const double before = operations_;
  std::vector<ProductCall>* const recorded = std::exchange(recorded_, nullptr);
  const OperandPrecision mine = operands_;
  std::vector<double> seconds;
  for (int i = 0; i <= repeats; ++i) {
    Kokkos::Timer timer;
    for (const ProductCall& call : calls) {
      operands_ = call.operands;
      gemm<T>(call.op_a, call.op_b, call.m, call.n, call.k, T(1), a,
              call.op_a == Op::plain ? call.k : call.m, b, call.op_b == Op::plain ? call.n : call.k,
              T(0), c.data(), call.n);
    }
    Kokkos::fence("replay");
    if (i > 0) seconds.push_back(timer.seconds());  // the first one warms up
  }
  operands_ = mine;
  if constexpr (std::is_same_v<T, float>) forget_copies(a);
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
