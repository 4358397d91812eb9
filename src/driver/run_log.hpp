// The log of a training run in the classic style: a header that says what runs where on what, one
// line per interval, a table of times at the end.
#pragma once

#include <cstdint>
#include <string>

#include "backend/communicator.hpp"
#include "backend/products.hpp"
#include "base/timer.hpp"
#include "driver/history.hpp"
#include "driver/settings.hpp"

namespace jespr {

/// Compiler, libraries and commit in one line.
std::string build_line();

/// Name, version and time; build; ranks, threads, cores; collective.
void log_program_header(const Communicator& communicator);

/// Opens log.txt in `folder`, made where it is missing, with the processed deck and the program's
/// header; collective.
void open_log(const std::string& folder, const DeckText& deck, const Communicator& communicator);

/// Measures the f32 rate of products on all ranks at once, for a run in another precision that rate
/// too, and logs them with the library and what is wrong with it. Returns this rank's rate in the
/// run's precision, in operations per second. Collective.
double log_product_rate(const Communicator& communicator, Products& products,
                        const RunSettings& settings);

/// Number of parameters of each part and the ones that are frozen.
template <class P>
void log_parameter_table(const ParameterStore<P>& store);

/// Averages of history rows between two lines of the log.
class IntervalLog {
 public:
  IntervalLog(std::int64_t first_step, std::int64_t last_step)
      : first_(first_step), last_(last_step) {}

  /// Names of the columns.
  void header() const;
  void add(const HistoryRow& row);
  /// The line of the interval that ends now; starts the next one.
  void line();
  /// On a terminal: step, loss and time left, until the next line.
  void progress(const HistoryRow& row) const;

 private:
  double seconds_left(double step) const;
  std::int64_t first_, last_;
  HistoryRow sum_;  // of the interval
  HistoryRow newest_;
  int rows_ = 0;
  Timer timer_;
};

/// "1 step", "2 steps".
std::string format_count(std::int64_t count, const char* what);

/// Where the time went: the largest share of all ranks' timers first. Collective.
void log_times(const Communicator& communicator, const Timers& timers, double total_seconds);

}  // namespace jespr
