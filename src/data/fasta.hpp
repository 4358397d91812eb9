// Records of a FASTA file, one by one, in the memory of the longest that is wanted. Real files are
// awkward; each oddity has a rule (doc/dataset.md).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "data/byte_stream.hpp"

namespace jespr::data {

/// Names of records are cut at so many bytes: all have the width of the longest in a dataset.
inline constexpr std::size_t longest_record_name = 100;

struct FastaRecord {
  std::string name;          // first word of the header; "" if there is none
  std::string sequence;      // letters of data/alphabet.hpp, no gaps
  std::uint64_t length = 0;  // residues; more than the sequence holds where it is too long
  std::uint64_t line = 0;    // of the header, from 1
  std::string problem;       // why it cannot be used, or ""
  std::string note;          // what was changed, or ""
};

/// * The name is the first word behind '>', cut to 100 bytes.
/// * Lower case counts as upper case; blanks, gaps (- .), line ends of any kind, blank lines and
///   lines that start with ';' are left out; J (Leu or Ile) is X; a '*' at the end is left out.
/// * A '*' before the end, any other character and a record without residues are a problem of the
///   record; text before the first '>' is one of the file, a header of PIR (">P1;"), and so are
///   damaged gzip data, with which the record under way is lost.
class FastaReader {
 public:
  /// Of sequences beyond `longest` residues only the start is kept.
  /// Failure: Error (data) when the file cannot be opened.
  FastaReader(const std::string& path, std::uint64_t longest);

  /// The next record; false at the end or at a problem of the file.
  bool next(FastaRecord& record);
  /// What is wrong with the file, "" as long as nothing is.
  const std::string& problem() const { return problem_; }
  std::uint64_t position() const { return stream_.position(); }
  std::string sha256() { return stream_.sha256(); }

 private:
  enum class Line { header, comment, residues };

  std::string_view take_piece();
  void start_line(char first);
  void append(std::string_view piece);
  void skip_line_feed();
  bool finish(FastaRecord& record);

  ByteStream stream_;
  std::uint64_t longest_;
  std::string_view block_;     // of the stream, not yet read
  bool at_start_ = true;       // of a line
  bool after_return_ = false;  // a CR, whose LF may follow
  bool is_open_ = false;       // a record is under way
  Line kind_ = Line::residues;
  std::uint64_t line_ = 0;
  std::string header_, problem_;
  FastaRecord current_;
  bool has_stop_ = false, has_j_ = false, has_gap_ = false;
};

}  // namespace jespr::data
