// A context to run layers in, offsets of packed proteins, and the timing mode of the tests.
#pragma once

#include <functional>
#include <string>
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

/// Whether JESPR_TEST_TIMING is set. Cases named Timing measure, they do not judge.
bool timing_wanted();
inline constexpr const char* how_to_time = "timed when JESPR_TEST_TIMING is set";

/// Runs `body` and prints its time and rate; `bytes` and `operations` of one call; 0: not printed.
void report_time(const std::string& what, double bytes, double operations,
                 const std::function<void()>& body);

}  // namespace jespr::test
