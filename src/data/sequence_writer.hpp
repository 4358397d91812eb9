// Writes a dataset of sequences alone (doc/dataset.md), whose size is known only at its end: what
// comes in waits on disk, and is then copied into the file piece by piece.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "data/chain_table.hpp"
#include "data/dataset_writer.hpp"
#include "data/split_assignment.hpp"
#include "data/spool.hpp"

namespace jespr::data {

/// On one rank. Failures: Error (runtime) for writing.
class SequenceWriter {
 public:
  /// `path` is that of the dataset; temporary files lie beside it.
  SequenceWriter(const std::string& path, const std::vector<std::string>& label_columns);

  void add(const std::string& name, std::string_view sequence, std::int64_t source,
           const ChainTable::Row& row);
  /// A record that was left out for record number `kept`, which has the same sequence.
  void add_twin(const std::string& name, std::int64_t kept);

  std::size_t records() const { return records_; }
  std::uint64_t residues() const { return residues_; }
  /// What was added, read back: all sequences, or all clusters and splits.
  std::vector<std::string> read_sequences();
  SplitAssignment read_assignment();
  /// Writes the file. An assignment of this size stands for clusters and splits of the rows.
  void write(const std::vector<Source>& sources, const SplitAssignment& assignment,
             const std::string& deck);

 private:
  std::string path_;
  std::vector<std::string> label_columns_;
  Spool lengths_, sequences_, splits_, clusters_, sources_, twins_of_;
  TextSpool names_, twins_;
  std::deque<TextSpool> labels_;
  std::size_t records_ = 0, twin_count_ = 0;
  std::uint64_t residues_ = 0;
};

}  // namespace jespr::data
