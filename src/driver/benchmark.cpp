// task = 'benchmark'.
#include "driver/benchmark.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <memory>

#include "backend/loop_profile.hpp"
#include "backend/session.hpp"
#include "base/log.hpp"
#include "data/dataset.hpp"
#include "driver/benchmark_kernels.hpp"
#include "driver/benchmark_report.hpp"
#include "driver/restart.hpp"
#include "driver/results.hpp"
#include "driver/run_log.hpp"
#include "driver/training_data.hpp"
#include "driver/training_step.hpp"
#include "io/files.hpp"
#include "tensor/loops.hpp"

namespace jespr {
namespace {

constexpr double work_of_a_gradient = 3;  // forward 1, backward 2: no recomputation is counted
constexpr int product_repeats = 5;

template <class P>
class Benchmark {
 public:
  using Real = typename P::Real;

  Benchmark(const Settings& settings, const DeckText& deck, const Communicator& communicator,
            std::string folder)
      : settings_(settings),
        options_(settings.benchmark),
        deck_(deck),
        communicator_(communicator),
        folder_(std::move(folder)),
        dataset_(data::Dataset::open(settings.data.dataset, communicator)),
        batches_(training_batches(settings, deck, dataset_)),
        step_(settings, communicator, choose_library<P>(settings.run.matrix_library, "")) {
    const ShardRange own = shards_of_rank(settings, communicator);
    rows_ = batches_->assemble(0, own.begin, own.end);
  }

  void run() {
    open_log(folder_, deck_, communicator_);
    log::line("deck     " + deck_.name + ", every parameter in " + folder_ + "/log.txt");
    describe_batch();
    measure_products();
    measure_sequence();
    measure_structure();
    measure_loss();
    measure_optimizer();
    measure_step();
    if (options_.measures("kernels"))
      results_.kernels = time_kernels(step_.context(), step_.model(), rows_.shards.front(),
                                      step_.store().size(), options_);
    if (options_.measures("attention"))
      results_.attention = time_attention<Real>(step_.context(), options_);
    report();
  }

 private:
  using Saved = typename JointModel<P>::Saved;

  void describe_batch() {
    for (const data::Shard& shard : batches_->shards(0))
      for (const data::Chain& chain : shard)
        results_.chains.push_back(dataset_.names()[static_cast<std::size_t>(chain.identity)]);
    results_.ranks = communicator_.size();
    results_.threads = query_affinity().threads;
    ShardWork own;  // of this rank
    for (const data::ShardRows& shard : rows_.shards) {
      Scope saved_scope(context().saved), scratch_scope(context().scratch);
      Saved saved;
      model().forward(context(), shard, saved, false, &own);
    }
    results_.work = total(own);
    log::line(
        fmt::format("batch    {} proteins, {:.0f} residues, {:.0f} edges, mean length {:.0f}",
                    results_.chains.size(), results_.work.sequence.residues, results_.work.edges,
                    results_.work.sequence.residues / static_cast<double>(results_.chains.size())));
  }

  /// Square products of every library, on all ranks at once. The best of them that have the run's
  /// precision and of the parts' own products is the rate that everything else is measured by.
  void measure_products() {
    results_.products_by = products().describe();
    if (!options_.measures("products")) return;
    for (const ProductLibrary library : Products::libraries<Real>()) {
      measure_squares(library, OperandPrecision::working);
      const bool asked = settings_.run.operands() == OperandPrecision::bf16;
      const bool native = sizeof(Real) == sizeof(float) && !Products::bf16_units(library).empty();
      if (asked || native) measure_squares(library, OperandPrecision::bf16);
    }
  }

  void measure_squares(ProductLibrary library, OperandPrecision operands) {
    Products squares(library, operands);
    const char* const precision = operands == OperandPrecision::bf16 ? "bf16" : P::name;
    for (int side = 256; side <= options_.largest_product; side *= 2) {
      communicator_.barrier();
      const double rate = sum(squares.measure_rate<Real>(side, product_repeats));
      results_.products.push_back({name_of(library), precision, side, rate});
      if (operands == settings_.run.operands()) results_.rate = std::max(results_.rate, rate);
    }
  }

  void measure_sequence() {
    const double operations = results_.work.sequence.operations;
    measure_encoder(
        "sequence", operations,
        [&](const data::ShardRows& shard, Saved& saved, bool differentiate) {
          return model().forward_sequence(context(), shard, saved, differentiate);
        },
        [&](Saved& saved, Matrix<Real> gradient) {
          model().backward_sequence(context(), saved, gradient);
        });
  }

  void measure_structure() {
    const double operations = results_.work.structure.operations;
    measure_encoder(
        "structure", operations,
        [&](const data::ShardRows& shard, Saved& saved, bool differentiate) {
          return model().forward_structure(context(), shard, saved, differentiate);
        },
        [&](Saved& saved, Matrix<Real> gradient) {
          model().backward_structure(context(), saved, gradient);
        });
  }

