// FASTA records from a stream of blocks.
#include "data/fasta.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "data/alphabet.hpp"
#include "data/utf8.hpp"

namespace jespr::data {
namespace {

constexpr std::size_t longest_header = 1 << 16;  // bytes of a header that are looked at

constexpr char skipped = 0, gap = 1, stop = 2, wrong = 3;  // below all letters

/// What a byte of a sequence line stands for: a letter or one of the above.
constexpr std::array<char, 256> meanings = [] {
  std::array<char, 256> table{};
  table.fill(wrong);
  for (const char letter : residue_symbols)
    if (letter >= 'A' && letter <= 'Z') {
      table[static_cast<unsigned char>(letter)] = letter;
      table[static_cast<unsigned char>(letter - 'A' + 'a')] = letter;
    }
  table['J'] = table['j'] = 'J';
  for (const char blank : {' ', '\t', '\r', '\v', '\f'})
    table[static_cast<unsigned char>(blank)] = skipped;
  table['-'] = table['.'] = gap;
  table['*'] = stop;
  return table;
}();

std::string name_of(std::string_view header, std::string& note) {
  constexpr std::string_view blanks = " \t\r";
  header.remove_prefix(std::min(header.size(), header.find_first_not_of(blanks)));
  std::string_view name = header.substr(0, header.find_first_of(blanks));
  if (name.size() > longest_record_name) {
    name = name.substr(0, longest_record_name);
    const std::size_t valid = valid_utf8(name);  // no half of a character
    if (valid + 4 > name.size()) name = name.substr(0, valid);
    note = fmt::format("the name is cut to {} bytes", name.size());
  }
  return std::string(name);
}

/// Whether a header is of the PIR format: a code of two letters and a semicolon.
bool is_pir(std::string_view header) {
  constexpr std::array<std::string_view, 10> codes = {"P1;", "F1;", "DL;", "DC;", "RL;",
                                                      "RC;", "N1;", "N2;", "N3;", "XX;"};
  return std::find(codes.begin(), codes.end(), header.substr(0, 3)) != codes.end();
}

void add(std::string& text, std::string_view more) {
  if (!text.empty()) text += "; ";
  text += more;
}

}  // namespace

FastaReader::FastaReader(const std::string& path, std::uint64_t longest)
    : stream_(path), longest_(longest) {}

/// The rest of a line, as far as the block goes; sets at_start_ and after_return_ for what follows.
std::string_view FastaReader::take_piece() {
  const auto end = std::find_if(block_.begin(), block_.end(),
                                [](char letter) { return letter == '\n' || letter == '\r'; });
  const std::string_view piece(block_.data(), static_cast<std::size_t>(end - block_.begin()));
  block_.remove_prefix(piece.size());
  at_start_ = !block_.empty();
  after_return_ = block_.starts_with('\r');
  if (at_start_) block_.remove_prefix(1);
  if (after_return_) skip_line_feed();
  return piece;
}

/// CR and LF are one end of a line, also where a block ends between them.
void FastaReader::skip_line_feed() {
  if (block_.empty()) return;
  if (block_[0] == '\n') block_.remove_prefix(1);
  after_return_ = false;
}

void FastaReader::start_line(char first) {
  ++line_;
  kind_ = first == '>' ? Line::header : first == ';' ? Line::comment : Line::residues;
  if (kind_ != Line::header) return;
  current_ = FastaRecord{};
  current_.line = line_;
  header_.clear();
  has_stop_ = has_j_ = has_gap_ = false;
  is_open_ = true;
}

void FastaReader::append(std::string_view piece) {
  for (const char byte : piece) {
    char letter = meanings[static_cast<unsigned char>(byte)];
    if (letter == skipped) continue;
    if (letter == gap) {
      has_gap_ = true;
      continue;
    }
    if (letter == stop) {
      if (has_stop_ && current_.problem.empty())
        current_.problem = fmt::format("line {}: a second stop (*)", line_);
      has_stop_ = true;
      continue;
    }
    if (letter == wrong) {
      if (current_.problem.empty())
        current_.problem = byte > ' ' && byte <= '~'
                               ? fmt::format("line {}: '{}' is no residue", line_, byte)
                               : fmt::format("line {}: byte {} is no residue", line_,
                                             static_cast<unsigned char>(byte));
      continue;
    }
    if (has_stop_ && current_.problem.empty())
      current_.problem = fmt::format("line {}: a stop (*) behind residue {}, not at the end", line_,
                                     current_.length);
    if (letter == 'J') {
      has_j_ = true;
      letter = 'X';
    }
    if (++current_.length <= longest_) current_.sequence += letter;
  }
}

/// False where the record, and so the file, is none of FASTA.
bool FastaReader::finish(FastaRecord& record) {
  is_open_ = false;
  if (is_pir(header_)) {
    problem_ = fmt::format(
        "no FASTA, but PIR (NBRF): line {} begins with >{}, and a title follows "
        "it; convert the file to FASTA",
        current_.line, header_.substr(0, 3));
    return false;
  }
  current_.name = name_of(header_, current_.note);
  if (has_j_) add(current_.note, "J is read as X");
  if (has_gap_) add(current_.note, "gaps are left out");
  if (current_.problem.empty() && current_.length == 0) current_.problem = "no residues";
  std::swap(record, current_);
  return true;
}

bool FastaReader::next(FastaRecord& record) {
  while (problem_.empty()) {
    if (block_.empty()) {
      const bool is_first = stream_.position() == 0;
      block_ = stream_.next();
      if (is_first && block_.starts_with(byte_order_mark))
        block_.remove_prefix(byte_order_mark.size());
      const bool is_over = block_.empty();
      if (after_return_) skip_line_feed();
      if (is_over) {
        problem_ = stream_.problem();
        if (!is_open_ || !finish(record)) return false;
        if (!problem_.empty()) record.problem = "the file breaks off within it";
        return true;
      }
      if (block_.empty()) continue;
    }
    bool is_complete = false;
    if (at_start_) {
      if (block_[0] == '>' && is_open_) {
        if (!finish(record)) return false;
        is_complete = true;
      }
      start_line(block_[0]);
      if (kind_ == Line::header) block_.remove_prefix(1);
    }
    const std::string_view piece = take_piece();
    if (kind_ == Line::header && header_.size() < longest_header)
      header_ += piece.substr(0, longest_header - header_.size());
    if (kind_ == Line::residues) {
      if (is_open_)
        append(piece);
      else if (piece.find_first_not_of(" \t\r") != std::string_view::npos)
        problem_ = fmt::format("no FASTA: line {} is text before the first '>'", line_);
    }
    if (is_complete) return true;
  }
  return false;
}

}  // namespace jespr::data
