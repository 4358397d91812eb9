// TER within the chains of a PDB file. The format has one TER for each polymer, at its end;
// programs that model or simulate proteins write one at each gap as well.
#pragma once

#include <cstddef>
#include <gemmi/seqid.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace jespr::data {

/// Amino acids (as ATOM, not HETATM) behind the TER of their chain.
struct AfterTer {
  std::string chain;
  int line = 0;              // of the first that goes on with the chain; 0: none does
  gemmi::ResidueId last{};   // the last that goes on with the chain
  std::string refusal = "";  // why the others are not read, "" where there are none
};

/// Whether the residue of an ATOM or HETATM line has the name of an amino acid.
bool has_amino_acid_name(std::string_view line);

/// Watches the atoms of one model, line by line. What stands behind a TER belongs to the chain as
/// long as that has an id and the residue numbers go on increasing.
class ChainEnds {
 public:
  /// A complete ATOM or HETATM line with that number, which a text holds from `place` on.
  void add_atom(std::string_view line, int number, std::size_t place);
  void add_ter();
  /// The chains with amino acids behind a TER; blanks the lines of those that are not read.
  std::vector<AfterTer> settle(std::string& text) const;

 private:
  /// From a TER to the next.
  struct Segment {
    int line;
    bool goes_on = true;
    std::vector<gemmi::SeqId> residues{};  // its amino acids
    std::size_t last_ca = 0;               // place of the CA of the last of these
    std::vector<std::size_t> places{};     // of its ATOM lines

    bool has(const gemmi::SeqId& number) const;
    /// The last new amino acid, which may lack its CA.
    gemmi::ResidueId last_residue(const std::string& text) const;
  };
  struct Chain {
    std::string columns, id;  // of its lines, with blanks and without
    bool has_ended = false, has_number = false;
    gemmi::SeqId last{};      // number of the last amino acid
    gemmi::SeqId nitrogen{};  // number of the residue that had the last N
    std::vector<Segment> segments{};
  };

  std::vector<Chain> chains_;
  std::size_t current_ = 0;
};

}  // namespace jespr::data
