// The geometric vector perceptron on the host, one row at a time, unfactored: what the layers are
// tested against.
#pragma once

#include <string>
#include <vector>

#include "tensor/store.hpp"

namespace jespr::test {

/// One row: scalars [S] and vectors [3, U].
struct GvpRow {
  std::vector<double> s, v;
  std::size_t vectors() const { return v.size() / 3; }
};

/// Perceptron `name` of the store on a row; with gate and relu if it has a gate.
GvpRow host_gvp(ParameterStore<F64>& store, const std::string& name, const GvpRow& in);

/// Channels of several rows one after the other.
GvpRow joined(const std::vector<GvpRow>& rows);

}  // namespace jespr::test
