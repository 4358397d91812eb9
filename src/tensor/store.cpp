// Parameter store: layout, initial values.
#include "tensor/store.hpp"

#include <fmt/format.h>

#include <type_traits>

#include "base/error.hpp"
#include "base/philox.hpp"
#include "tensor/loops.hpp"

namespace jespr {
namespace {

constexpr std::size_t start_multiple = 64;  // elements: where parameters that are not joined start

double draw(const Init& init, std::uint64_t seed, std::uint32_t name_hash, std::size_t index) {
  if (init.draw == Init::Draw::none) return init.offset;
  const PhiloxKey key{{static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)}};
  const PhiloxBlock block =
      philox(key, {{name_hash, site_of("initial value"), static_cast<std::uint32_t>(index),
                    static_cast<std::uint32_t>(index >> 32)}});
  const double number = init.draw == Init::Draw::normal
                            ? normal_pair(block).first
                            : 2.0 * uniform(block.word[0], block.word[1]) - 1.0;
  return init.offset + init.scale * number;
}

}  // namespace

std::string name_of(Part part) {
  switch (part) {
    case Part::sequence:
      return "sequence";
    case Part::structure:
      return "structure";
    case Part::sequence_head:
      return "sequence head";
    case Part::structure_head:
      return "structure head";
    case Part::scale:
      return "loss";
  }
  return "unknown";
}

template <class P>
Parameter<P>& ParameterStore<P>::add(const std::string& name, std::vector<int> shape, Init init,
                                     bool joined) {
  if (find(name)) fail(Exit::runtime, fmt::format("bug: parameter {} is registered twice", name));
  Parameter<P>* before = parameters_.empty() ? nullptr : &parameters_.back();
  Parameter<P>& p = parameters_.emplace_back();
  if (joined) before->next_joined = &p;
  p.name = name;
  p.shape = std::move(shape);
  p.init = init;
  p.part = part_;
  p.layers_above = layers_above_;
  p.joined = joined;
  p.size = 1;
  for (int extent : p.shape) p.size *= static_cast<std::size_t>(extent);
  return p;
}

template <class P>
void ParameterStore<P>::freeze() {
  const auto aligned = [](std::size_t n) {
    return (n + start_multiple - 1) / start_multiple * start_multiple;
  };
  std::size_t end = 0;
  count_ = 0;
  for (auto& p : parameters_) {
    p.offset = p.joined ? end : aligned(end);
    end = p.offset + p.size;
    count_ += p.size;
  }
  values_ = Owned("parameters", aligned(end));
  gradients_ = Owned("gradients", aligned(end));
  for (auto& p : parameters_) {
    p.value = Vector<Real>(values_.data() + p.offset, p.size);
    p.gradient = Vector<Real>(gradients_.data() + p.offset, p.size);
  }
}

template <class P>
void ParameterStore<P>::initialize(std::uint64_t seed) {
  for (auto& p : parameters_) {
    std::vector<Real> host(p.size);
    const std::uint32_t hash = site_of(p.name);
    for (std::size_t i = 0; i < p.size; ++i)
      // Rounded to f32 so that an f64 and an f32 run start from the same numbers.
      host[i] = static_cast<Real>(static_cast<float>(draw(p.init, seed, hash, i)));
    to_device(p.value, host);
  }
  mark_updated();
}

template <class P>
Parameter<P>* ParameterStore<P>::find(std::string_view name) {
  for (auto& p : parameters_)
    if (p.name == name) return &p;
  return nullptr;
}

template <class P>
void ParameterStore<P>::keep_copies_by(Products& products) const {
  if constexpr (std::is_same_v<Real, float>)
    products.keep_copies(values_.data(), values_.size(), version_);
}

template <class P>
void ParameterStore<P>::zero_gradients() {
  fill(gradients_, Real(0));
}

template class ParameterStore<F32>;
template class ParameterStore<F64>;

}  // namespace jespr
