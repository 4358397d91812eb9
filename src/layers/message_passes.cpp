// Message passes.
#include "layers/message_passes.hpp"

#include <optional>
#include <tuple>

#include "kernels/adam.hpp"
#include "kernels/messages.hpp"

namespace jespr {
namespace {

/// Runs a pass over all tiles: by all threads, one tile after the other, or by single threads, each
/// with arrays of its own for the tiles of its share. A Pass has the types and members
/// Arrays take(memory, edges): arrays for tiles of so many edges, from a Workspace or a Slab;
/// start(arrays, share): their first values; work(worker, arrays, tile, share): one tile;
/// finish(arrays, share): adds what the arrays have collected to the total, in the order of shares.
/// `share` is null where all threads work together.
template <class T, class Pass>
void for_tiles(Context& context, const MessageWeights<T>& weights, const Graph& graph,
               const Pass& pass) {
  if (weights.products == TileProducts::by_library) {
    const auto arrays = pass.take(context.scratch, std::min(graph.edges, edges_per_tile));
    pass.start(arrays, nullptr);
    for (const Graph::Tile& tile : graph.tiles)
      pass.work(TileWorker<T>(context), arrays, tile, nullptr);
    return pass.finish(arrays, nullptr);
  }
  const int shares = static_cast<int>(graph.shares.size());
  const bool rounded = weights.products == TileProducts::rounded;
  const auto take = [&](Slab slab) {
    TileLog* const log = slab.vector<TileLog>(1).data();
    const auto arrays = pass.take(slab, edges_of_thread);
    const RoundedTile room =
        rounded ? RoundedTile::take(slab, 3 * edges_of_thread, weights.widest()) : RoundedTile{};
    return std::tuple(log, arrays, room, slab.used());
  };
  const std::size_t bytes = std::get<3>(take(Slab()));
  const Matrix<std::byte> memory = context.scratch.matrix<std::byte>(std::size_t(shares), bytes);
  for_shares("messages", shares, [&](int number) {
    const auto [log, arrays, room, used] = take(Slab(&memory(std::size_t(number), 0)));
    const Graph::Share& share = graph.shares[std::size_t(number)];
    std::optional<Bf16Tiles> tiles;
    if (rounded) tiles.emplace();
    *log = TileLog{};
    pass.start(arrays, &share);
    for (int begin = share.begin, end; begin < share.end; begin = end) {
      end = std::min(begin + edges_of_thread,
                     begin < share.shared_end ? share.shared_end : share.end);
      const Graph::Tile tile{begin, end, graph.target(begin), graph.target(end - 1), 0, 0};
      pass.work(TileWorker<T>(*log, room), arrays, tile, &share);
      if (log->edges == 0) log->edges = tile.size();
    }
  });
  for (int number = 0; number < shares; ++number) {
    const auto [log, arrays, room, used] = take(Slab(&memory(std::size_t(number), 0)));
    const Graph::Share& share = graph.shares[std::size_t(number)];
    log->report(context.products, share.end - share.begin, edges_per_tile);
    pass.finish(arrays, &share);
  }
}

/// The rows of one tile; gates that are kept lie where they stay.
template <class T>
TileValues<T> of_tile(const TileValues<T>& values, const Graph::Tile& tile,
                      const KeptMessages<T>& messages) {
  TileValues<T> t = values.first(tile.size());
  if (!messages.exist()) return t;
  t.gate0 = edges_of(messages.gate0, tile);
  t.gate1 = edges_of(messages.gate1, tile);
  return t;
}

template <class T>
struct ForwardPass {
  const MessageWeights<T>& weights;
  const Features<T>& edges;
  const Graph& graph;
  const Features<T>& mean;  // sums over the edges into a row
  const KeptMessages<T>& messages;

  template <class Memory>
  TileValues<T> take(Memory& memory, int n) const {
    return TileValues<T>::take_in_turn(memory, weights, n);
  }
  void start(const TileValues<T>& values, const Graph::Share*) const { fill(values.x0, T(0)); }
  void work(const TileWorker<T>& worker, const TileValues<T>& values, const Graph::Tile& tile,
            const Graph::Share*) const {
    const TileValues<T> t = of_tile(values, tile, messages);
    compute_tile(worker, weights, edges, graph, tile, t, messages,
                 messages.exist() ? Keep::writes : Keep::nothing);
    kernels::add_to_targets(graph, tile, panel(t.x2), mean.s);
    kernels::add_to_targets(graph, tile, panel(wide_rows(t.vh2)), wide_rows(mean.v));
  }
  void finish(const TileValues<T>&, const Graph::Share*) const {}
};

template <class T>
struct BackwardPass {
  const MessageWeights<T>& weights;
  const Features<T>& edges;
  const Graph& graph;
  const Features<T>& dmean;
  const Features<T>* dedges;
  const RowGradients<T>& rows;
  const WeightGradients<T>& total;
  const KeptMessages<T>& messages;

