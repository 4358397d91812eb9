// Parameters of golden files.
#include "golden/support/golden_parameters.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "base/hash.hpp"
#include "support/arrays.hpp"

namespace jespr::test {
namespace {

struct Recipe {
  std::string name;
  std::vector<int> shape;
  double offset, scale;
  std::uint64_t seed;

  std::size_t size() const {
    std::size_t product = 1;
    for (int extent : shape) product *= static_cast<std::size_t>(extent);
    return product;
  }
};

std::vector<Recipe> read_recipes(const GoldenFile& file) {
  const std::vector<std::string> names = file.read_text("param_table/name");
  const Array dimensions = file.read("param_table/ndim"), shape = file.read("param_table/shape");
  const Array offset = file.read("param_table/offset"), scale = file.read("param_table/scale");
  const auto seed = file.file().attribute<std::uint64_t>("/params", "seed");
  const std::size_t columns = shape.shape.at(1);
  std::vector<Recipe> recipes;
  for (std::size_t i = 0; i < names.size(); ++i) {
    Recipe recipe{names[i], {}, offset.values[i], scale.values[i], seed};
    for (std::size_t d = 0; d < static_cast<std::size_t>(dimensions.values[i]); ++d)
      recipe.shape.push_back(static_cast<int>(shape.values[i * columns + d]));
    recipes.push_back(recipe);
  }
  return recipes;
}

/// Output of splitmix64 for the state z (Steele, Lea & Flood 2014).
std::uint64_t mix(std::uint64_t z) {
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
  return z ^ (z >> 31);
}

std::vector<float> values_of(const Recipe& recipe, std::size_t count) {
  constexpr std::uint64_t golden_gamma = 0x9E3779B97F4A7C15;
  const std::uint64_t key = fnv1a64(recipe.name) ^ recipe.seed;
  std::vector<float> values(count);
  for (std::size_t i = 0; i < count; ++i) {
    const double u = std::ldexp(static_cast<double>(mix(key + (i + 1) * golden_gamma) >> 11), -53);
    values[i] = static_cast<float>(recipe.offset + recipe.scale * std::sqrt(3.0) * (2 * u - 1));
  }
  return values;
}

}  // namespace

template <class P>
void load_golden_parameters(const GoldenFile& file, ParameterStore<P>& store) {
  const std::vector<Recipe> recipes = read_recipes(file);
  for (const Recipe& recipe : recipes) {
    Parameter<P>* parameter = store.find(recipe.name);
    if (!parameter) {
      ADD_FAILURE() << file.stem() << ": the model has no parameter " << recipe.name;
      continue;
    }
    EXPECT_EQ(parameter->shape, recipe.shape) << recipe.name;
    if (parameter->shape != recipe.shape) continue;
    const std::vector<float> values = values_of(recipe, recipe.size());
    to_device(parameter->value, std::vector<typename P::Master>(values.begin(), values.end()));
  }
  EXPECT_EQ(store.parameters().size(), recipes.size())
      << "the model has parameters that " << file.stem() << " lacks";
  store.mark_updated();
}

template void load_golden_parameters<F32>(const GoldenFile&, ParameterStore<F32>&);
template void load_golden_parameters<F64>(const GoldenFile&, ParameterStore<F64>&);

void compare_golden_parameters(Parity& parity) {
  const GoldenFile& file = parity.file();
  for (const Recipe& recipe : read_recipes(file))
    for (const std::string group : {"params/", "param_check/"}) {
      const std::string name = group + recipe.name;
      if (!file.has(name)) continue;
      const std::vector<float> values = values_of(recipe, file.read(name).values.size());
      parity.compare_exactly(name, std::vector<double>(values.begin(), values.end()),
                             "parameter by its rule");
    }
  parity.exclude("param_table/", "recipe of the parameters, used to make them");
}

template <class P>
void compare_gradients(Parity& parity, const ParameterStore<P>& store, const std::string& group,
                       const std::function<Kind(const std::string&)>& kind_of) {
  double square = 0;
  for (const auto& p : store.parameters()) {
    const std::vector<double> recorded = parity.file().read(parity.exact(group + p.name)).values;
    square += dot(recorded, recorded);
  }
  for (const auto& p : store.parameters()) {
    const auto values = to_host(p.gradient);
    parity.compare(group + p.name, std::vector<double>(values.begin(), values.end()), {},
                   kind_of(p.name), std::sqrt(square));
  }
}

template void compare_gradients<F32>(Parity&, const ParameterStore<F32>&, const std::string&,
                                     const std::function<Kind(const std::string&)>&);
template void compare_gradients<F64>(Parity&, const ParameterStore<F64>&, const std::string&,
                                     const std::function<Kind(const std::string&)>&);

}  // namespace jespr::test
