// Collective writing of the packed dataset.
#include "data/dataset_writer.hpp"

#include <functional>

#include "data/dataset.hpp"
#include "io/hdf5.hpp"

namespace jespr::data {
namespace {

using Rows = std::uint64_t;

/// Where this rank's rows lie among those of all ranks.
struct Extent {
  Extent(std::size_t mine, const Communicator& communicator)
      : begin(
            static_cast<Rows>(communicator.exclusive_prefix_sum(static_cast<std::int64_t>(mine)))),
        total(communicator.sum(static_cast<Rows>(mine))) {}
  Rows begin, total;
};

/// The file under way and where this rank writes in it.
class Writer {
 public:
  Writer(io::File& file, const Communicator& communicator)
      : file_(file), communicator_(communicator) {}

  /// Declares a dataset of one value, or `row_shape`, per row; written later by `write`.
  template <class T>
  void add(const std::string& path, const Extent& extent, std::vector<T> values,
           const io::Shape& row_shape = {}) {
    io::Shape shape = {extent.total};
    shape.insert(shape.end(), row_shape.begin(), row_shape.end());
    datasets_.push_back(file_.create_dataset<T>(path, shape));
    writes_.push_back([begin = extent.begin, values = std::move(values)](io::Dataset& dataset) {
      dataset.write_rows<T>(begin, values);
    });
  }

  void add_text(const std::string& path, const Extent& extent, std::vector<std::string> values) {
    std::uint64_t width = 1;
    for (const std::string& value : values) width = std::max<std::uint64_t>(width, value.size());
    width = communicator_.max(width);
    datasets_.push_back(file_.create_text_dataset(path, extent.total, width));
    writes_.push_back([begin = extent.begin, values = std::move(values)](io::Dataset& dataset) {
      dataset.write_text_rows(begin, values);
    });
  }

  /// Takes the disk space of all that was declared, then writes it.
  void write() {
    file_.reserve_space();
    for (std::size_t i = 0; i < datasets_.size(); ++i) {
      writes_[i](datasets_[i]);
      datasets_[i].seal();
      writes_[i] = nullptr;
    }
    datasets_.clear();
  }

 private:
  io::File& file_;
  const Communicator& communicator_;
  std::vector<io::Dataset> datasets_;
  std::vector<std::function<void(io::Dataset&)>> writes_;
};

/// One value for each record.
template <class Value>
auto per_chain(const Slab& slab, Value&& value) {
  std::vector<std::decay_t<decltype(value(slab.records.front()))>> values;
  values.reserve(slab.records.size());
  for (const Record& record : slab.records) values.push_back(value(record));
  return values;
}

/// The concatenation of an array of each record.
template <class T, class Values>
std::vector<T> per_residue(const Slab& slab, Values&& values) {
  std::vector<T> all;
  for (const Record& record : slab.records) {
    const auto& part = values(record.chain);
    all.insert(all.end(), part.begin(), part.end());
  }
  return all;
}

/// The chains that were left out for another of the same sequence, if there are any.
void add_twins(Writer& writer, const Slab& slab, const Extent& chain_rows,
               const Communicator& communicator) {
  std::vector<std::string> names;
  std::vector<std::int64_t> kept;
  for (std::size_t i = 0; i < slab.records.size(); ++i)
    for (const std::string& name : slab.records[i].twins) {
      names.push_back(name);
      kept.push_back(static_cast<std::int64_t>(chain_rows.begin + i));
    }
  const Extent twin_rows(names.size(), communicator);
  if (twin_rows.total == 0) return;
  writer.add_text("/twins/name", twin_rows, std::move(names));
  writer.add("/twins/chain", twin_rows, std::move(kept));
}

}  // namespace

void write_dataset(const std::string& path, const Slab& slab,
                   const std::vector<std::string>& label_columns, const std::string& deck,
                   const Communicator& communicator) {
  io::File file = io::File::create(path, communicator);
  file.set_attribute("/", "format", dataset_format);
  file.set_attribute("/", "version", dataset_version);

  std::size_t residues = 0;
  for (const Record& record : slab.records) residues += record.chain.length();
  const Extent chain_rows(slab.records.size(), communicator);
  const Extent residue_rows(residues, communicator);
  const Extent source_rows(slab.sources.size(), communicator);

  // Rank 0 writes the leading 0, every rank the ends of its chains.
  std::vector<std::int64_t> offsets;
  if (communicator.is_root()) offsets.push_back(0);
  auto end = static_cast<std::int64_t>(residue_rows.begin);
  for (const Record& record : slab.records)
    offsets.push_back(end += static_cast<std::int64_t>(record.chain.length()));
  const Extent offset_rows(offsets.size(), communicator);

  Writer writer(file, communicator);
  writer.add("/offsets", offset_rows, std::move(offsets));
  writer.add_text("/names", chain_rows, per_chain(slab, [](auto& r) { return r.name; }));
  writer.add_text("/chain_id", chain_rows, per_chain(slab, [](auto& r) { return r.chain.id; }));
  writer.add("/split", chain_rows,
             per_chain(slab, [](auto& r) { return static_cast<std::int8_t>(r.row.split); }));
  writer.add("/cluster", chain_rows, per_chain(slab, [](auto& r) { return r.row.cluster; }));
  writer.add("/source", chain_rows, per_chain(slab, [&](auto& r) {
               return r.source + static_cast<std::int64_t>(source_rows.begin);
             }));
  writer.add("/resolution", chain_rows, per_chain(slab, [](auto& r) { return r.resolution; }));
  for (std::size_t i = 0; i < label_columns.size(); ++i)
    writer.add_text("/labels/" + label_columns[i], chain_rows,
                    per_chain(slab, [i](auto& r) { return r.row.labels[i]; }));

  writer.add("/residues/sequence", residue_rows,
             per_residue<std::uint8_t>(
                 slab, [](auto& c) -> auto& { return c.sequence; }));
  writer.add("/residues/number", residue_rows,
             per_residue<std::int32_t>(
                 slab, [](auto& c) -> auto& { return c.numbers; }));
  writer.add("/residues/insertion_code", residue_rows,
             per_residue<std::uint8_t>(
                 slab, [](auto& c) -> auto& { return c.insertion_codes; }));
  writer.add("/residues/coordinates", residue_rows,
             per_residue<float>(
                 slab, [](auto& c) -> auto& { return c.coordinates; }),
             {3, 3});
  writer.add("/residues/confidence", residue_rows,
             per_residue<float>(
                 slab, [](auto& c) -> auto& { return c.confidence; }));
  writer.add("/residues/b_factor", residue_rows,
             per_residue<float>(
                 slab, [](auto& c) -> auto& { return c.b_factors; }));

  std::vector<std::string> titles, hashes;
  for (const Source& source : slab.sources) {
    titles.push_back(source.title);
    hashes.push_back(source.sha256);
  }
  writer.add_text("/sources/title", source_rows, std::move(titles));
  writer.add_text("/sources/sha256", source_rows, std::move(hashes));
  add_twins(writer, slab, chain_rows, communicator);
  writer.write();
  file.write_text("/deck", deck);
  file.close();
}

}  // namespace jespr::data
