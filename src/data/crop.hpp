// Crops: which residues of a chain each encoder sees, drawn per (seed, epoch, protein).
#pragma once

#include <cstdint>
#include <vector>

namespace jespr::data {

/// Residues [begin, end) of a chain.
struct Window {
  int begin = 0, end = 0;

  int length() const { return end - begin; }
  bool operator==(const Window&) const = default;
};

/// What the two encoders see of one chain: one window of its structure, and one or more of its
/// sequence.
struct Windows {
  Window sequence, structure;
  std::vector<Window> more_sequences = {};

  int sequences() const { return 1 + static_cast<int>(more_sequences.size()); }
  /// Crop `number` of the sequence, counted from 0.
  const Window& sequence_crop(int number) const {
    return number == 0 ? sequence : more_sequences[static_cast<std::size_t>(number - 1)];
  }
  bool operator==(const Windows&) const = default;
};

/// How windows are drawn for training. M = min(chain length, max_length).
/// Together: one window of M residues for both, uniformly placed.
/// Independent: for each encoder a length uniform in [shortest * M, M], uniformly placed.
/// Crops of the sequence: the structure shows M residues, the whole chain where it is no longer
/// than max_length; in this window `sequence_crops` windows of the sequence are placed uniformly,
/// each of a length uniform in [shortest * N, N], N = min(M, crop_length). A chain of N residues or
/// less is shown whole by a crop of N residues. Crop k is the same however many follow it.
struct CropRule {
  std::uint64_t seed = 0;
  int max_length = 512;
  bool independent = false;
  double shortest = 0.5;
  int sequence_crops = 0;  // 0: the sequence's window is drawn as the first two rules say
  int crop_length = 0;     // of the longest crop of a sequence; 0: M

  /// Windows of the chain `identity` of `length` >= 1 residues in `epoch`.
  Windows draw(std::int64_t epoch, int identity, int length) const;

  /// The longest that draw() gives, all of them central.
  Windows fullest(int length) const;
};

/// The whole chain, for both encoders.
Windows whole_chain(int length);

/// The central `kept` residues, for both encoders (floor((length - kept) / 2) are cut in front);
/// the whole chain if it has no more.
Windows central_crop(int length, int kept);

}  // namespace jespr::data