  template <class Forward, class Backward>
  void measure_encoder(const std::string& name, double operations, const Forward& forward,
                       const Backward& backward) {
    measure(name + " forward", operations, [&] {
      for (const data::ShardRows& shard : rows_.shards) {
        Scope saved_scope(context().saved), scratch_scope(context().scratch);
        Saved saved;
        forward(shard, saved, false);
      }
    });
    measure(name + " forward+backward", work_of_a_gradient * operations, [&] {
      context().training = true;
      for (const data::ShardRows& shard : rows_.shards) {
        Scope saved_scope(context().saved), scratch_scope(context().scratch);
        Saved saved;
        const Matrix<Real> rows = forward(shard, saved, true);
        step_.store().zero_gradients();
        backward(saved, rows);  // any gradient will do
      }
      context().training = false;
    });
  }

  void measure_loss() {
    const BatchLayout layout = layout_of(rows_, communicator_);
    const auto local = static_cast<std::size_t>(layout.local_proteins());
    const auto width = static_cast<std::size_t>(model().loss_width());
    Scope scratch_scope(context().scratch);
    const auto block = [&] {
      const Matrix<Real> m = context().scratch.template matrix<Real>(local, width);
      fill(m, static_cast<Real>(1 / std::sqrt(static_cast<double>(width))));
      return m;
    };
    const Matrix<Real> sequence = block(), structure = block();
    LossGradients<P> gradient{block(), block(), {}, {}};
    measure("loss", 0, [&] {
      model().loss.evaluate(context(), communicator_, layout, sequence, structure, &gradient);
    });
  }

  void measure_optimizer() {
    measure("optimizer", 0, [&] { step_.optimizer().update(context(), 0.0, 0.0); });
  }

  void measure_step() {
    const double operations = work_of_a_gradient * results_.work.operations();
    const BatchLayout layout = layout_of(rows_, communicator_);
    const auto take = [&] { step_.take(0, rows_.shards, layout, 0); };
    measure("step", operations, take);
    results_.memory_bytes = peak_memory_bytes();
    if (!options_.measures("step")) return;
    const LoopProfile profile;
    take();
    for (const auto& [name, entry] : profile.entries())
      results_.step_loops.push_back({name, entry.seconds, entry.calls});
    std::stable_sort(
        results_.step_loops.begin(), results_.step_loops.end(),
        [](const KernelTime& a, const KernelTime& b) { return a.seconds > b.seconds; });
  }

  /// Times `body` on all ranks together, and its matrix products alone.
  template <class Body>
  void measure(const std::string& name, double operations, const Body& body) {
    if (!options_.measures(name)) return;
    std::vector<ProductCall> calls;
    products().record(&calls);
    body();
    products().record(nullptr);
    PartTime part;
    part.name = name;
    part.operations = operations;
    part.seconds = time_calls(options_, [&] {
      communicator_.barrier();
      body();
    });
    for (double* seconds : {&part.seconds.median, &part.seconds.least, &part.seconds.most})
      *seconds = communicator_.max(*seconds);
    for (const ProductCall& call : calls) {
      part.product_operations += call.operations();
      part.product_bytes += call.elements() * sizeof(Real);
    }
    part.product_operations = sum(part.product_operations);
    part.product_bytes = sum(part.product_bytes);
    const auto replay = [&] {
      return calls.empty() ? 0.0 : products().template replay<Real>(calls, product_repeats);
    };
    const double all = replay();
    const bool in_loops =
        std::erase_if(calls, [](const ProductCall& call) { return !call.by_library; }) > 0;
    part.product_seconds = communicator_.max(all);
    part.library_seconds = communicator_.max(in_loops ? replay() : all);
    if (part.product_seconds > 0)
      results_.rate = std::max(results_.rate, part.product_operations / part.product_seconds);
    results_.parts.push_back(part);
  }

  void report() const {
    log::line("");
    for (const std::string& line : benchmark_table(results_)) log::line(line);
    if (!communicator_.is_root()) return;
    io::write_text_file(folder_ + "/benchmark.json", benchmark_json(settings_, results_));
    log::line("");
    log::line(fmt::format("done: benchmark.json in {}", folder_));
  }

  double sum(double value) const { return communicator_.sum(value); }
  /// Of all ranks together.
  ShardWork total(ShardWork work) const {
    for (EncoderWork* of : {&work.sequence, &work.structure})
      for (double* number : {&of->residues, &of->pairs, &of->operations}) *number = sum(*number);
    work.edges = sum(work.edges);
    return work;
  }
  Context& context() { return step_.context(); }
  const JointModel<P>& model() { return step_.model(); }
  Products& products() { return step_.products(); }

  const Settings& settings_;
  const BenchmarkSettings& options_;
  const DeckText& deck_;
  const Communicator& communicator_;
  const std::string folder_;
  data::Dataset dataset_;
  std::unique_ptr<data::TrainingBatches> batches_;
  TrainingStep<P> step_;
  data::StepRows rows_;
  BenchmarkResults results_;
};

}  // namespace

void benchmark(const Settings& settings, const DeckText& deck, const Communicator& communicator) {
  check_ranks(settings, deck, communicator.size());
  const std::string folder = deck.folder_of_run(settings.benchmark.output, settings.run.name);
  keep_results("benchmark", {folder + "/benchmark.json"}, settings.benchmark.overwrite,
               communicator);
  if (settings.run.precision == F64::name)
    Benchmark<F64>(settings, deck, communicator, folder).run();
  else
    Benchmark<F32>(settings, deck, communicator, folder).run();
}

}  // namespace jespr
