// Parameters of golden files: re-created by their rule, checked against stored ones.
#pragma once

#include <functional>

#include "golden/support/parity.hpp"
#include "tensor/store.hpp"

namespace jespr::test {

/// Sets every parameter of `store` by the rule of FORMAT.md, section 1: element i of tensor `name`
/// is offset + scale sqrt(3) (2 u_i - 1), u_i from splitmix64 with state fnv1a64(name) xor seed.
/// Fails the test when the file's table and the store differ in a name or shape.
template <class P>
void load_golden_parameters(const GoldenFile& file, ParameterStore<P>& store);

/// Gives a verdict to params/, param_check/ and param_table/: what is stored must be, bit for bit,
/// what the rule makes.
void compare_golden_parameters(Parity& parity);

/// The gradients of all parameters against `group`<name>, each as `kind_of`(name).
template <class P>
void compare_gradients(Parity& parity, const ParameterStore<P>& store, const std::string& group,
                       const std::function<Kind(const std::string&)>& kind_of);

}  // namespace jespr::test
