// Matrix products: the one door to BLAS, oneDNN and cuBLAS. Row-major, in the default execution
// space's memory.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "backend/turned_operands.hpp"

namespace jespr {

enum class Op { plain, transposed };

/// The library of the f32 products on the host (f64 is always BLAS; a GPU build has cuBLAS only).
/// It decides bits, so a run fixes it and a checkpoint remembers it.
enum class ProductLibrary : std::int32_t { onednn = 0, blas = 1, cublas = 2 };
std::string name_of(ProductLibrary library);

/// What the operands of f32 products are rounded to before they are multiplied; sums and results
/// are f32 all the same. Products of f64 know no rounding.
enum class OperandPrecision : std::int32_t { working = 0, bf16 = 1 };

/// What a product was: op(A) [m, k] times op(B) [k, n].
struct ProductCall {
  Op op_a, op_b;
  int m, n, k;
  OperandPrecision operands = OperandPrecision::working;
  bool by_library = true;  // or inside a loop of ours, while tiles lie in cache

  double operations() const { return 2.0 * m * n * k; }
  double elements() const { return 1.0 * m * k + 1.0 * k * n + 1.0 * m * n; }  // each once
};

class Products {
 public:
  explicit Products(ProductLibrary library = default_library(),
                    OperandPrecision operands = OperandPrecision::working);
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
  OperandPrecision operands() const { return operands_; }

  /// The units by which `library` multiplies bf16 numbers here ("avx512_core_bf16"); "" where there
  /// are none: then it multiplies the rounded numbers in f32, to the same results but for rounding.
  static std::string bf16_units(ProductLibrary library);
  /// The library and what it does with operands, for people.
  std::string describe() const;

  /// C = alpha op(A) op(B) + beta C. op(A) [m, k], op(B) [k, n], C [m, n]; `lda`, `ldb`, `ldc` are
  /// the distances between rows. beta = 0 never reads C. Empty sizes are legal.
  template <class T>
  void gemm(Op op_a, Op op_b, int m, int n, int k, T alpha, const T* a, int lda, const T* b,
            int ldb, T beta, T* c, int ldc);

  /// Operands in [data, data + size) are copied, rounded or turned, once for each value of
  /// `version`, not for each product: weights between two updates. Both must outlive this object,
  /// or be forgotten.
  void keep_copies(const float* data, std::size_t size, const std::uint64_t& version);
  void forget_copies(const float* data);
  /// Makes room for copies of operands of `factor` times the size of the largest so far.
  void reserve(double factor);
  /// Memory of copies of operands, rounded or turned.
  double bytes() const;

  /// Counts a product that was done elsewhere.
  void count(const ProductCall& call);
  /// Operations (2 m n k) of all products so far.
  double operations() const { return operations_; }

  /// Every product from now on is appended to `calls`; null: no longer.
  void record(std::vector<ProductCall>* calls) { recorded_ = calls; }

  /// Rate of square products of side n in operations per second, median of `repeats`. Operands have
  /// been rounded before, here as in replay.
  template <class T>
  double measure_rate(int n, int repeats);
  /// Seconds that these products take, one after the other and nothing between, median of
  /// `repeats`: what is left of a part of the program when all else costs nothing. Calls are those
  /// of products of this kind.
  template <class T>
  double replay(const std::vector<ProductCall>& calls, int repeats);

 private:
  friend class UnroundedProducts;
  friend class LeftStays;
  void let_left_stay(bool stays);
  struct Rounding;

  ProductLibrary library_;
  OperandPrecision operands_;
  std::unique_ptr<Rounding> rounding_;  // null: nothing is ever rounded here
  TurnedOperands turned_;
  std::vector<ProductCall>* recorded_ = nullptr;
  double operations_ = 0;
  void* vendor_ = nullptr;  // the library's handle, where it has one
};

/// While it lives, products round nothing: for what stays f32 in every run, like a loss.
class UnroundedProducts {
 public:
  explicit UnroundedProducts(Products& products)
      : products_(products), before_(products.operands_) {
    products.operands_ = OperandPrecision::working;
  }
  ~UnroundedProducts() { products_.operands_ = before_; }
  UnroundedProducts(const UnroundedProducts&) = delete;
  UnroundedProducts& operator=(const UnroundedProducts&) = delete;

 private:
  Products& products_;
  const OperandPrecision before_;
};

/// While it lives, a left operand of two products in turn is the same numbers in both, and rounded
/// once: the gradient that goes to the weights and to the input of a map.
class LeftStays {
 public:
  explicit LeftStays(Products& products) : products_(products) { products.let_left_stay(true); }
  ~LeftStays() { products_.let_left_stay(false); }
  LeftStays(const LeftStays&) = delete;
  LeftStays& operator=(const LeftStays&) = delete;

 private:
  Products& products_;
};

/// Versions of the libraries and what is wrong with them, if anything ("" if nothing).
std::string product_library_versions();
std::string product_library_warning();

}  // namespace jespr
