// Statistics of activations, their gradients, parameters and parameters' gradients, layer by layer:
// what shows where a training begins to vanish, to explode or to do nothing.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include "backend/communicator.hpp"
#include "tensor/context.hpp"
#include "tensor/store.hpp"

namespace jespr {

/// statistics.csv: step, kind, name, count, mean, rms, largest (of magnitudes), not_finite. Kinds
/// are `activation` and `activation_gradient` (all rows of all shards of the batch), `parameter`
/// (after the update) and `gradient` (of the batch, before clipping).
class LayerStatistics {
 public:
  /// Rows every `every` steps (0: never), in `path`, which is continued up to `last_step`. Only the
  /// rank that `writes` touches files. Failure: Error (runtime).
  LayerStatistics(std::string path, std::int64_t every, std::int64_t last_step, bool writes);
  ~LayerStatistics();
  LayerStatistics(const LayerStatistics&) = delete;
  LayerStatistics& operator=(const LayerStatistics&) = delete;

  /// Whether `step` (counted from 1) is one of those.
  bool due(std::int64_t step) const { return every_ > 0 && step % every_ == 0; }
  /// For the context of such a step.
  Observer observer();
  /// After it: sums over ranks, writes the rows. Collective.
  template <class P>
  void write(std::int64_t step, const ParameterStore<P>& store, const Communicator& communicator);

 private:
  struct Sums {
    std::string name;
    double count = 0, sum = 0, squares = 0, largest = 0, not_finite = 0;

    template <class Values>
    void add(const Values& values);
  };
  void write_row(std::int64_t step, const char* kind, const Sums& sums);

  std::string path_;
  std::int64_t every_;
  bool writes_;
  std::FILE* file_ = nullptr;
  std::vector<Sums> seen_;  // in the order of first sight, the same on all ranks
};

}  // namespace jespr
