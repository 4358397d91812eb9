// Parameter store: every trainable tensor of the model by its fair-esm name, in one contiguous
// buffer, the gradients in another of the same layout. Initialisation, optimizer, norm, clipping,
// reduction, checkpoint and the log's parameter table all iterate it: a new tensor changes none.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "backend/products.hpp"
#include "tensor/precision.hpp"
#include "tensor/views.hpp"

namespace jespr {

/// How a parameter starts: value = `offset` + `scale` * draw.
struct Init {
  enum class Draw { none, uniform, normal } draw = Draw::none;  // uniform on (-1, 1)
  double scale = 0;
  double offset = 0;

  static Init constant(double value) { return {Draw::none, 0, value}; }
  static Init uniform(double bound) { return {Draw::uniform, bound, 0}; }
  static Init normal(double deviation) { return {Draw::normal, deviation, 0}; }
};

/// Which part of the model a parameter belongs to: the unit of learning-rate factors and of the
/// parameter table.
enum class Part : int { sequence, structure, sequence_head, structure_head, scale };
std::string name_of(Part part);
inline constexpr int number_of_parts = 5;

template <class P>
struct Parameter {
  using Real = typename P::Master;

  std::string name;
  std::vector<int> shape;  // [], [C] or [O, C]
  Init init;
  Part part = Part::sequence;
  int layers_above = 0;              // of its encoder: the unit of layer-wise learning rates
  bool joined = false;               // lies directly behind the parameter registered before it
  Parameter* next_joined = nullptr;  // the one that lies directly behind this one
  bool trainable = true;             // false: frozen, no gradient is computed, no update made
  std::size_t offset = 0;            // in the store's buffers, in elements; known after freeze
  std::size_t size = 0;

  Vector<Real> value;     // [size]
  Vector<Real> gradient;  // [size]

  bool is_matrix() const { return shape.size() == 2; }
  int rows() const { return shape.size() == 2 ? shape[0] : 1; }
  int columns() const { return shape.empty() ? 1 : shape.back(); }
};

template <class P>
class ParameterStore {
 public:
  using Real = typename P::Master;

  /// The part of all parameters added until the next call.
  void set_part(Part part) { part_ = part; }
  /// The number of layers of an encoder above the parameters that are added until the next call.
  void set_layers_above(int layers) { layers_above_ = layers; }

  /// Registers a tensor; the reference stays valid. A second one of the same name is a bug.
  /// `joined`: contiguous with the one before, so that one product serves both.
  Parameter<P>& add(const std::string& name, std::vector<int> shape, Init init,
                    bool joined = false);

  /// Lays all parameters out in one buffer (with zeros between those that start aligned), and
  /// allocates values and gradients (zero).
  void freeze();

  /// Draws initial values: element i of a tensor is a function of (seed, its name, i) alone.
  void initialize(std::uint64_t seed);

  std::deque<Parameter<P>>& parameters() { return parameters_; }
  const std::deque<Parameter<P>>& parameters() const { return parameters_; }
  /// The parameter of that name, or nullptr.
  Parameter<P>* find(std::string_view name);

  std::size_t size() const { return values_.size(); }    // elements, padding included
  std::size_t count() const { return count_; }           // trainable or not, no padding
  Vector<Real> values() const { return values_; }        // [size]
  Vector<Real> gradients() const { return gradients_; }  // [size]
  void zero_gradients();

  /// Counts updates of the values: what caches of converted weights are keyed by.
  std::uint64_t version() const { return version_; }
  void mark_updated() { ++version_; }
  /// Lets `products` round the values once for each version. The store outlives the products, or
  /// goes with them.
  void keep_copies_by(Products& products) const;

 private:
  using Owned = Kokkos::View<Real*, Kokkos::LayoutRight, DeviceMemory>;
  std::deque<Parameter<P>> parameters_;
  Owned values_, gradients_;
  std::size_t count_ = 0;
  std::uint64_t version_ = 0;
  Part part_ = Part::sequence;
  int layers_above_ = 0;
};

/// A weight as a layer sees it: one parameter, or several joined ones stacked by rows.
template <class P>
struct Weight {
  Parameter<P>* first = nullptr;
  int rows = 0;     // O, over all joined parameters
  int columns = 0;  // C

  Weight() = default;
  explicit Weight(Parameter<P>& parameter, int joined_count = 1)
      : first(&parameter), rows(parameter.rows() * joined_count), columns(parameter.columns()) {}

  bool exists() const { return first != nullptr; }
  bool trainable() const { return first->trainable; }
  /// Marks all its parameters as not trained; nothing when the weight does not exist.
  void freeze() const {
    for (Parameter<P>* p = first; p; p = p->next_joined) p->trainable = false;
  }
  Matrix<typename P::Master> value() const {
    return Matrix<typename P::Master>(first->value.data(), rows, columns);
  }
  Matrix<typename P::Master> gradient() const {
    return Matrix<typename P::Master>(first->gradient.data(), rows, columns);
  }
};

}  // namespace jespr
