// Measures of a gallery, blocks of queries dealt to the ranks.
#include "driver/gallery.hpp"

#include <algorithm>
#include <cmath>
#include <span>
#include <string>

#include "backend/eigenvalues.hpp"
#include "base/error.hpp"
#include "kernels/covariance.hpp"
#include "kernels/ranking.hpp"
#include "tensor/matmul.hpp"

namespace jespr {
namespace {

/// Both modalities on the device.
template <class T>
struct DeviceGallery {
  DeviceGallery(Workspace& workspace, const Gallery<T>& gallery)
      : sequence(workspace.matrix<T>(static_cast<std::size_t>(gallery.proteins()),
                                     static_cast<std::size_t>(gallery.width))),
        structure(workspace.matrix<T>(sequence.extent(0), sequence.extent(1))) {
    to_device(sequence, gallery.sequence);
    to_device(structure, gallery.structure);
  }
  Matrix<T> sequence, structure;  // [B, J]
};

/// Calls use(begin, end) for this rank's blocks of [0, proteins): fixed blocks, dealt in turn.
template <class F>
void for_own_blocks(const Communicator& communicator, int proteins, const F& use) {
  constexpr int block = kernels::query_block;
  for (int begin = block * communicator.rank(); begin < proteins;
       begin += block * communicator.size())
    use(static_cast<std::size_t>(begin),
        static_cast<std::size_t>(std::min(begin + block, proteins)));
}

template <class T>
void require_finite(const char* modality, const std::vector<T>& embeddings, int width) {
  const auto bad = std::find_if(embeddings.begin(), embeddings.end(),
                                [](T value) { return !std::isfinite(value); });
  if (bad == embeddings.end()) return;
  fail(Exit::runtime, std::string("the ") + modality + " embedding of protein " +
                          std::to_string((bad - embeddings.begin()) / width + 1) +
                          " of the gallery is not finite: the model has diverged");
}

/// Copies the rows of a block to their places in `all`.
template <class T>
void put(const Vector<T>& block, std::size_t begin, std::vector<T>& all) {
  const std::vector<T> host = to_host(block);
  std::copy(host.begin(), host.end(), all.begin() + static_cast<std::ptrdiff_t>(begin));
}

double sum_in_order(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum;
}

/// Of eigenvalues that rounding may leave below zero.
std::vector<double> square_roots(std::vector<double> values) {
  for (double& value : values) value = std::sqrt(std::max(value, 0.0));
  return values;
}

/// exp(-sum p log p) with p = values / sum(values): how many of them count. 0 where all are 0.
double exponential_entropy(const std::vector<double>& values) {
  const double sum = sum_in_order(values);
  double entropy = 0;
  for (const double value : values)
    if (value > 0) entropy -= value / sum * std::log(value / sum);
  return sum > 0 ? std::exp(entropy) : 0.0;
}

}  // namespace

template <class T>
std::vector<T> gather_rows(const Communicator& communicator, int proteins,
                           const std::vector<std::int64_t>& places, const std::vector<T>& rows) {
  const auto all_places = communicator.all_gather(std::span<const std::int64_t>(places));
  if (all_places.size() != static_cast<std::size_t>(proteins))
    fail(Exit::runtime, "bug: " + std::to_string(all_places.size()) +
                            " embeddings for a gallery of " + std::to_string(proteins));
  const std::vector<T> all = communicator.all_gather(std::span<const T>(rows));
  const auto width = static_cast<std::ptrdiff_t>(proteins > 0 ? all.size() / all_places.size() : 0);
  std::vector<T> ordered(all.size());
  auto row = all.begin();
  for (const std::int64_t place : all_places) {
    std::copy_n(row, width, ordered.begin() + place * width);
    row += width;
  }
  return ordered;
}

template <class T>
Gallery<T> gather_gallery(const Communicator& communicator, int proteins, int width,
                          const std::vector<std::int64_t>& places, const std::vector<T>& sequence,
                          const std::vector<T>& structure) {
  return {width, gather_rows(communicator, proteins, places, sequence),
          gather_rows(communicator, proteins, places, structure)};
}

template <class T>
PartnerRanks rank_gallery(Context& context, const Communicator& communicator,
                          const Gallery<T>& gallery) {
  require_finite("sequence", gallery.sequence, gallery.width);
  require_finite("structure", gallery.structure, gallery.width);
  const int proteins = gallery.proteins();
  Scope scope(context.scratch);
  const DeviceGallery<T> device(context.scratch, gallery);
  const auto rank_queries = [&](Matrix<T> queries, Matrix<T> targets) {
    std::vector<int> higher(static_cast<std::size_t>(proteins), 0), tied = higher;
    for_own_blocks(communicator, proteins, [&](std::size_t begin, std::size_t end) {
      Scope block(context.scratch);
      const Vector<int> above = context.scratch.vector<int>(end - begin);
      const Vector<int> level = context.scratch.vector<int>(end - begin);
      kernels::rank_partners(context, rows_of(queries, begin, end), targets,
                             static_cast<int>(begin), above, level);
      put(above, begin, higher);
      put(level, begin, tied);
    });
    communicator.sum(std::span<int>(higher));
    communicator.sum(std::span<int>(tied));
    std::vector<PartnerRank> ranks;
    for (std::size_t i = 0; i < higher.size(); ++i) ranks.push_back({higher[i], tied[i]});
    return ranks;
  };
  return {rank_queries(device.sequence, device.structure),
          rank_queries(device.structure, device.sequence)};
}

template <class T>
std::vector<double> pair_losses(Context& context, const Communicator& communicator,
                                const Gallery<T>& gallery, double scale) {
  const int proteins = gallery.proteins();
  Scope scope(context.scratch);
  const DeviceGallery<T> device(context.scratch, gallery);
  const auto losses_of = [&](Matrix<T> queries, Matrix<T> targets) {
    std::vector<double> losses(static_cast<std::size_t>(proteins), 0.0);
    for_own_blocks(communicator, proteins, [&](std::size_t begin, std::size_t end) {
      Scope block(context.scratch);
      const Vector<double> own = context.scratch.vector<double>(end - begin);
      kernels::partner_losses(context, rows_of(queries, begin, end), targets,
                              static_cast<int>(begin), scale, own);
      put(own, begin, losses);
    });
    communicator.sum(std::span<double>(losses));  // each from one rank, the others add zero: exact
    return losses;
  };
  std::vector<double> mean = losses_of(device.sequence, device.structure);
  const std::vector<double> back = losses_of(device.structure, device.sequence);
  for (std::size_t i = 0; i < mean.size(); ++i) mean[i] = 0.5 * (mean[i] + back[i]);
  return mean;
}

template <class T>
SphereMeasures measure_sphere(Context& context, const Communicator& communicator,
                              const Gallery<T>& gallery) {
  const int proteins = gallery.proteins();
  const double pairs = static_cast<double>(proteins) * (proteins - 1);
  Scope scope(context.scratch);
  const DeviceGallery<T> device(context.scratch, gallery);
  const Vector<double> distances =
      context.scratch.vector<double>(static_cast<std::size_t>(proteins));
  kernels::squared_distances(device.sequence, device.structure, distances);
  const auto uniformity = [&](Matrix<T> points) {
    std::vector<double> potentials(static_cast<std::size_t>(proteins), 0.0);
    for_own_blocks(communicator, proteins, [&](std::size_t begin, std::size_t end) {
      Scope block(context.scratch);
      const Vector<double> sums = context.scratch.vector<double>(end - begin);
      kernels::gaussian_potentials(context, rows_of(points, begin, end), points,
                                   static_cast<int>(begin), sums);
      put(sums, begin, potentials);
    });
    // Each element comes from one rank, the others add zero: exact.
    communicator.sum(std::span<double>(potentials));
    return std::log(sum_in_order(potentials) / pairs);
  };
  return {sum_in_order(to_host(distances)) / proteins, uniformity(device.sequence),
          uniformity(device.structure)};
}

template <class T>
Spreads measure_spreads(Context& context, const Gallery<T>& gallery) {
  const auto spread_of = [&](const std::vector<T>& embeddings) {
    Scope scope(context.scratch);
    const std::size_t width = static_cast<std::size_t>(gallery.width);
    const Matrix<double> points = context.scratch.matrix<double>(embeddings.size() / width, width);
    const Matrix<double> covariance = context.scratch.matrix<double>(width, width);
    to_device(points, std::vector<double>(embeddings.begin(), embeddings.end()));
    kernels::centre_columns(points);
    matmul_tn(context, points, points, covariance);
    const std::span<double> host = context.scratch.download(covariance);
    const auto eigenvalues = symmetric_eigenvalues({host.begin(), host.end()}, gallery.width);
    return Spread{exponential_entropy(square_roots(eigenvalues)),
                  sum_in_order(eigenvalues) / gallery.proteins()};
  };
  return {spread_of(gallery.sequence), spread_of(gallery.structure)};
}

#define JESPR_INSTANTIATE(T)                                                                       \
  template Gallery<T> gather_gallery<T>(const Communicator&, int, int,                             \
                                        const std::vector<std::int64_t>&, const std::vector<T>&,   \
                                        const std::vector<T>&);                                    \
  template std::vector<T> gather_rows<T>(const Communicator&, int,                                 \
                                         const std::vector<std::int64_t>&, const std::vector<T>&); \
  template PartnerRanks rank_gallery<T>(Context&, const Communicator&, const Gallery<T>&);         \
  template std::vector<double> pair_losses<T>(Context&, const Communicator&, const Gallery<T>&,    \
                                              double);                                             \
  template SphereMeasures measure_sphere<T>(Context&, const Communicator&, const Gallery<T>&);     \
  template Spreads measure_spreads<T>(Context&, const Gallery<T>&);
JESPR_INSTANTIATE(float)
JESPR_INSTANTIATE(double)
#undef JESPR_INSTANTIATE

}  // namespace jespr
