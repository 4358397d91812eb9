// The packed dataset: all chains in one HDF5 file (doc/dataset.md), opened, checked and read.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "backend/communicator.hpp"
#include "data/batch.hpp"
#include "data/chain_table.hpp"

namespace jespr::data {

inline constexpr const char* dataset_format = "jespr dataset";
inline constexpr std::int64_t dataset_version = 1;
/// Attribute `content` of a dataset of sequences alone; one with structures has none.
inline constexpr const char* content_sequences = "sequences";

/// A dataset open for reading. What there is per chain is in memory on every rank; residues are
/// read when asked for. After opening, nothing of HDF5 or MPI is in use.
class Dataset {
 public:
  /// Opens the file on all ranks and checks all of it: format, sizes, order of the offsets and the
  /// digest of every dataset, each rank its share. Collective. Failure: Error (data) that names the
  /// place, the same on all ranks.
  static Dataset open(const std::string& path, const Communicator& communicator);

  Dataset(Dataset&&) noexcept;
  Dataset& operator=(Dataset&&) noexcept;
  ~Dataset();

  const std::string& path() const { return path_; }
  std::int64_t chains() const { return static_cast<std::int64_t>(names_.size()); }
  std::int64_t residues() const { return offsets_.back(); }

  /// Chain i has the residues [offsets[i], offsets[i + 1]).
  std::span<const std::int64_t> offsets() const { return offsets_; }
  std::int64_t length(std::int64_t chain) const {
    return offsets_[static_cast<std::size_t>(chain) + 1] -
           offsets_[static_cast<std::size_t>(chain)];
  }
  const std::vector<std::string>& names() const { return names_; }
  std::span<const Split> splits() const { return splits_; }
  /// Homology cluster of each chain, or no_cluster.
  std::span<const std::int32_t> clusters() const { return clusters_; }
  /// Whether there are coordinates; without, protein() gives residues that are all missing.
  bool has_structures() const { return coordinates_place_ > 0; }
  /// Hash of what training sees of the chains: names, sequences, coordinates, confidences, splits
  /// and clusters.
  std::uint64_t fingerprint() const { return fingerprint_; }
  /// Chains of a split, in the order of the file.
  std::vector<std::int64_t> chains_of(Split split) const;
  /// Number of the chain of that name, -1 if there is none.
  std::int64_t find(const std::string& name) const;

  /// Reads one chain. Thread-safe: pread alone, so that the loader may call it beside the main
  /// thread. Failure: Error (data).
  Protein protein(std::int64_t chain) const;

 private:
  struct Descriptor;
  Dataset();
  template <class T>
  void read_at(std::uint64_t place, std::span<T> values) const;

  std::string path_;
  std::vector<std::int64_t> offsets_;
  std::vector<std::string> names_;
  std::vector<Split> splits_;
  std::vector<std::int32_t> clusters_;
  std::uint64_t fingerprint_ = 0;
  std::unique_ptr<Descriptor> file_;
  std::uint64_t sequence_place_ = 0, coordinates_place_ = 0, confidence_place_ = 0;  // bytes
};

/// Failure: Error (data) when the dataset has sequences alone; `purpose` says what needs
/// structures.
void require_structures(const Dataset& dataset, const std::string& purpose);

/// What `jespr info` says of a dataset: counts, lengths, splits, clusters, labels, sources. Reads
/// the file on this process alone.
std::string describe_dataset(const std::string& path);

/// Whether the file says that it is a dataset of this program.
bool is_dataset(const std::string& path);

}  // namespace jespr::data
