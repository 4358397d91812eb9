// The table that tells, chain by chain, the split, the homology cluster and labels: a TSV file.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace jespr::data {

/// Part of the data that a chain belongs to; the number is what a dataset stores.
enum class Split : std::int8_t { train = 0, validation = 1, test = 2 };

/// "train", "validation", "test".
std::string_view name_of(Split split);
/// The split of that name ("val" is understood). Failure: Error (data).
Split split_of(std::string_view name);

/// Cluster of a chain whose relatives are not known.
inline constexpr std::int32_t no_cluster = -1;

struct ChainTable {
  struct Row {
    Split split = Split::train;
    std::int32_t cluster = no_cluster;
    std::vector<std::string> labels;  // one for each of label_columns
  };
  std::vector<std::string> label_columns;
  std::unordered_map<std::string, Row> rows;  // by the name of the chain
};

/// Reads a TSV text with a header line. Column `name` is required; `split` (train, validation,
/// test) and `cluster30` (numbers >= 0, or names, which are numbered by their first appearance; or
/// nothing) have their meaning; each other column is kept as a label. Names of columns are all
/// different, not empty and no paths. A chain without a row, or without the column `split`, belongs
/// to `default_split`. The text is UTF-8.
/// Failure: Error (data) as "FILE:LINE: ...", `title` being FILE.
ChainTable parse_chain_table(std::string_view text, const std::string& title, Split default_split);

}  // namespace jespr::data
