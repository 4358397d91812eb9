// Crops: which residues of a chain each encoder sees, drawn per (seed, epoch, protein).
#pragma once

#include <cstdint>

namespace jespr::data {

/// Residues [begin, end) of a chain.
struct Window {
  int begin = 0, end = 0;

  int length() const { return end - begin; }
  bool operator==(const Window&) const = default;
};

/// What the two encoders see of one chain.
struct Windows {
  Window sequence, structure;

  bool operator==(const Windows&) const = default;
};

/// How windows are drawn for training. M = min(chain length, max_length).
/// Together: one window of M residues for both, uniformly placed.
/// Independent: for each encoder a length uniform in [shortest * M, M], uniformly placed.
struct CropRule {
  std::uint64_t seed = 0;
  int max_length = 512;
  bool independent = false;
  double shortest = 0.5;

  /// Windows of the chain `identity` of `length` >= 1 residues in `epoch`.
  Windows draw(std::int64_t epoch, int identity, int length) const;
};

/// The whole chain, for both encoders.
Windows whole_chain(int length);

/// The central `kept` residues, for both encoders (floor((length - kept) / 2) are cut in front);
/// the whole chain if it has no more.
Windows central_crop(int length, int kept);

}  // namespace jespr::data
