// Ranking by tiles.
#include "kernels/ranking.hpp"

#include <algorithm>

#include "tensor/loops.hpp"
#include "tensor/matmul.hpp"

namespace jespr::kernels {
namespace {

// Whole multiples of the register blocks of the libraries (48, 24, 16, 8, 6): all elements of a
// tile are summed in the same order.
constexpr int gallery_block = 4 * query_block;

/// tile row r = x row begin + r in f64, zero behind the last one: all tiles have one shape.
template <class T>
void load_tile(Matrix<T> x, int begin, Matrix<double> tile) {
  const int n = static_cast<int>(x.extent(0)), columns = static_cast<int>(x.extent(1));
  for_rows(
      "load score tile", static_cast<int>(tile.extent(0)), KOKKOS_LAMBDA(const Row& row) {
        const int r = row.index, i = begin + r;
        row.for_each(columns, [&](int c) { tile(r, c) = i < n ? double(x(i, c)) : 0.0; });
      });
}

/// One tile: queries [i, i + rows) against gallery rows [j, j + columns).
struct Tile {
  Matrix<double> scores;
  int i, rows, j, columns;
};

/// Calls use(tile) for all tiles, those of one query in the order of the gallery.
template <class T, class F>
void for_score_tiles(Context& context, Matrix<T> queries, Matrix<T> gallery, const F& use) {
  const int n = static_cast<int>(queries.extent(0)), m = static_cast<int>(gallery.extent(0));
  const std::size_t width = queries.extent(1);
  Scope scope(context.scratch);
  const Matrix<double> query_tile = context.scratch.matrix<double>(query_block, width);
  const Matrix<double> gallery_tile = context.scratch.matrix<double>(gallery_block, width);
  const Matrix<double> scores = context.scratch.matrix<double>(query_block, gallery_block);
  for (int i = 0; i < n; i += query_block) {
    load_tile(queries, i, query_tile);
    for (int j = 0; j < m; j += gallery_block) {
      load_tile(gallery, j, gallery_tile);
      matmul_nt(context, query_tile, gallery_tile, scores);
      use(Tile{scores, i, std::min(query_block, n - i), j, std::min(gallery_block, m - j)});
    }
  }
}

template <class T>
void partner_scores(Matrix<T> queries, Matrix<T> gallery, int first, Vector<double> partner) {
  const int columns = static_cast<int>(queries.extent(1));
  for_rows(
      "partner scores", static_cast<int>(queries.extent(0)), KOKKOS_LAMBDA(const Row& row) {
        const int i = row.index;
        const double score = row.sum<double>(
            columns, [&](int c) { return double(queries(i, c)) * double(gallery(first + i, c)); });
        row.once([&]() { partner(i) = score; });
      });
}

void count_tile(const Tile& tile, int first, Vector<double> partner, Vector<int> higher,
                Vector<int> tied) {
  const Matrix<double> scores = tile.scores;
  const int begin = tile.i, columns = tile.columns, shift = first - tile.j;
  for_rows(
      "rank partners", tile.rows, KOKKOS_LAMBDA(const Row& row) {
        const int r = row.index, i = begin + r, own = shift + i;
        const double mine = partner(i);
        const int above = row.sum<int>(columns, [&](int c) {
          return c != own && !(scores(r, c) <= mine + tie_width) ? 1 : 0;
        });
        const int equal = row.sum<int>(columns, [&](int c) {
          return c != own && Kokkos::abs(scores(r, c) - mine) <= tie_width ? 1 : 0;
        });
        row.once([&]() {
          higher(i) += above;
          tied(i) += equal;
        });
      });
}

void add_losses(const Tile& tile, int first, double scale, Vector<double> partner,
                Vector<double> sums) {
  const Matrix<double> scores = tile.scores;
  const int begin = tile.i, columns = tile.columns, shift = first - tile.j;
  for_rows(
      "partner losses", tile.rows, KOKKOS_LAMBDA(const Row& row) {
        const int r = row.index, i = begin + r, own = shift + i;
        const double mine = partner(i);
        const double sum = row.sum<double>(columns, [&](int c) {
          return c == own ? 1.0 : Kokkos::exp(scale * (scores(r, c) - mine));
        });
        row.once([&]() { sums(i) += sum; });
      });
}

void add_potentials(const Tile& tile, int first, Vector<double> sums) {
  const Matrix<double> scores = tile.scores;
  const int begin = tile.i, columns = tile.columns, shift = first - tile.j;
  for_rows(
      "gaussian potentials", tile.rows, KOKKOS_LAMBDA(const Row& row) {
        const int r = row.index, i = begin + r, own = shift + i;
        // |x - y|^2 = 2 - 2 x . y on the unit sphere.
        const double sum = row.sum<double>(columns, [&](int c) {
          return c == own ? 0.0 : Kokkos::exp(4.0 * (scores(r, c) - 1.0));
        });
        row.once([&]() { sums(i) += sum; });
      });
}

}  // namespace

template <class T>
void rank_partners(Context& context, Matrix<T> queries, Matrix<T> gallery, int first,
                   Vector<int> higher, Vector<int> tied) {
  Scope scope(context.scratch);
  const Vector<double> partner = context.scratch.vector<double>(queries.extent(0));
  partner_scores(queries, gallery, first, partner);
  fill(higher, 0);
  fill(tied, 0);
  for_score_tiles(context, queries, gallery,
                  [&](const Tile& tile) { count_tile(tile, first, partner, higher, tied); });
}

template <class T>
void partner_losses(Context& context, Matrix<T> queries, Matrix<T> gallery, int first, double scale,
                    Vector<double> losses) {
  Scope scope(context.scratch);
  const Vector<double> partner = context.scratch.vector<double>(queries.extent(0));
  partner_scores(queries, gallery, first, partner);
  fill(losses, 0.0);
  for_score_tiles(context, queries, gallery,
                  [&](const Tile& tile) { add_losses(tile, first, scale, partner, losses); });
  for_each(
      "log of sums", losses.extent(0),
      KOKKOS_LAMBDA(std::size_t i) { losses(i) = Kokkos::log(losses(i)); });
}

template <class T>
void gaussian_potentials(Context& context, Matrix<T> points, Matrix<T> all, int first,
                         Vector<double> sums) {
  fill(sums, 0.0);
  for_score_tiles(context, points, all,
                  [&](const Tile& tile) { add_potentials(tile, first, sums); });
}

template <class T>
void squared_distances(Matrix<T> x, Matrix<T> y, Vector<double> distances) {
  const int columns = static_cast<int>(x.extent(1));
  for_rows(
      "squared distances", static_cast<int>(x.extent(0)), KOKKOS_LAMBDA(const Row& row) {
        const int i = row.index;
        const double distance = row.sum<double>(columns, [&](int c) {
          const double difference = double(x(i, c)) - double(y(i, c));
          return difference * difference;
        });
        row.once([&]() { distances(i) = distance; });
      });
}

#define JESPR_INSTANTIATE(T)                                                                     \
  template void rank_partners<T>(Context&, Matrix<T>, Matrix<T>, int, Vector<int>, Vector<int>); \
  template void partner_losses<T>(Context&, Matrix<T>, Matrix<T>, int, double, Vector<double>);  \
  template void gaussian_potentials<T>(Context&, Matrix<T>, Matrix<T>, int, Vector<double>);     \
  template void squared_distances<T>(Matrix<T>, Matrix<T>, Vector<double>);
JESPR_INSTANTIATE(float)
JESPR_INSTANTIATE(double)
#undef JESPR_INSTANTIATE

}  // namespace jespr::kernels
