// Precision policies: the storage type of activations and the master type of parameters. A bf16
// policy will differ in the two; f64 and f32 do not.
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
