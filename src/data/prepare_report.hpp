// The report of task 'prepare': what became of each chain and file, and the counts of it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "backend/communicator.hpp"
#include "data/prepare.hpp"

namespace jespr::data {

inline constexpr std::string_view report_header =
    "source\tchain\toutcome\tname\tresidues\tcomplete\tremark\n";

/// A row of the report: a chain that was read, refused or is the twin of another; or a file that
/// was refused as a whole.
struct ReportRow {
  std::string source, chain, outcome, name, remark;
  std::size_t residues = 0, complete = 0;
  bool is_of_part = false;  // another row of this file tells what became of the chain itself

  std::string text() const;
  /// Adds to the remark, behind what it says already.
  void add_remark(const std::string& text);
};

/// What is printed at the end.
struct PrepareCounts {
  std::int64_t files = 0, refused_files = 0, chains = 0, refused_chains = 0, refused_parts = 0,
               renamed = 0, twins = 0, residues = 0, complete = 0, unlisted = 0;
  std::array<std::int64_t, 3> splits{};
  std::int64_t largest_cluster = 0;  // its chains
  bool are_sequences = false;        // without structures
};

/// "1 file", "2 files".
std::string counted(std::int64_t number, const std::string& thing);

/// Checks what is there before anything is done; the table's text. Collective. Failure: Error
/// (deck) on all ranks alike: an output that may not be replaced, a table that is not there.
std::string check_files(const PrepareSettings& settings, const Communicator& communicator);

/// The rows of all ranks, on disk when it returns on any. Collective. Failure: Error (runtime).
void write_report(const std::string& path, const std::vector<ReportRow>& rows,
                  const Communicator& communicator);

/// Lines of the log. `table_rows` is the number of rows of the table, `example` the name of a
/// chain, "" if there is none.
void print_counts(const PrepareCounts& counts, const PrepareSettings& settings,
                  std::int64_t table_rows, const std::string& example);

}  // namespace jespr::data
