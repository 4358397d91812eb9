// From a dataset on disk to the proteins that batches are made of.
#pragma once

#include "data/batch.hpp"
#include "data/dataset.hpp"

namespace jespr::data {

/// Reads chains of `dataset`, which must outlive the reader. Safe in the loader's thread: pread
/// alone.
ProteinReader reader_of(const Dataset& dataset);

}  // namespace jespr::data
