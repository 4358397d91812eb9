// Protein chains from the bytes of a structure file: PDB or mmCIF, plain or gzip, read by gemmi.
// First model; residues in the order of the chain; missing residues of SEQRES are rows without
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
  std::string id;                     // author's chain id
  std::string sequence;               // [L] letters of data/alphabet.hpp
  std::vector<std::int32_t> numbers;  // [L] author's residue numbers, or no_number
  std::string insertion_codes;        // [L] ' ' for none
  std::vector<float> coordinates;     // [L, 3, 3] atom (N, CA, C), xyz; Angstrom; NaN: missing
  std::vector<float> b_factors;       // [L] of CA, Angstrom^2; NaN: unknown
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
};

/// Reads a structure file from memory; the format is found from the content.
/// * Of alternate locations the residue keeps that with the highest occupancy, the first of equals.
/// * Modified residues get their parent's letter by gemmi's table (MSE: M), others X.
/// * Waters, ligands and caps (ACE, NH2) are left out; chains of nucleic acids, of ligands alone or
///   without one residue that has N, CA and C (CA-only) are refused.
/// * When SEQRES (mmCIF: entity_poly_seq) fits the residues, its missing residues are rows of NaN.
/// * In the first model, a coordinate that is no number is a failure; ? of mmCIF is missing.
/// Failure: always an Error (data) with the reason alone: damaged gzip, no structure, no atoms,
/// more bytes than largest_structure_bytes or than there is memory for.
StructureContent read_structure(std::string bytes);

}  // namespace jespr::data