  struct Arrays {
    TileValues<T> values;
    TileGradients<T> gradients;
    WeightGradients<T> sums;
    Features<T> shared;  // of the sources that other threads add to as well
  };

  template <class Memory>
  Arrays take(Memory& memory, int n) const {
    int most = 0;
    for (const Graph::Share& share : graph.shares)
      most = std::max(most, share.end_source - share.first_source);
    return {TileValues<T>::take(memory, weights, n), TileGradients<T>::take(memory, weights, n),
            WeightGradients<T>::take(memory, weights),
            Features<T>::take(memory,
                              std::size_t(weights.products == TileProducts::by_library ? 0 : most),
                              weights.shape.scalars, weights.folded)};
  }
  void start(const Arrays& arrays, const Graph::Share* share) const {
    fill(arrays.values.x0, T(0));
    arrays.sums.with(arrays.sums, [](const auto& sum, const auto&) { fill(sum, T(0)); });
    if (!share) return;
    fill(arrays.shared.s, T(0));
    fill(arrays.shared.v, T(0));
  }
  void work(const TileWorker<T>& worker, const Arrays& arrays, const Graph::Tile& tile,
            const Graph::Share* share) const {
    const TileValues<T> t = of_tile(arrays.values, tile, messages);
    const TileGradients<T> d = arrays.gradients.first(tile.size());
    compute_tile(worker, weights, edges, graph, tile, t, messages,
                 messages.exist() ? Keep::reads : Keep::nothing);
    backward_tile(worker, weights, edges, graph, tile, dmean, dedges, t, d, arrays.sums);
    const Panel<T> ds = columns_of(d.dx1, 0, weights.shape.scalars), dv = panel(wide_rows(t.v0));
    kernels::add_to_targets(graph, tile, ds, rows.target.s);
    kernels::add_to_targets(graph, tile, dv, wide_rows(rows.target.v));
    if (!share) {
      kernels::add_to_sources(graph, tile, ds, rows.source.s);
      kernels::add_to_sources(graph, tile, dv, wide_rows(rows.source.v));
      return;
    }
    const bool is_shared = tile.begin < share->shared_end;
    const Features<T>& sources = is_shared ? arrays.shared : rows.source;
    const int first = is_shared ? share->first_source : 0;
    kernels::add_to_sources_in_order(graph, tile, ds, first, sources.s);
    kernels::add_to_sources_in_order(graph, tile, dv, first, wide_rows(sources.v));
  }
  void finish(const Arrays& arrays, const Graph::Share* share) const {
    total.with(arrays.sums, [](const auto& sum, const auto& part) { kernels::add_to(sum, part); });
    if (!share || share->first_source == share->end_source) return;
    const std::size_t first = std::size_t(share->first_source),
                      end = std::size_t(share->end_source);
    kernels::add_to(flat(rows_of(rows.source.s, first, end)),
                    flat(rows_of(arrays.shared.s, 0, end - first)));
    kernels::add_to(flat(rows_of(rows.source.v, first, end)),
                    flat(rows_of(arrays.shared.v, 0, end - first)));
  }
};

}  // namespace

template <class T>
void add_messages(Context& context, const MessageWeights<T>& weights, const Features<T>& edges,
                  const Graph& graph, const KeptMessages<T>& kept, const Features<T>& sums) {
  for_tiles(context, weights, graph, ForwardPass<T>{weights, edges, graph, sums, kept});
}

template <class T>
void add_message_gradients(Context& context, const MessageWeights<T>& weights,
                           const Features<T>& edges, const Graph& graph,
                           const KeptMessages<T>& kept, const Features<T>& dmean,
                           const RowGradients<T>& rows, const WeightGradients<T>& total,
                           const Features<T>* dedges) {
  for_tiles(context, weights, graph,
            BackwardPass<T>{weights, edges, graph, dmean, dedges, rows, total, kept});
}

#define JESPR_INSTANTIATE(T)                                                                       \
  template void add_messages<T>(Context&, const MessageWeights<T>&, const Features<T>&,            \
                                const Graph&, const KeptMessages<T>&, const Features<T>&);         \
  template void add_message_gradients<T>(Context&, const MessageWeights<T>&, const Features<T>&,   \
                                         const Graph&, const KeptMessages<T>&, const Features<T>&, \
                                         const RowGradients<T>&, const WeightGradients<T>&,        \
                                         const Features<T>*);
JESPR_INSTANTIATE(float)
JESPR_INSTANTIATE(double)
#undef JESPR_INSTANTIATE

}  // namespace jespr
