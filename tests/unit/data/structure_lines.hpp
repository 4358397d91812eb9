// Structure files of a few lines, and what is read of them, for the tests of the reader.
#pragma once

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdio>
#include <string>

#include "base/error.hpp"
#include "data/structure_file.hpp"
#include "io/files.hpp"
#include "support/paths.hpp"

namespace jespr::data {

/// An ATOM line of the PDB format (wwPDB format 3.3).
inline std::string atom(const char* name, char altloc, const char* residue, char chain, int number,
                        double x, double occupancy = 1.0, char insertion = ' ',
                        const char* record = "ATOM", const char* element = nullptr) {
  static int serial = 0;
  char line[128];
  std::snprintf(line, sizeof line,
                "%-6s%5d %-4s%c%3s %c%4d%c   %8.3f%8.3f%8.3f%6.2f%6.2f          %2s\n", record,
                ++serial % 99999, name, altloc, residue, chain, number, insertion, x, 0.0, 0.0,
                occupancy, 10.0 + x,
                element          ? element
                : name[1] == 'N' ? "N"
                                 : "C");
  return line;
}

/// N, CA and C of a residue at x, x + 0.1, x + 0.2.
inline std::string residue(const char* name, char chain, int number, double x, char altloc = ' ',
                           double occupancy = 1.0, char insertion = ' ',
                           const char* record = "ATOM") {
  return atom(" N", altloc, name, chain, number, x, occupancy, insertion, record) +
         atom(" CA", altloc, name, chain, number, x + 0.1, occupancy, insertion, record) +
         atom(" C", altloc, name, chain, number, x + 0.2, occupancy, insertion, record);
}

inline float x_of_ca(const StructureChain& chain, std::size_t residue) {
  return chain.coordinates[9 * residue + 3];
}

/// A sign for each residue: + complete, - not.
inline std::string pattern(const StructureChain& chain) {
  std::string text;
  for (std::size_t i = 0; i < chain.length(); ++i) text += chain.is_complete(i) ? '+' : '-';
  return text;
}

/// Why these bytes are refused, "" if they are not.
inline std::string reason_of(const std::string& bytes) {
  try {
    read_structure(bytes);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Exit::data);
    EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos);
    return error.what();
  }
  return "";
}

/// The bytes of an original file.
inline std::string read_original(const std::string& name) {
  return io::read_file(test::source_dir() / "tests/data/structures" / name);
}

}  // namespace jespr::data
