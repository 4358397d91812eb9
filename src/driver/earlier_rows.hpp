// The rows that a table already has when a run goes on: of its CSV file and, where that was cut
// short (a full disk), of its copy in history.h5.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace jespr {

/// "step,loss,best"
std::string header_of(const std::vector<std::string>& columns);

/// The rows of `path` (FOLDER/TABLE.csv) up to `last_step`, which the first column names. Rows that
/// it lost are taken from group TABLE of FOLDER/history.h5; a warning says so, or that they are
/// gone, which is known where the table has a row of `every_step` or ends within one. Other columns
/// than these: Error (deck).
std::vector<std::vector<double>> earlier_rows(const std::string& path,
                                              const std::vector<std::string>& columns,
                                              std::int64_t last_step, bool every_step);

}  // namespace jespr
