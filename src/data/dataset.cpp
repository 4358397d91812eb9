// Opening, checking and reading of the packed dataset.
#include "data/dataset.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <limits>
#include <set>

#include "base/error.hpp"
#include "base/hash.hpp"
#include "io/hdf5.hpp"

namespace jespr::data {

struct Dataset::Descriptor {
  explicit Descriptor(const std::string& path)
      : number(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
    if (number < 0) fail(Exit::data, path + ": cannot be opened: " + std::strerror(errno));
  }
  ~Descriptor() { ::close(number); }
  int number;
};

namespace {

void check_format(const io::File& file) {
  if (!file.has_attribute("/", "format") || file.text_attribute("/", "format") != dataset_format)
    fail(Exit::data, file.path() + ": not a dataset of this program (attribute format of /)");
  const auto version = file.attribute<std::int64_t>("/", "version");
  if (version != dataset_version)
    fail(Exit::data, fmt::format("{}: version {} of the dataset format, expected {}: prepare it "
                                 "again with this program",
                                 file.path(), version, dataset_version));
}

bool has_structures(const io::File& file) {
  return !file.has_attribute("/", "content") ||
         file.text_attribute("/", "content") != content_sequences;
}

/// The dataset at `path`, which must have `rows` rows of `row_elements` elements.
io::Dataset open_sized(const io::File& file, const std::string& path, std::uint64_t rows,
                       std::uint64_t row_elements = 1) {
  io::Dataset dataset = file.dataset(path);
  if (dataset.rows() != rows || dataset.row_elements() != row_elements)
    fail(Exit::data, fmt::format("{} has {} rows of {}, expected {} of {}", dataset.title(),
                                 dataset.rows(), dataset.row_elements(), rows, row_elements));
  return dataset;
}

std::vector<std::int64_t> read_offsets(const io::File& file) {
  const io::Dataset dataset = file.dataset("/offsets");
  std::vector<std::int64_t> offsets = dataset.read<std::int64_t>();
  if (offsets.size() < 2 || offsets.front() != 0)
    fail(Exit::data, dataset.title() + " does not start at 0 or holds no chain");
  for (std::size_t i = 1; i < offsets.size(); ++i)
    if (offsets[i] <= offsets[i - 1])
      fail(Exit::data, fmt::format("{}: chain {} ends at {}, but starts at {}", dataset.title(),
                                   i - 1, offsets[i], offsets[i - 1]));
  return offsets;
}

std::vector<Split> read_splits(const io::File& file, std::uint64_t chains) {
  const io::Dataset dataset = open_sized(file, "/split", chains);
  std::vector<Split> splits;
  for (const std::int8_t value : dataset.read<std::int8_t>()) {
    if (value < 0 || value > static_cast<std::int8_t>(Split::test))
      fail(Exit::data, fmt::format("{}: {} names no split", dataset.title(), value));
    splits.push_back(static_cast<Split>(value));
  }
  return splits;
}

/// Of what training sees: a dataset with other coordinates or letters is another dataset.
std::uint64_t fingerprint_of(const io::File& file) {
  std::uint64_t hash = 0;
  for (const char* path : {"/offsets", "/names", "/split", "/cluster", "/residues/sequence",
                           "/residues/coordinates", "/residues/confidence"}) {
    if (!has_structures(file) && !file.exists(path)) continue;
    const std::uint64_t part = file.dataset(path).stored_digest();
    hash = digest(&part, sizeof part, hash);
  }
  return hash;
}

}  // namespace

Dataset::Dataset() = default;
Dataset::Dataset(Dataset&&) noexcept = default;
Dataset& Dataset::operator=(Dataset&&) noexcept = default;
Dataset::~Dataset() = default;

Dataset Dataset::open(const std::string& path, const Communicator& communicator) {
  const io::File file = io::File::open(path);
  check_format(file);
  const std::string problem = io::check_digests(file, file.datasets(), &communicator);
  if (!problem.empty()) fail(Exit::data, problem);
  Dataset dataset;
  dataset.path_ = path;
  dataset.offsets_ = read_offsets(file);
  const std::uint64_t chains = dataset.offsets_.size() - 1;
  const auto residues = static_cast<std::uint64_t>(dataset.offsets_.back());
  dataset.names_ = open_sized(file, "/names", chains).read_text();
  dataset.splits_ = read_splits(file, chains);
  dataset.clusters_ = open_sized(file, "/cluster", chains).read<std::int32_t>();
  dataset.sequence_place_ = open_sized(file, "/residues/sequence", residues).file_offset();
  if (data::has_structures(file)) {
    dataset.coordinates_place_ =
        open_sized(file, "/residues/coordinates", residues, 9).file_offset();
    dataset.confidence_place_ = open_sized(file, "/residues/confidence", residues).file_offset();
  }
  dataset.fingerprint_ = fingerprint_of(file);
  dataset.file_ = std::make_unique<Descriptor>(path);
  return dataset;
}

std::vector<std::int64_t> Dataset::chains_of(Split split) const {
  std::vector<std::int64_t> chosen;
  for (std::size_t i = 0; i < splits_.size(); ++i)
    if (splits_[i] == split) chosen.push_back(static_cast<std::int64_t>(i));
  return chosen;
}

std::int64_t Dataset::find(const std::string& name) const {
  const auto found = std::find(names_.begin(), names_.end(), name);
  return found == names_.end() ? -1 : found - names_.begin();
}

template <class T>
void Dataset::read_at(std::uint64_t place, std::span<T> values) const {
  char* next = reinterpret_cast<char*>(values.data());
  std::size_t left = values.size_bytes();
  while (left > 0) {
    const ssize_t got = ::pread(file_->number, next, left, static_cast<off_t>(place));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0)
      fail(Exit::data, path_ + ": cannot be read at byte " + std::to_string(place) + ": " +
                           (got < 0 ? std::strerror(errno) : "end of file"));
    next += got;
    place += static_cast<std::uint64_t>(got);
    left -= static_cast<std::size_t>(got);
  }
}

