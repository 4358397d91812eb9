// A context to run layers in, and parameters for them.
#pragma once

#include <vector>

#include "tensor/context.hpp"
#include "tensor/offsets.hpp"
#include "tensor/store.hpp"

namespace jespr::test {

/// Memory and products of a layer under test.
struct Bench {
  Workspace saved{"saved"};
  Workspace scratch{"scratch"};
  Workspace inputs{"inputs"};
  Products products;
  Context context{saved, scratch, products};
};

/// Sets all parameters to random numbers: gains near 1, everything else of size 1/sqrt(columns).
template <class P>
void randomize(ParameterStore<P>& store, std::uint64_t seed);

/// Values or gradients of all parameters, one after the other in the order of the store.
template <class P>
std::vector<double> parameter_values(const ParameterStore<P>& store);
template <class P>
std::vector<double> parameter_gradients(const ParameterStore<P>& store);
template <class P>
void set_parameter_values(ParameterStore<P>& store, const std::vector<double>& values);

}  // namespace jespr::test
