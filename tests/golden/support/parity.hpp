// Parity: the table of one golden file. Every dataset of it is compared (error, bound) or excluded
// (reason); one that is neither fails the test, and the table goes to build/.../golden_parity.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "golden/support/golden_file.hpp"

namespace jespr::test {

enum class Kind {
  forward,
  gradient,
  tiny_gradient,  // true, but so small that f32 rounding hides most of its digits
  zero_gradient,  // mathematically zero: measured against the norm of the whole gradient
};

/// What lies in a row on the longest way through a model.
struct LongestWay {
  int maps = 0;   // linear ones
  int relus = 0;  // activations whose derivative jumps
};

/// Bounds of the comparison; u = 2^-24 is the unit roundoff of f32, r the f64 values, f the
/// reference's own f32 values, G the norm of the whole reference gradient.
/// f64: max |x - r| / max |r| <= 1e-9 forward, 1e-8 for gradients (+ u where the reference is
/// stored rounded to f32); zero gradients: max |x - r| / G <= 1e-8.
/// f32: |x - r|_2 / |r|_2 <= max(10 |f - r|_2 / |r|_2, 4 u); zero gradients with G in place of
/// |r|_2; tiny ones as zero gradients, and |x - r|_2 < |r|_2: they are not nil, nor of the wrong
/// sign. In sets made elsewhere single numbers that break their own bound are judged together, see
/// pool_single_numbers.
/// bf16, which no file has, against the f64 values: |x - r|_2 / |r|_2 <= 1e-2 forward; gradients as
/// doc/numerics.md derives from the longest way through the model, tiny and zero ones with G in
/// place of |r|_2. An array that is zero must be zero.
class Parity {
 public:
  explicit Parity(const GoldenFile& file);

  const GoldenFile& file() const { return file_; }
  /// The longest way through the model, which decides the bound of gradients at bf16.
  void set_longest_way(const LongestWay& way) { longest_way_ = way; }
  /// The dataset with the f64 values of `name`: f64 in place of f32; for bf16 f64, or f64_as_f32
  /// where that is missing.
  std::string exact(const std::string& name) const;
  /// Whether the file has that dataset; for bf16 its f64 values.
  bool has(const std::string& name) const;

  /// Compares `values`, ours, with dataset `name`, whose path has a component f64, f32, f64_as_f32
  /// or bf16. Values of fewer elements than the dataset are packed: `rows` tells which of the
  /// dataset's rows they are. `norm`: of the whole reference gradient, for tiny and zero ones; at
  /// bf16 of the vectors whose product a number is, which may cancel.
  /// `floor`: what an f32 bound is at least.
  void compare(const std::string& name, const std::vector<double>& values, const Rows& rows,
               Kind kind = Kind::forward, double norm = 0, double floor = 0);
  /// Embeddings [B, J] of bf16 by their directions: 1 - cos(x_b, r_b) <= 5e-4 for each row b.
  void compare_directions(const std::string& name, const std::vector<double>& values);
  /// Compares with an explicit bound on max |x - r| / max |r|. As above, r of an f32 dataset are
  /// the f64 values.
  void compare_within(const std::string& name, const std::vector<double>& values, double bound,
                      const std::string& why);
  /// Demands the same numbers; not-a-number is the same as not-a-number.
  void compare_exactly(const std::string& name, const std::vector<double>& values,
                       const std::string& why);
  /// Every dataset whose path starts with `prefix` and that has no verdict yet.
  void exclude(const std::string& prefix, const std::string& reason);

  /// Every value "x" that a model showed against `group`x. Names that the file does not have are
  /// passed over.
  void compare_values(const Recorder& recorder, const std::string& group, const Rows& rows);
  /// Every gradient "d x" that a model showed against `group`x. Where `is_copy`(x), the reference
  /// may have kept a copy of x beside the path of its loss, and its gradient as zeros: those zeros
  /// are excluded; a recorded gradient that is not all zero is compared.
  void compare_gradients(const Recorder& recorder, const std::string& group, const Rows& rows,
                         const std::function<bool(const std::string&)>& is_copy);

  /// What is wrong: every bound that does not hold, every dataset without a verdict.
  std::vector<std::string> problems() const;
  /// The lines of the table that counts the datasets of each measure.
  std::vector<std::string> summary() const;
  /// Writes the table; fails the test for every problem, and where the shipped files' page,
  /// doc/golden_parity.md, counts other datasets. Call once, at the end.
  void finish();

 private:
  struct Verdict {
    std::string measure = "";  // "f64 forward"; empty: excluded
    double error = 0, bound = 0;
    std::string reason = "";
    double own_error = -1;  // of the reference in f32, where the dataset is one number; else -1
    bool pooled = false;    // error and bound are those of all single numbers together
  };
  void add(const std::string& name, Verdict verdict);
  void pool_single_numbers();
  void write_table() const;

  const GoldenFile& file_;
  LongestWay longest_way_;
  std::vector<std::string> datasets_;
  std::map<std::string, Verdict> verdicts_;
};

}  // namespace jespr::test
