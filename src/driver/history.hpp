// History: one row per step, as CSV while the run goes on and as HDF5 with every checkpoint. The
// columns are declared once.
#pragma once

#include <cstdint>
#include <cstdio>
#include <limits>
#include <string>
#include <vector>

namespace jespr {

/// A level of the class heads, over the proteins whose class is known: where there are none, the
/// means are not numbers.
struct ClassColumns {
  double loss = 0;  // cross entropy divided by the logarithm of the number of classes
  double accuracy_sequence = 0, accuracy_structure = 0;  // by the rows of either modality
  double proteins = 0;
};

/// What a run does not have is not a number: accuracies without a joint loss, a language loss
/// without predicted residues.
struct HistoryRow {
  double step = 0;   // steps done, this one included
  double epoch = 0;  // epochs done
  double loss = 0;
  double accuracy_sequence_to_structure = 0;
  double accuracy_structure_to_sequence = 0;
  double logit_scale = 0;    // exp of the parameter, at the forward pass
  double learning_rate = 0;  // before the factors of the parts
  double gradient_norm = 0;  // before clipping
  double skipped = 0;        // 1: not finite, no update
  double language_loss = 0;  // mean of -log p over predicted residues
  double language_accuracy = 0;
  std::vector<ClassColumns> classes = {};  // of each level that has a head
  // From here on: measurements, which differ between runs.
  double seconds = 0;
  double proteins_per_second = 0;
  double residues_per_second = 0;
  double gflops = 0;  // all ranks; work of the published formulation on real residues
  double fraction_of_peak = 0;
  double loader_wait_fraction = 0;
};

struct ValidationRow {
  double step = 0;
  double loss = 0;
  double accuracy_sequence_to_structure = 0;
  double accuracy_structure_to_sequence = 0;
  std::vector<double> recall;  // pooled, at the deck's ranks
  // At equal length; not a number where there is no such gallery.
  double equal_length_percentile = std::numeric_limits<double>::quiet_NaN();
  // 95 % interval, not numbers without bootstrap.
  double lower = equal_length_percentile, upper = equal_length_percentile;
  double language_loss = std::numeric_limits<double>::quiet_NaN();  // as in HistoryRow
  double language_accuracy = language_loss;
  std::vector<ClassColumns> classes = {};
  double rank_sequence = std::numeric_limits<double>::quiet_NaN();  // effective ranks of a joint
  double rank_structure = rank_sequence;                            // space, else not numbers
  double best = 0;                                                  // 1: the best so far
};

/// Columns that stand in a table several times, each with a number in its name.
struct NumberedColumns {
  std::vector<int> class_levels;
  std::vector<std::int64_t> recall_at;
};

/// A table of rows of one kind that is a CSV file: rows are appended as they come; after a restart
/// from step s the rows beyond s are dropped.
template <class RowType>
class Table {
 public:
  /// Continues `path` up to `last_step` (0: starts anew). Only the rank that `writes` touches
  /// files. `recall_at`, `class_levels`: names of the columns of recall and classes. Failure: Error
  /// (runtime).
  Table(std::string path, std::int64_t last_step, bool writes, std::vector<int> class_levels = {},
        std::vector<std::int64_t> recall_at = {});
  ~Table();
  Table(const Table&) = delete;
  Table& operator=(const Table&) = delete;

  void append(const RowType& row);
  /// Column names and rows, as they stand in the file.
  const std::vector<std::string>& columns() const { return columns_; }
  const std::vector<std::vector<double>>& rows() const { return rows_; }

 private:
  std::string path_;
  bool writes_;
  NumberedColumns numbers_;
  std::vector<std::string> columns_;
  std::vector<std::vector<double>> rows_;
  std::FILE* file_ = nullptr;
};

/// The table of one set of validation chains, and its group in history.h5.
struct ValidationTable {
  std::string group;
  const Table<ValidationRow>* table;
};

/// history.h5 beside the CSV files: group `history` and those of all validations that have rows,
/// one dataset [rows] per column; and the processed deck as /deck. Written whole or not at all.
void write_history_file(const std::string& path, const Table<HistoryRow>& history,
                        const std::vector<ValidationTable>& validations, const std::string& deck);

}  // namespace jespr
