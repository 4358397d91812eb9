// Protein chains from the bytes of a structure file: PDB or mmCIF, plain or gzip, read by gemmi.
// One model; residues in the order of the chain; missing residues of SEQRES are rows without
// coordinates.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace jespr::data {

/// Author residue number of a residue that the file does not number (missing ones).
inline constexpr std::int32_t no_number = std::numeric_limits<std::int32_t>::min();

/// Files may be so large, unpacked; ten million atoms, where the largest entry of the PDB has 2.4.
inline constexpr std::uint64_t largest_structure_bytes = 1ull << 30;

/// One protein chain of L residues.
struct StructureChain {
  std::string id;                     // author's chain id, or label_asym_id
  std::string sequence;               // [L] letters of data/alphabet.hpp
  std::vector<std::int32_t> numbers;  // [L] author's residue numbers, or no_number
  std::string insertion_codes;        // [L] ' ' for none
  std::vector<float> coordinates;     // [L, 3, 3] atom (N, CA, C), xyz; Angstrom; NaN: missing
  std::vector<float> b_factors;       // [L] of CA, Angstrom^2 (or pLDDT); NaN: unknown
  std::vector<float> confidence;      // [L] in [0, 1]
  std::string note;                   // what a reader of the report should know, or ""

  std::size_t length() const { return sequence.size(); }
  /// Whether all nine coordinates of a residue are finite.
  bool is_complete(std::size_t residue) const;
};

/// A chain that was not taken, and why.
struct Refusal {
  std::string id;
  std::string reason;
};

struct StructureContent {
  std::vector<StructureChain> chains;
  std::vector<Refusal> refusals;
  float resolution = std::numeric_limits<float>::quiet_NaN();  // Angstrom; NaN: the file gives none
};

/// What of a file is read, and how.
struct StructureOptions {
  int model = 1;           // place in the file, from 1
  bool label_ids = false;  // mmCIF: chains by label_asym_id, not by the author's ids
  bool plddt = false;      // the B column holds pLDDT (AlphaFold, ESMFold)
};

/// Reads a structure file from memory; the format is found from the content.
/// * Of alternate locations the residue keeps that with the highest occupancy, the first of equals.
/// * Modified residues get their parent's letter (MSE: M), unknown ones X.
/// * Waters, ligands and caps (ACE, NH2) are left out; chains of nucleic acids, of ligands alone or
///   without one residue that has N, CA and C (CA-only) are refused.
/// * When SEQRES (mmCIF: entity_poly_seq) fits the residues, its missing residues are rows of NaN.
/// * In the model, a coordinate that is no number is a failure; ? of mmCIF is missing.
/// * The confidence is 1 where all three atoms are there, else 0; with `plddt` it is the pLDDT of
/// CA
///   in [0, 1] there. Values up to 100 are divided by 100 (AlphaFold); a chain without any above 1
///   gives them in [0, 1] already (ESMFold). A chain with other values is refused.
/// Failure: always an Error (data) with the reason alone: damaged gzip, no structure, no atoms, no
/// such model, more bytes than largest_structure_bytes or than there is memory for.
StructureContent read_structure(std::string bytes, const StructureOptions& options);
/// With the default options.
StructureContent read_structure(std::string bytes);

}  // namespace jespr::data
