// Parity: the table of one golden file. Every dataset of it is compared (error, bound) or excluded
// (reason); one that is neither fails the test, and the table goes to build/.../golden_parity.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "golden/support/golden_file.hpp"

namespace jespr::test {

enum class Kind {
  forward,
  gradient,
  zero_gradient,  // mathematically zero: measured against the norm of the whole gradient
};

/// Bounds of the comparison; u = 2^-24 is the unit roundoff of f32.
/// f64: max |x - r| / max |r| <= 1e-9 forward, 1e-8 for gradients (+ u where the reference is
/// stored rounded to f32). f32: |x - r|_2 / |r|_2 <= max(10 |f - r|_2 / |r|_2, 4 u), r the f64
/// values and f the reference's own f32 values. An array that is zero must be zero. Arrays of fewer
/// than four numbers are too short to know the reference's error from (it may be nil by chance):
/// for them it is the root mean square over all such arrays of one folder of the file.
class Parity {
 public:
  explicit Parity(const GoldenFile& file);

  const GoldenFile& file() const { return file_; }

  /// Compares `values`, ours, with dataset `name`, whose path has a component f64, f32 or
  /// f64_as_f32. Values of fewer elements than the dataset are packed: `rows` tells which of the
  /// dataset's rows they are. `norm`: of the whole reference gradient, for zero_gradient.
  void compare(const std::string& name, const std::vector<double>& values, const Rows& rows,
               Kind kind = Kind::forward, double norm = 0);
  /// Compares with an explicit bound on max |x - r| / max |r|; `bound` 0 means equal numbers. As
  /// above, r of an f32 dataset are the f64 values.
  void compare_within(const std::string& name, const std::vector<double>& values, double bound,
                      const std::string& why);
  /// Every dataset whose path starts with `prefix` and that has no verdict yet.
  void exclude(const std::string& prefix, const std::string& reason);

  /// Everything a model showed: value "x" against `group`x, gradient "d x" against
  /// `gradients`x. Names that the file does not have are passed over; recorded gradients that are
  /// all zero where ours are not are excluded (PyTorch gives none for a tensor off the path).
  void compare(const Recorder& recorder, const std::string& group, const std::string& gradients,
               const Rows& rows);

  /// Writes the table; fails the test for every bound that does not hold and every dataset without
  /// a verdict. Call once, at the end.
  void finish();

 private:
  struct Verdict {
    std::string measure = "";  // "f64 forward"; empty: excluded
    double error = 0, bound = 0;
    std::string reason = "";
    double own_error = -1;  // of the reference's f32; < 0: does not matter or is in the bound
  };
  void add(const std::string& name, Verdict verdict);
  /// Sets the bounds of short f32 arrays, folder by folder.
  void judge_short_arrays();
  void write_table() const;

  const GoldenFile& file_;
  std::vector<std::string> datasets_;
  std::map<std::string, Verdict> verdicts_;
};

}  // namespace jespr::test
