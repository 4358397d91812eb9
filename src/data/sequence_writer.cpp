// From temporary files to the dataset.
#include "data/sequence_writer.hpp"

#include <algorithm>
#include <span>

#include "data/dataset.hpp"
#include "io/hdf5.hpp"

namespace jespr::data {
namespace {

constexpr std::size_t piece_rows = 1 << 16;      // of values per record
constexpr std::size_t piece_residues = 1 << 22;  // of residues

/// Calls use(begin, count) for consecutive pieces of `rows` rows.
template <class Use>
void for_pieces(std::size_t rows, std::size_t piece, Use&& use) {
  for (std::size_t begin = 0; begin < rows; begin += piece)
    use(begin, std::min(piece, rows - begin));
}

template <class T>
void copy(Spool& from, io::Dataset& to, std::size_t piece) {
  from.rewind();
  for_pieces(to.rows(), piece, [&](std::size_t begin, std::size_t count) {
    to.write_rows<T>(begin, from.read_values<T>(count));
  });
  to.seal();
}

void copy(TextSpool& from, io::Dataset& to) {
  from.rewind();
  for_pieces(to.rows(), piece_rows, [&](std::size_t begin, std::size_t count) {
    to.write_text_rows(begin, from.read(count));
  });
  to.seal();
}

void write_offsets(Spool& lengths, io::Dataset& to) {
  lengths.rewind();
  std::int64_t end = 0;
  to.write_rows<std::int64_t>(0, std::span<const std::int64_t>(&end, 1));
  for_pieces(to.rows() - 1, piece_rows, [&](std::size_t begin, std::size_t count) {
    std::vector<std::int64_t> offsets = lengths.read_values<std::int64_t>(count);
    for (std::int64_t& offset : offsets) offset = end += offset;
    to.write_rows<std::int64_t>(begin + 1, offsets);
  });
  to.seal();
}

}  // namespace

SequenceWriter::SequenceWriter(const std::string& path,
                               const std::vector<std::string>& label_columns)
    : path_(path),
      label_columns_(label_columns),
      lengths_(path + ".lengths"),
      sequences_(path + ".sequences"),
      splits_(path + ".splits"),
      clusters_(path + ".clusters"),
      sources_(path + ".sources"),
      twins_of_(path + ".twins_of"),
      names_(path + ".names"),
      twins_(path + ".twins") {
  for (std::size_t i = 0; i < label_columns.size(); ++i)
    labels_.emplace_back(path + ".labels" + std::to_string(i));
}

void SequenceWriter::add(const std::string& name, std::string_view sequence, std::int64_t source,
                         const ChainTable::Row& row) {
  lengths_.write_value(static_cast<std::int64_t>(sequence.size()));
  sequences_.write(sequence);
  splits_.write_value(static_cast<std::int8_t>(row.split));
  clusters_.write_value(row.cluster);
  sources_.write_value(source);
  names_.write(name);
  for (std::size_t i = 0; i < labels_.size(); ++i)
    labels_[i].write(i < row.labels.size() ? row.labels[i] : std::string());
  ++records_;
  residues_ += sequence.size();
}

void SequenceWriter::add_twin(const std::string& name, std::int64_t kept) {
  twins_.write(name);
  twins_of_.write_value(kept);
  ++twin_count_;
}

std::vector<std::string> SequenceWriter::read_sequences() {
  lengths_.rewind();
  sequences_.rewind();
  std::vector<std::string> sequences;
  sequences.reserve(records_);
  for_pieces(records_, piece_rows, [&](std::size_t, std::size_t count) {
    for (const std::int64_t length : lengths_.read_values<std::int64_t>(count)) {
      sequences.emplace_back(static_cast<std::size_t>(length), '\0');
      sequences_.read(sequences.back());
    }
  });
  return sequences;
}

SplitAssignment SequenceWriter::read_assignment() {
  clusters_.rewind();
  splits_.rewind();
  return {clusters_.read_values<std::int32_t>(records_), splits_.read_values<Split>(records_)};
}

void SequenceWriter::write(const std::vector<Source>& sources, const SplitAssignment& assignment,
                           const std::string& deck) {
  io::File file = io::File::create(path_);
  file.set_attribute("/", "format", dataset_format);
  file.set_attribute("/", "version", dataset_version);
  file.set_attribute("/", "content", content_sequences);
  std::vector<std::string> titles, hashes;
  for (const Source& source : sources) {
    titles.push_back(source.title);
    hashes.push_back(source.sha256);
  }
  {
    // All are declared before their disk space is taken at once.
    io::Dataset offsets = file.create_dataset<std::int64_t>("/offsets", {records_ + 1});
    io::Dataset names = file.create_text_dataset("/names", records_, names_.width());
    io::Dataset split = file.create_dataset<std::int8_t>("/split", {records_});
    io::Dataset cluster = file.create_dataset<std::int32_t>("/cluster", {records_});
    io::Dataset source = file.create_dataset<std::int64_t>("/source", {records_});
    std::vector<io::Dataset> labels;
    for (std::size_t i = 0; i < labels_.size(); ++i)
      labels.push_back(
          file.create_text_dataset("/labels/" + label_columns_[i], records_, labels_[i].width()));
    io::Dataset sequence = file.create_dataset<std::uint8_t>("/residues/sequence", {residues_});
    const auto width_of = [](const std::vector<std::string>& texts) {
      std::uint64_t width = 1;
      for (const std::string& text : texts) width = std::max<std::uint64_t>(width, text.size());
      return width;
    };
    io::Dataset title = file.create_text_dataset("/sources/title", titles.size(), width_of(titles));
    io::Dataset hash = file.create_text_dataset("/sources/sha256", hashes.size(), width_of(hashes));
    std::vector<io::Dataset> twins;
    if (twin_count_ > 0) {
      twins.push_back(file.create_text_dataset("/twins/name", twin_count_, twins_.width()));
      twins.push_back(file.create_dataset<std::int64_t>("/twins/chain", {twin_count_}));
    }
    file.reserve_space();

    write_offsets(lengths_, offsets);
    copy(names_, names);
    if (assignment.splits.empty()) {
      copy<std::int8_t>(splits_, split, piece_rows);
      copy<std::int32_t>(clusters_, cluster, piece_rows);
    } else {
      std::vector<std::int8_t> values;
      for (const Split value : assignment.splits) values.push_back(static_cast<std::int8_t>(value));
      split.write_rows<std::int8_t>(0, values);
      split.seal();
      cluster.write_rows<std::int32_t>(0, assignment.clusters);
      cluster.seal();
    }
    copy<std::int64_t>(sources_, source, piece_rows);
    for (std::size_t i = 0; i < labels_.size(); ++i) copy(labels_[i], labels[i]);
    copy<std::uint8_t>(sequences_, sequence, piece_residues);
    title.write_text_rows(0, titles);
    title.seal();
    hash.write_text_rows(0, hashes);
    hash.seal();
    if (twin_count_ > 0) {
      copy(twins_, twins[0]);
      copy<std::int64_t>(twins_of_, twins[1], piece_rows);
    }
  }
  file.write_text("/deck", deck);
  file.close();
}

}  // namespace jespr::data
