// The log of a training run.
#include "driver/run_log.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "backend/build_info.hpp"
#include "backend/device_communicator.hpp"
#include "backend/session.hpp"
#include "base/log.hpp"
#include "driver/class_report.hpp"
#include "io/files.hpp"
#include "tensor/loops.hpp"

namespace jespr {
namespace {

constexpr int rate_size = device_is_host ? 1024 : 4096;  // of the square product that is measured
constexpr int rate_repeats = 5;

/// "12.3%", or "-" for what a run does not have.
std::string share_or_dash(double share) {
  return std::isnan(share) ? "-" : fmt::format("{:.1f}%", 100 * share);
}

}  // namespace

std::string build_line() {
  const BuildInfo info = build_info();
  return fmt::format("{} {}, Kokkos {} {}, {}, {}, HDF5 {}, git {}", info.compiler, info.build_type,
                     info.kokkos, info.kokkos_backends, product_library_versions(), info.mpi,
                     info.hdf5, info.git);
}

void log_program_header(const Communicator& communicator) {
  const Affinity affinity = query_affinity();
  const std::string place =
      fmt::format("{}\n{}\n{}\n{}\n{}", host_name(), affinity.threads, format_cores(affinity.cores),
                  affinity.device_place, affinity.pinned ? "pinned" : "");
  const auto places = communicator.all_gather(place);
  log::line(
      fmt::format("JESPR {}  joint pre-training of protein sequence and structure embeddings"
                  "        {}",
                  build_info().version, time_stamp()));
  log::line("build    " + build_line());
  const auto [on_node, node_ranks] = communicator.rank_on_node();
  const int nodes = communicator.sum(on_node == 0 ? 1 : 0);
  log::line(fmt::format("ranks    {} on {} node{}, {} thread{} each, {}; collectives: {}",
                        communicator.size(), nodes, nodes == 1 ? "" : "s", affinity.threads,
                        affinity.threads == 1 ? "" : "s", affinity.device,
                        DeviceCommunicator(communicator).transport()));
  constexpr std::size_t most = 8;
  for (std::size_t r = 0; r < places.size() && r < most; ++r) {
    std::array<std::string, 5> field;
    std::size_t begin = 0;
    for (auto& text : field) {
      const std::size_t end = places[r].find('\n', begin);
      text = places[r].substr(begin, end - begin);
      begin = end + 1;
    }
    log::line(fmt::format("         rank {} on {}, cores {}{}{}", r, field[0], field[2],
                          field[4] == "pinned" ? ", threads pinned" : "",
                          field[3].empty() ? "" : ", GPU " + field[3]));
  }
  const int cores = static_cast<int>(affinity.cores.size());
  if (affinity.threads > cores)
    log::warning(
        fmt::format("{} threads on {} core{}: they take turns; set OMP_NUM_THREADS={} or "
                    "let the launcher bind more cores (mpirun --bind-to none, srun "
                    "--cpus-per-task={})",
                    affinity.threads, cores, cores == 1 ? "" : "s", cores, affinity.threads));
  if (node_ranks * affinity.threads > cores && cores > 0 && affinity.threads <= cores &&
      std::all_of(places.begin(), places.end(),
                  [&](const std::string& p) { return p == places.front(); }) &&
      communicator.size() > 1)
    log::warning(
        fmt::format("{} ranks of {} threads share the cores {}: set OMP_NUM_THREADS={} or "
                    "bind ranks to cores",
                    node_ranks, affinity.threads, format_cores(affinity.cores),
                    std::max(1, cores / node_ranks)));
}

void open_log(const std::string& folder, const DeckText& deck, const Communicator& communicator) {
  const std::string file = folder + "/log.txt";
  if (communicator.is_root()) io::make_parent_directories(file);
  communicator.barrier();
  log::open_file(file);
  log::record(deck.processed);
  log_program_header(communicator);
}

double log_product_rate(const Communicator& communicator, Products& products,
                        const RunSettings& settings) {
  const auto measure = [&](const char* name, const std::string& by, const auto& rate_of) {
    communicator.barrier();
    const double rate = rate_of();
    const double slowest = communicator.min(rate), fastest = communicator.max(rate);
    log::line(fmt::format("products {:.0f} GFLOP/s {} per rank (measured {:.0f} to {:.0f}; {})",
                          communicator.sum(rate) / communicator.size() * 1e-9, name, slowest * 1e-9,
                          fastest * 1e-9, by));
    return rate;
  };
  const auto measure_single = [&] { return products.measure_rate<float>(rate_size, rate_repeats); };
  double rate = 0;
  {
    const UnroundedProducts unrounded(products);
    rate = measure("f32", name_of(products.library()), measure_single);
  }
  const std::string warning = product_library_warning();
  if (!warning.empty()) log::warning(warning);
  if (settings.operands() == OperandPrecision::bf16)
    rate = measure("bf16", products.describe(), measure_single);
  else if (settings.precision == F64::name)
    rate = measure("f64", name_of(Products::library_f64()),
                   [&] { return products.measure_rate<double>(rate_size, rate_repeats); });
  return rate;
}

template <class P>
void log_parameter_table(const ParameterStore<P>& store) {
  std::array<std::size_t, number_of_parts> count{}, frozen{}, tensors{};
  for (const auto& p : store.parameters()) {
    const auto part = static_cast<std::size_t>(p.part);
    count[part] += p.size;
    ++tensors[part];
    if (!p.trainable) frozen[part] += p.size;
  }
  for (std::size_t part = 0; part < count.size(); ++part)
    log::line(fmt::format("         {:<15} {:>12} parameters in {:>4} tensors{}",
                          name_of(static_cast<Part>(part)), count[part], tensors[part],
                          frozen[part] > 0 ? fmt::format(", {} frozen", frozen[part]) : ""));
}

void IntervalLog::header() const {
  log::line("");
  log::line(
      "     step   epoch    loss  acc s>t  acc t>s   scale        lr      |g|   prot/s    res/s  "
      "GFLOP/s  of peak     left");
}

void IntervalLog::add(const HistoryRow& row) {
  newest_ = row;
  ++rows_;
  sum_.loss += row.loss;
  sum_.accuracy_sequence_to_structure += row.accuracy_sequence_to_structure;
  sum_.accuracy_structure_to_sequence += row.accuracy_structure_to_sequence;
  sum_.language_loss += row.language_loss;
  sum_.language_accuracy += row.language_accuracy;
  add_weighed(sum_.classes, row.classes);
  sum_.gradient_norm += row.gradient_norm;
  sum_.seconds += row.seconds;
  sum_.proteins_per_second += row.proteins_per_second * row.seconds;
  sum_.residues_per_second += row.residues_per_second * row.seconds;
  sum_.gflops += row.gflops * row.seconds;
  sum_.fraction_of_peak += row.fraction_of_peak * row.seconds;
  sum_.skipped += row.skipped;
}

double IntervalLog::seconds_left(double step) const {
  return (static_cast<double>(last_) - step) * timer_.seconds() /
         std::max(1.0, step - static_cast<double>(first_));
}

void IntervalLog::line() {
  if (rows_ == 0) return;
  const double n = rows_, t = std::max(sum_.seconds, 1e-9);
  const std::string classes = describe_means(weighed_means(sum_.classes));
  log::line(fmt::format(
      "{:>9.0f} {:>7.2f} {:>7.4f} {:>8} {:>8} {:>7} {:>9.2e} {:>8.3g} {:>8.1f} {:>8} "
      "{:>8.1f} {:>7.1f}% {:>8}{}{}{}",
      newest_.step, newest_.epoch, sum_.loss / n,
      share_or_dash(sum_.accuracy_sequence_to_structure / n),
      share_or_dash(sum_.accuracy_structure_to_sequence / n),
      std::isnan(newest_.logit_scale) ? "-" : fmt::format("{:.2f}", newest_.logit_scale),
      newest_.learning_rate, sum_.gradient_norm / n, sum_.proteins_per_second / t,
      sum_.residues_per_second / t >= 1e4
          ? fmt::format("{:.1f}k", sum_.residues_per_second / t / 1e3)
          : fmt::format("{:.0f}", sum_.residues_per_second / t),
      sum_.gflops / t, 100 * sum_.fraction_of_peak / t, format_duration(seconds_left(newest_.step)),
      sum_.language_loss > 0 ? fmt::format("  residues {:.4f}, {:.1f} % right",
                                           sum_.language_loss / n, 100 * sum_.language_accuracy / n)
                             : "",
      classes.empty() ? "" : "  classes " + classes,
      sum_.skipped > 0 ? fmt::format("  {:.0f} skipped", sum_.skipped) : ""));
  sum_ = {};
  rows_ = 0;
}

void IntervalLog::progress(const HistoryRow& row) const {
  log::progress(fmt::format("step {:.0f} of {}, loss {:.4f}, {} left", row.step, last_, row.loss,
                            format_duration(seconds_left(row.step))));
}

std::string format_count(std::int64_t count, const char* what) {
  return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

void log_times(const Communicator& communicator, const Timers& timers, double total_seconds) {
  // Every rank has the same names in the same order: they come from the same code.
  struct Share {
    std::string name;
    double mean, least, most;
    long calls;
  };
  std::vector<Share> shares;
  double counted = 0;
  for (const auto& entry : timers.entries()) {
    const double mean = communicator.sum(entry.seconds) / communicator.size();
    shares.push_back({entry.name, mean, communicator.min(entry.seconds),
                      communicator.max(entry.seconds), entry.calls});
    counted += mean;
  }
  std::stable_sort(shares.begin(), shares.end(),
                   [](const Share& a, const Share& b) { return a.mean > b.mean; });
  log::line("");
  log::line("time                        share     seconds (least, most of ranks)      calls");
  for (const Share& s : shares)
    log::line(fmt::format("  {:<24} {:>6.1f}% {:>11.2f} ({:.2f}, {:.2f}) {:>16}", s.name,
                          100 * s.mean / total_seconds, s.mean, s.least, s.most, s.calls));
  log::line(fmt::format("  {:<24} {:>6.1f}% {:>11.2f}", "everything else",
                        100 * (total_seconds - counted) / total_seconds, total_seconds - counted));
}

template void log_parameter_table<F32>(const ParameterStore<F32>&);
template void log_parameter_table<F64>(const ParameterStore<F64>&);

}  // namespace jespr
