// Matrix products: the one door to BLAS, oneDNN and cuBLAS. Row-major, in the default execution
// space's memory.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace jespr {

enum class Op { plain, transposed };

/// The library of the f32 products on the host (f64 is always BLAS; a GPU build has cuBLAS only).
/// It decides bits, so a run fixes it and a checkpoint remembers it.
enum class ProductLibrary : std::int32_t { onednn = 0, blas = 1, cublas = 2 };
std::string name_of(ProductLibrary library);

/// What a product was: op(A) [m, k] times op(B) [k, n].
struct ProductCall {
  Op op_a, op_b;
  int m, n, k;

  double operations() const { return 2.0 * m * n * k; }
  double elements() const { return 1.0 * m * k + 1.0 * k * n + 1.0 * m * n; }  // each once
};

class Products {
 public:
  explicit Products(ProductLibrary library = default_library());
  ~Products();
  Products(const Products&) = delete;
  Products& operator=(const Products&) = delete;

  static ProductLibrary default_library();
  /// The library of the f64 products, which leaves no choice.
  static ProductLibrary library_f64();
  /// All that this build has for numbers of type T.
  template <class T>
  static std::vector<ProductLibrary> libraries();
  ProductLibrary library() const { return library_; }

  /// C = alpha op(A) op(B) + beta C. op(A) [m, k], op(B) [k, n], C [m, n]; `lda`, `ldb`, `ldc` are
  /// the distances between rows. beta = 0 never reads C. Empty sizes are legal.
  template <class T>
  void gemm(Op op_a, Op op_b, int m, int n, int k, T alpha, const T* a, int lda, const T* b,
            int ldb, T beta, T* c, int ldc);

  /// Counts a product that was done elsewhere.
  void count(const ProductCall& call);
  /// Operations (2 m n k) of all products so far.
  double operations() const { return operations_; }

  /// Every product from now on is appended to `calls`; null: no longer.
  void record(std::vector<ProductCall>* calls) { recorded_ = calls; }

  /// Rate of square products of side n in operations per second, median of `repeats`.
  template <class T>
  double measure_rate(int n, int repeats);
  /// Seconds that these products take, one after the other and nothing between, median of
  /// `repeats`: what is left of a part of the program when all else costs nothing.
  template <class T>
  double replay(const std::vector<ProductCall>& calls, int repeats);

 private:
  ProductLibrary library_;
  std::vector<ProductCall>* recorded_ = nullptr;
  double operations_ = 0;
  void* vendor_ = nullptr;  // the library's handle, where it has one
};

/// Versions of the libraries and what is wrong with them, if anything ("" if nothing).
std::string product_library_versions();
std::string product_library_warning();

}  // namespace jespr