Protein Dataset::protein(std::int64_t chain) const {
  if (chain < 0 || chain >= chains())
    fail(Exit::data, fmt::format("{}: no chain {}", path_, chain));
  const auto first = static_cast<std::uint64_t>(offsets_[static_cast<std::size_t>(chain)]);
  const auto rows = static_cast<std::size_t>(length(chain));
  Protein protein;
  protein.name = names_[static_cast<std::size_t>(chain)];
  protein.sequence.resize(rows);
  protein.coordinates.resize(9 * rows, std::numeric_limits<float>::quiet_NaN());
  protein.confidence.resize(rows, 0.0F);
  read_at<char>(sequence_place_ + first, protein.sequence);
  if (!has_structures()) return protein;
  read_at<float>(coordinates_place_ + first * 9 * sizeof(float), protein.coordinates);
  read_at<float>(confidence_place_ + first * sizeof(float), protein.confidence);
  return protein;
}

void require_structures(const Dataset& dataset, const std::string& purpose) {
  if (!dataset.has_structures())
    fail(Exit::data, fmt::format("{}: sequences without structures, {} needs structures: prepare a "
                                 "dataset from PDB or mmCIF files",
                                 dataset.path(), purpose));
}

std::string describe_dataset(const std::string& path) {
  const io::File file = io::File::open(path);
  check_format(file);
  const std::vector<std::int64_t> offsets = read_offsets(file);
  const std::uint64_t chains = offsets.size() - 1;
  const auto residues = static_cast<std::uint64_t>(offsets.back());
  std::vector<std::int64_t> lengths;
  for (std::size_t i = 0; i < chains; ++i) lengths.push_back(offsets[i + 1] - offsets[i]);
  std::sort(lengths.begin(), lengths.end());

  std::int64_t missing = 0;
  constexpr std::uint64_t piece = 1 << 18;  // rows read at a time
  const bool with_structures = has_structures(file);
  for (std::uint64_t begin = 0; with_structures && begin < residues; begin += piece)
    for (const float value : open_sized(file, "/residues/confidence", residues)
                                 .read_rows<float>(begin, std::min(residues, begin + piece)))
      missing += value <= 0;
  const std::string coordinates = with_structures
                                      ? fmt::format("{} of them without coordinates", missing)
                                      : "sequences without structures";

  std::string text = fmt::format(
      "{}: dataset, format version {}\n"
      "  chains     {} with {} residues, {}\n"
      "  lengths    {} to {}, median {}, mean {:.1f}\n",
      path, dataset_version, chains, residues, coordinates, lengths.front(), lengths.back(),
      lengths[lengths.size() / 2], static_cast<double>(residues) / static_cast<double>(chains));
  const std::vector<Split> splits = read_splits(file, chains);
  const std::vector<std::int32_t> clusters =
      open_sized(file, "/cluster", chains).read<std::int32_t>();
  for (const Split split : {Split::train, Split::validation, Split::test}) {
    std::set<std::int32_t> known;
    std::int64_t count = 0, unknown = 0;
    for (std::size_t i = 0; i < chains; ++i) {
      if (splits[i] != split) continue;
      ++count;
      if (clusters[i] == no_cluster)
        ++unknown;
      else
        known.insert(clusters[i]);
    }
    if (count > 0)
      text += fmt::format("  {:<10} {} chains in {} clusters, {} without one\n", name_of(split),
                          count, known.size(), unknown);
  }
  text += "  labels    ";
  const bool labelled = file.exists("/labels");
  for (const std::string& column : labelled ? file.children("/labels") : std::vector<std::string>{})
    text += " " + column;
  text += labelled ? "\n" : " none\n";
  const std::uint64_t sources = file.dataset("/sources/title").rows();
  text += fmt::format("  sources    {} file{}\n", sources, sources == 1 ? "" : "s");
  return text;
}

bool is_dataset(const std::string& path) {
  const io::File file = io::File::open(path);
  return file.has_attribute("/", "format") && file.text_attribute("/", "format") == dataset_format;
}

}  // namespace jespr::data
