// Proteins of a dataset.
#include "data/protein_reader.hpp"

namespace jespr::data {

ProteinReader reader_of(const Dataset& dataset) {
  return [&dataset](int identity) { return dataset.protein(identity); };
}

}  // namespace jespr::data
