// Timing of single kernels.
#include "driver/benchmark_kernels.hpp"

#include "kernels/activation.hpp"
#include "kernels/adam.hpp"
#include "kernels/attention.hpp"
#include "kernels/columns.hpp"
#include "kernels/dropout.hpp"
#include "kernels/layer_norm.hpp"
#include "kernels/neighbours.hpp"
#include "kernels/residual.hpp"
#include "kernels/rotary.hpp"
#include "kernels/vectors.hpp"

namespace jespr {
namespace {

/// Memory that holds ones: values do not matter to these kernels, but must be finite.
template <class T>
struct Filled {
  Workspace& workspace;

  Matrix<T> matrix(std::size_t rows, std::size_t columns) const {
    const Matrix<T> m = workspace.matrix<T>(rows, columns);
    fill(m, T(1));
    return m;
  }
  Vector<T> vector(std::size_t n) const { return flat(matrix(1, n)); }
  Tensor3<T> tensor(std::size_t rows, std::size_t channels) const {
    return Tensor3<T>(matrix(rows, 3 * channels).data(), rows, 3, channels);
  }
};

double pairs_of(const std::vector<int>& rows) {
  double pairs = 0;
  for (int n : rows) pairs += static_cast<double>(n) * n;
  return pairs;
}

constexpr double forward_products = 2, backward_products = 5;  // of attention, over pairs

}  // namespace

template <class P>
std::vector<KernelTime> time_kernels(Context& context, const JointModel<P>& model,
                                     const data::ShardRows& shard, std::size_t parameters,
                                     const BenchmarkSettings& settings) {
  using T = typename P::Real;
  std::vector<KernelTime> times;
  Scope saved(context.saved), scope(context.scratch);
  Workspace& scratch = context.scratch;
  const OperandPrecision operands = context.products.operands();
  const Filled<T> ones{scratch};
  const auto add = [&](const char* name, double elements, double operations, const auto& body) {
    times.push_back({name, time_calls(settings, body).median, 1, elements * sizeof(T), operations});
  };

  // The sequence encoder's transformer: N rows, C channels, F of the feed-forward.
  const auto& shape = model.sequence.shape;
  const std::size_t n = shard.sequence.tokens.size(), c = static_cast<std::size_t>(shape.width);
  const std::size_t f = 4 * c;
  const double nc = static_cast<double>(n * c), nf = static_cast<double>(n * f);
  const Offsets offsets = make_offsets(scratch, shard.sequence.rows, shard.identity);
  {
    Scope inner(scratch);
    const auto x = ones.matrix(n, c), y = ones.matrix(n, c), z = ones.matrix(n, c);
    const auto gain = ones.vector(c), bias = ones.vector(c), mean = ones.vector(n),
               rstd = ones.vector(n);
    add("layer norm", 2 * nc, 8 * nc,
        [&] { kernels::layer_norm<T>(x, gain, bias, T(1e-5), y, mean, rstd); });
    add("layer norm backward", 4 * nc, 15 * nc,
        [&] { kernels::layer_norm_backward<T>(y, x, mean, rstd, gain, z, true); });
    add("layer norm gain and bias gradients", 3 * nc, 5 * nc,
        [&] { kernels::layer_norm_parameter_gradients<T>(scratch, y, x, mean, rstd, gain, bias); });
    add("residual and layer norm", 4 * nc, 10 * nc, [&] {
      kernels::add_residual_and_norm<T>(z, bias, {}, x, gain, bias, T(1e-5), y, mean, rstd);
    });
    add("dropout", 2 * nc, nc, [&] { kernels::dropout<T>(x, offsets, context.random, 1, 0.1); });
  }
  {
    Scope inner(scratch);
    const auto h = ones.matrix(n, f), y = ones.matrix(n, f);
    const auto bias = ones.vector(f);
    add("bias gelu", 3 * nf, 15 * nf,
        [&] { kernels::bias_activation<T>(Activation::gelu, h, bias, y); });
    add("gelu backward and bias gradient", 3 * nf, 29 * nf, [&] {
      kernels::activation_and_bias_backward<T>(scratch, Activation::gelu, h, y, y, bias);
    });
  }
  {
    Scope inner(scratch);
    const std::size_t heads = static_cast<std::size_t>(shape.heads);
    const auto qkv = ones.matrix(n, 3 * c), dqkv = ones.matrix(n, 3 * c);
    const auto out = ones.matrix(n, c), dout = ones.matrix(n, c), lse = ones.matrix(heads, n);
    const auto bias = ones.vector(3 * c);
    const double product = 2 * pairs_of(shard.sequence.rows) * static_cast<double>(c);
    add("scale and rotate", 6 * nc, 10 * nc, [&] {
      kernels::add_bias_scale_and_rotate<T>(scratch, qkv, bias, offsets, shape.heads, true);
    });
    fill(qkv, T(0.1));
    add("attention", 4 * nc, forward_products * product,
        [&] { kernels::attention<T>(scratch, qkv, offsets, shape.heads, {}, operands, out, lse); });
    add("attention backward", 8 * nc, backward_products * product, [&] {
      kernels::attention_backward<T>(scratch, qkv, offsets, shape.heads, {}, operands, out, lse,
                                     dout, dqkv);
    });
  }

  // The structure encoder's edges, a tile at a time.
  const auto& graph = model.structure.shape.graph;
  const auto u = static_cast<std::size_t>(graph.vectors);
  const std::size_t tile = edges_per_tile;
  const double values = 3.0 * static_cast<double>(tile * u);
  {
    Scope inner(scratch);
    const auto v = ones.tensor(tile, u), w = ones.tensor(tile, u);
    const auto norms = ones.matrix(tile, u), gate = ones.matrix(tile, u);
    const auto bias = ones.vector(u);
    add("vector norms", values * 4 / 3, 2 * values,
        [&] { kernels::vector_norms<T>(v, panel(norms)); });
    add("gate vectors", values * 8 / 3, 6 * values,
        [&] { kernels::gate_vectors<T>(gate, bias, v, 0, w); });
  }
  {
    Scope inner(scratch);
    const auto p = ones.vector(parameters), g = ones.vector(parameters),
               m = ones.vector(parameters), v = ones.vector(parameters);
    std::vector<kernels::AdamRun> runs;
    kernels::add_adam_runs(runs, 0, parameters, 0);
    const auto all_runs = scratch.upload(runs);
    kernels::AdamStep step{};
    step.eps = step.shrink = step.gradient_scale = step.correction1 = step.correction2 = 1;
    const auto steps = scratch.upload(std::vector<kernels::AdamStep>{step});
    const auto count = static_cast<double>(parameters);
    add("adam", 7 * count, 14 * count,
        [&] { kernels::adam_update<T>(all_runs, steps, p, g, m, v, Vector<T>()); });
    add("sum of squares", count, 2 * count, [&] { kernels::sum_of_squares<T>(scratch, g); });
  }
  return times;
}

template <class T>
std::vector<AttentionTime> time_attention(Context& context, const BenchmarkSettings& settings) {
  constexpr int rows = 4096, channels = 512;
  std::vector<AttentionTime> table;
  Workspace& scratch = context.scratch;
  const OperandPrecision operands = context.products.operands();
  for (int width = 16; width <= kernels::largest_head_width; width *= 2)
    for (int length = 16; length <= 1024; length *= 2) {
      Scope scope(scratch);
      const int heads = channels / width;
      const Filled<T> ones{scratch};
      const Offsets offsets =
          make_offsets(scratch, std::vector<int>(static_cast<std::size_t>(rows / length), length));
      const auto qkv = ones.matrix(rows, 3 * channels), dqkv = ones.matrix(rows, 3 * channels);
      const auto out = ones.matrix(rows, channels), dout = ones.matrix(rows, channels);
      const auto lse = ones.matrix(static_cast<std::size_t>(heads), rows);
      fill(qkv, T(0.1));
      AttentionTime cell;
      cell.head_width = width;
      cell.length = length;
      cell.heads = heads;
      cell.proteins = rows / length;
      cell.forward = time_calls(settings, [&] {
                       kernels::attention<T>(scratch, qkv, offsets, heads, {}, operands, out, lse);
                     }).median;
      cell.backward = time_calls(settings, [&] {
                        kernels::attention_backward<T>(scratch, qkv, offsets, heads, {}, operands,
                                                       out, lse, dout, dqkv);
                      }).median;
      table.push_back(cell);
    }
  return table;
}

#define JESPR_INSTANTIATE(P)                                                            \
  template std::vector<KernelTime> time_kernels<P>(Context&, const JointModel<P>&,      \
                                                   const data::ShardRows&, std::size_t, \
                                                   const BenchmarkSettings&);           \
  template std::vector<AttentionTime> time_attention<P::Real>(Context&, const BenchmarkSettings&);
JESPR_INSTANTIATE(F32)
JESPR_INSTANTIATE(F64)
#undef JESPR_INSTANTIATE

}  // namespace jespr
