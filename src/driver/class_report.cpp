// Reports of the class heads.
#include "driver/class_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "io/checkpoint.hpp"

namespace jespr {
namespace {

constexpr const char* unknown = "unknown";  // of no protein is the class known

/// What a checkpoint's classes hash to, 0 where it has none.
std::int64_t stored_labels(const std::string& checkpoint) {
  const io::File file = io::File::open(checkpoint);
  const char* const place = "/state/labels";
  return file.exists(place) ? file.dataset(place).read<std::int64_t>().front() : 0;
}

/// The first line that two texts do not share, as "found" against "expected"; "" of equal ones.
std::string first_difference(const std::string& found, const std::string& expected) {
  const auto [a, b] = std::mismatch(found.begin(), found.end(), expected.begin(), expected.end());
  if (a == found.end() && b == expected.end()) return "";
  const auto line_at = [](const std::string& text, std::ptrdiff_t place) {
    const std::size_t end = text.find('\n', static_cast<std::size_t>(place));
    const std::size_t before =
        place > 0 ? text.rfind('\n', static_cast<std::size_t>(place) - 1) : std::string::npos;
    const std::size_t begin = before == std::string::npos ? 0 : before + 1;
    const std::string line = text.substr(begin, end - begin);
    return line.empty() ? std::string("no more") : "level " + line;
  };
  return fmt::format("first {} where it has {}", line_at(found, a - found.begin()),
                     line_at(expected, b - expected.begin()));
}

}  // namespace

template <class P>
std::vector<ClassColumns> class_columns(const ClassHeads<P>& heads, const ClassLevelSums& sums) {
  constexpr double none = std::numeric_limits<double>::quiet_NaN();
  std::vector<ClassColumns> columns(heads.heads.size());
  for (std::size_t l = 0; l < columns.size(); ++l) {
    const ClassSums& level = sums.level[l];
    columns[l].proteins = level.structure.rows;
    const bool any = columns[l].proteins > 0;
    columns[l].loss = any ? heads.level_loss(l, level) : none;
    columns[l].accuracy_sequence = any ? level.sequence.accuracy() : none;
    columns[l].accuracy_structure = any ? level.structure.accuracy() : none;
  }
  return columns;
}

void add_weighed(std::vector<ClassColumns>& sums, const std::vector<ClassColumns>& more) {
  sums.resize(more.size());
  for (std::size_t l = 0; l < more.size(); ++l) {
    const double weight = more[l].proteins;
    if (weight == 0) continue;
    sums[l].loss += weight * more[l].loss;
    sums[l].accuracy_sequence += weight * more[l].accuracy_sequence;
    sums[l].accuracy_structure += weight * more[l].accuracy_structure;
    sums[l].proteins += weight;
  }
}

std::vector<ClassColumns> weighed_means(std::vector<ClassColumns> sums) {
  for (ClassColumns& level : sums) {
    level.loss /= level.proteins;
    level.accuracy_sequence /= level.proteins;
    level.accuracy_structure /= level.proteins;
  }
  return sums;
}

std::string describe_means(const std::vector<ClassColumns>& columns) {
  std::string text;
  for (const ClassColumns& level : columns) {
    text += text.empty() ? "" : ", ";
    text += level.proteins == 0
                ? std::string(unknown)
                : fmt::format("{:.3f} and {:.1f} %", level.loss,
                              50 * (level.accuracy_sequence + level.accuracy_structure));
  }
  return text;
}

std::string describe_accuracies(const std::vector<int>& levels,
                                const std::vector<ClassColumns>& columns) {
  std::string text;
  for (std::size_t l = 0; l < columns.size(); ++l) {
    text += fmt::format("{}level {} ", text.empty() ? "" : ", ", levels[l]);
    text += columns[l].proteins == 0
                ? std::string(unknown)
                : fmt::format("{:.1f} and {:.1f} % of {:.0f}", 100 * columns[l].accuracy_sequence,
                              100 * columns[l].accuracy_structure, columns[l].proteins);
  }
  return text;
}

std::string describe_classes(const data::LabelClasses& classes) {
  std::string text = fmt::format("label '{}':", classes.column());
  for (std::size_t l = 0; l < classes.levels().size(); ++l)
    text += fmt::format("{} level {} has {} classes of {} chains", l == 0 ? "" : ",",
                        classes.levels()[l], classes.names(l).size(), classes.known()[l]);
  return text;
}

void require_same_classes(const std::string& checkpoint, const data::LabelClasses& classes,
                          const DeckText& deck, const std::string& dataset) {
  const std::int64_t stored = stored_labels(checkpoint);
  if (stored == classes.hash()) return;
  if (!classes.exist())
    fail(Exit::deck,
         fmt::format("{}: no &classes label, but {} was trained with class heads (jespr "
                     "info shows its deck); restore the group, or start anew",
                     deck.name, checkpoint));
  if (stored == 0)
    fail(Exit::deck, fmt::format("{}: &classes label = '{}', but {} was trained without class "
                                 "heads; drop the label, or start anew",
                                 deck.name, classes.column(), checkpoint));
  const std::string difference =
      first_difference(classes.text(), io::read_information(checkpoint, "classes"));
  fail(Exit::data,
       fmt::format("{}: label '{}' does not make the classes that {} was trained with: {}; the run "
                   "cannot continue with it: restore &classes and the labels, or start anew",
                   dataset, classes.column(), checkpoint,
                   difference.empty() ? "the same classes, but other training chains in them"
                                      : difference));
}

#define JESPR_INSTANTIATE(P) \
  template std::vector<ClassColumns> class_columns<P>(const ClassHeads<P>&, const ClassLevelSums&);
JESPR_INSTANTIATE(F32)
JESPR_INSTANTIATE(F64)
#undef JESPR_INSTANTIATE

}  // namespace jespr
