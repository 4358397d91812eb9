// Precision policies: the storage type of activations and the master type of parameters. Precision
// 'bf16' is the policy F32: it is a property of the products (OperandPrecision of
// backend/products.hpp), which round what they read and store f32.
#pragma once

namespace jespr {

struct F64 {
  using Real = double;    // activations, gradients, kernels
  using Master = double;  // parameters, moments
  static constexpr const char* name = "f64";
};

struct F32 {
  using Real = float;
  using Master = float;
  static constexpr const char* name = "f32";
};

}  // namespace jespr
