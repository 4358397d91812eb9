// Golden files: recorded reference values of the models (format: tests/data/golden/FORMAT.md).
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "io/hdf5.hpp"
#include "tensor/context.hpp"

namespace jespr::test {

/// An array of any number type, as f64. Row-major.
struct Array {
  io::Shape shape;
  std::vector<double> values;
};

/// Rows of the padded arrays [B, T, ...] that are no padding: b T + t in the order of the packed
/// rows, and the number of rows of each protein.
struct Rows {
  std::vector<std::size_t> padded;
  std::vector<int> of_protein;
};

class GoldenFile {
 public:
  /// The file whose name starts with `letter`_ in the folder of golden files. Failure: Error (data)
  /// that names JESPR_GOLDEN_DIR where the folder comes from it.
  explicit GoldenFile(char letter);
  explicit GoldenFile(const std::filesystem::path& path);

  const std::string& stem() const { return stem_; }  // "A_esm2_tiny"
  const io::File& file() const { return file_; }
  /// Paths without the leading slash.
  std::vector<std::string> datasets() const;
  bool has(const std::string& dataset) const { return file_.exists("/" + dataset); }

  Array read(const std::string& dataset) const;
  std::vector<std::string> read_text(const std::string& dataset) const;
  /// Attributes of the root.
  int integer(const std::string& name) const;
  double real(const std::string& name) const;
  /// A number of any type, as f64; nothing if the attribute is text. Golden files made elsewhere
  /// may say 1 for 1.0. Failure: Error (data).
  std::optional<double> number(const std::string& object, const std::string& name) const;

  /// From a mask [B, T] with 1 = padding.
  Rows rows(const std::string& padding_mask) const;
  /// Those rows of a dataset [B, T, ...], packed.
  std::vector<double> read_rows(const std::string& dataset, const Rows& rows) const;

 private:
  std::string stem_;
  io::File file_;
};

/// Keeps what a model shows to its observer, by name: the values "x", and the gradients "d x" as x.
/// A prefix of the observed ("seq/d x") stays in front.
class Recorder {
 public:
  Observer observer() {
    return [this](std::string name, const std::vector<double>& values,
                  const std::vector<std::size_t>&) {
      const std::string mark = "d ";
      const std::size_t at = name.find(mark);
      if (at == std::string::npos)
        values_[name] = values;
      else
        gradients_[name.erase(at, mark.size())] = values;
    };
  }
  const std::map<std::string, std::vector<double>>& values() const { return values_; }
  const std::map<std::string, std::vector<double>>& gradients() const { return gradients_; }

 private:
  std::map<std::string, std::vector<double>> values_, gradients_;
};

}  // namespace jespr::test
