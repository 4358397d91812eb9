// TrainingState: what a run is, bit for bit: the only thing that a restart needs.
#pragma once

#include <cstdint>
#include <limits>

#include "model/joint_model.hpp"
#include "optim/adam.hpp"
#include "tensor/store.hpp"

namespace jespr {

template <class P>
struct TrainingState {
  ParameterStore<P>* store = nullptr;
  Adam<P>* optimizer = nullptr;
  std::int64_t step = 0;  // steps done; with the seed it is the sampler's whole state
  std::int64_t seed = 0;
  std::int64_t shards = 0;          // V: decides the tree of sums
  std::int64_t proteins = 0;        // of a batch
  std::int64_t dataset = 0;         // what its chains hash to
  std::int64_t matrix_library = 0;  // ProductLibrary: decides the bits of products
  std::int64_t operands = 0;        // OperandPrecision of the products
  ModelForm form;                   // of the model, beyond the shapes of its tensors
  std::int64_t labels = 0;          // what classes and the chains in them hash to; 0: no classes
  std::int64_t best_step = 0;       // of the best validation, 0: none yet
  double best_value = -std::numeric_limits<double>::infinity();
  std::int64_t best_metric = 0;               // BestMetric: what best_value is one of
  std::int64_t validations_without_gain = 0;  // since the best one

  /// Writes or reads all of it, see io/checkpoint.hpp.
  template <class Visitor>
  void state(Visitor& visitor) {
    numbers(visitor);
    optimizer->state(visitor);
    for (auto& p : store->parameters()) {
      const auto part_of = [&](const Vector<typename P::Master>& whole) {
        return Vector<typename P::Master>(whole.data() + p.offset, p.size);
      };
      visitor.tensor("parameters/" + p.name, p.shape, p.value);
      visitor.tensor("first_moment/" + p.name, p.shape, part_of(optimizer->first_moment()));
      visitor.tensor("second_moment/" + p.name, p.shape, part_of(optimizer->second_moment()));
      if (optimizer->keeps_average())
        visitor.tensor("average/" + p.name, p.shape, part_of(optimizer->average()));
    }
  }

  /// The next validation is the first to be judged.
  void forget_best() {
    best_step = 0;
    best_value = -std::numeric_limits<double>::infinity();
    validations_without_gain = 0;
  }

  /// The numbers alone: what must be known before the model can be built.
  template <class Visitor>
  void numbers(Visitor& visitor) {
    visitor.number("step", step);
    visitor.number("seed", seed);
    visitor.number("shards", shards);
    visitor.number("proteins", proteins);
    visitor.number("dataset", dataset);
    visitor.number("matrix_library", matrix_library);
    visitor.number("operands", operands);
    for (auto& [key, value] : form) visitor.number("form/" + key, value);
    if (labels != 0) visitor.number("labels", labels);
    visitor.number("best_step", best_step);
    visitor.real("best_value", best_value);
    visitor.number("best_metric", best_metric);
    visitor.number("validations_without_gain", validations_without_gain);
  }
};

/// A state of which only the numbers are read.
template <class P>
struct TrainingNumbers {
  TrainingState<P> all;
  template <class Visitor>
  void state(Visitor& visitor) {
    all.numbers(visitor);
  }
};

}  // namespace jespr
