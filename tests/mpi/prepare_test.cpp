// Task 'prepare' on any number of ranks: the dataset, its reading, the report, the failures.
#include "data/prepare.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "backend/communicator.hpp"
#include "base/error.hpp"
#include "base/hash.hpp"
#include "base/log.hpp"
#include "data/dataset.hpp"
#include "io/files.hpp"
#include "io/hdf5.hpp"
#include "support/paths.hpp"

namespace {

using namespace jespr;
namespace fs = std::filesystem;

class Prepare : public testing::Test {
 protected:
  Prepare() : world_(Communicator::world()) {
    folder_ = world_.broadcast(
        (fs::temp_directory_path() / ("jespr_prepare_" + std::to_string(getpid()))).string());
    if (world_.is_root()) {
      fs::create_directories(folder_ / "in");
      for (const auto& entry : fs::directory_iterator(test::source_dir() / "tests/data/structures"))
        if (entry.path().extension() != ".md")
          fs::copy_file(entry.path(), folder_ / "in" / entry.path().filename());
      put("in/broken.cif", "data_broken\nloop_\n_atom_site.id\n'1\n");
      put("in/empty.pdb", "");
      put("table.tsv", "name\tsplit\tcluster30\tcath\n1CRN_A\tvalidation\t5\t3.30.1350.10\n");
    }
    settings_.sources = {(folder_ / "in").string()};
    settings_.dataset = (folder_ / "out/set.h5").string();
    settings_.table = (folder_ / "table.tsv").string();
    log::set_root(false);
    world_.barrier();
  }
  ~Prepare() override {
    world_.barrier();
    if (world_.is_root()) fs::remove_all(folder_);
    log::set_root(world_.is_root());
    world_.barrier();
  }

  void put(const std::string& name, const std::string& content) const {
    std::ofstream(folder_ / name, std::ios::binary) << content;
  }
  std::string get(const std::string& name) const { return io::read_file(folder_ / name); }
  std::string problem() const {
    try {
      data::run_prepare(settings_, "&run /", world_);
    } catch (const Error& error) {
      return std::to_string(static_cast<int>(error.code())) + " " + error.what();
    }
    return "";
  }

  Communicator world_;
  fs::path folder_;
  data::PrepareSettings settings_;
};

TEST_F(Prepare, ContentReportAndReading) {
  data::run_prepare(settings_, "&run task = 'prepare' /", world_);
  EXPECT_FALSE(fs::exists(settings_.dataset + ".part"));
  const data::Dataset dataset = data::Dataset::open(settings_.dataset, world_);
  EXPECT_EQ(dataset.names(),
            (std::vector<std::string>{"103l_A", "103l_A@103l.pdb.gz", "1CRN_A", "1TPK_A", "1TPK_B",
                                      "1TPK_C", "1d66_A", "1d66_B", "4a10_short_A", "4zey_A"}));
  EXPECT_EQ(dataset.chains_of(data::Split::validation), (std::vector<std::int64_t>{2}));
  EXPECT_EQ(dataset.clusters()[2], 5);
  EXPECT_EQ(dataset.clusters()[0], data::no_cluster);
  EXPECT_EQ(dataset.length(2), 46);
  EXPECT_EQ(dataset.find("4zey_A"), 9);
  EXPECT_EQ(dataset.find("none"), -1);
  const data::Protein crambin = dataset.protein(2);
  EXPECT_EQ(crambin.name, "1CRN_A");
  EXPECT_EQ(crambin.sequence, "TTCCPSIVARSNFNVCRLPGTPEAICATYTGCIIIPGATCPGDYAN");
  EXPECT_FLOAT_EQ(crambin.coordinates[3], 16.967F);  // CA of residue 1
  EXPECT_EQ(crambin.confidence, std::vector<float>(46, 1.0F));
  const std::vector<float> confidence = dataset.protein(0).confidence;
  EXPECT_EQ(std::count(confidence.begin(), confidence.end(), 0.0F), 8);
  EXPECT_THROW(dataset.protein(10), Error);

  const io::File file = io::File::open(settings_.dataset);
  EXPECT_EQ(file.read_text("/deck"), "&run task = 'prepare' /");
  EXPECT_EQ(file.dataset("/labels/cath").read_text()[2], "3.30.1350.10");
  EXPECT_EQ(file.dataset("/source").read<std::int64_t>(),
            (std::vector<std::int64_t>{0, 1, 2, 3, 3, 3, 4, 4, 5, 6}));
  EXPECT_EQ(file.dataset("/sources/title").read_text()[3], "1TPK.pdb.gz");
  EXPECT_EQ(file.dataset("/sources/sha256").read_text()[1].size(), 64u);

  const std::string report = get("out/set.h5.report.tsv");
  for (const char* line :
       {"source\tchain\toutcome\tname\tresidues\tcomplete\tremark\n",
        "103l.cif.gz\tA\tread\t103l_A\t167\t159\t\n",
        "103l.pdb.gz\tA\tread\t103l_A@103l.pdb.gz\t167\t159\tanother chain has the name 103l_A\n",
        "broken.cif\t\trefused\t\t0\t0\tline:4:3: unterminated 'string'\n",
        "empty.pdb\t\trefused\t\t0\t0\tempty file\n",
        "1d66.pdb.gz\tD\trefused\t\t0\t0\tnucleic acid\n",
        "1lzh.pdb.gz\tA\trefused\t\t0\t0\tonly CA atoms\n"})
    EXPECT_NE(report.find(line), std::string::npos) << line << "in\n" << report;

  const std::string text = data::describe_dataset(settings_.dataset);
  EXPECT_NE(text.find("chains     10 with 960 residues, 35 of them"), std::string::npos) << text;
}

/// Names that are repeated within and across ranks, and an archive that is named twice.
TEST_F(Prepare, EveryChainIsKeptUnderANameOfItsOwn) {
  if (world_.is_root()) {
    const fs::path structures = test::source_dir() / "tests/data/structures";
    fs::create_directories(folder_ / "twice/sub");
    for (const char* place : {"twice/1CRN.cif.gz", "twice/sub/1CRN.cif.gz"})
      fs::copy_file(structures / "1CRN.cif.gz", folder_ / place);
    fs::copy_file(structures / "1TPK.pdb.gz", folder_ / "twice/a 1TPK.pdb.gz");
    put("twice/list.list", "");
  }
  world_.barrier();
  const std::string folder = (folder_ / "twice").string();
  settings_.sources = {folder, folder};
  settings_.table.clear();
  data::run_prepare(settings_, "&run /", world_);
  const data::Dataset dataset = data::Dataset::open(settings_.dataset, world_);
  const std::vector<std::string> names = {"1CRN_A",
                                          "a_1TPK_A",
                                          "a_1TPK_B",
                                          "a_1TPK_C",
                                          "1CRN_A@sub/1CRN.cif.gz",
                                          "1CRN_A@1CRN.cif.gz",
                                          "a_1TPK_A@a_1TPK.pdb.gz",
                                          "a_1TPK_B@a_1TPK.pdb.gz",
                                          "a_1TPK_C@a_1TPK.pdb.gz",
                                          "1CRN_A@sub/1CRN.cif.gz#2"};
  EXPECT_EQ(dataset.names(), names);
  EXPECT_EQ(io::File::open(settings_.dataset).dataset("/sources/title").read_text(),
            (std::vector<std::string>{"1CRN.cif.gz", "a_1TPK.pdb.gz", "sub/1CRN.cif.gz",
                                      "1CRN.cif.gz", "a_1TPK.pdb.gz", "sub/1CRN.cif.gz"}));
  const std::string report = get("out/set.h5.report.tsv");
  for (const char* line :
       {"sub/1CRN.cif.gz\tA\tread\t1CRN_A@sub/1CRN.cif.gz#2\t46\t46\tanother chain has the "
        "name 1CRN_A\n",
        "list.list\t\trefused\t\t0\t0\tempty file\n"})
    EXPECT_NE(report.find(line), std::string::npos) << line << "in\n" << report;
}

/// Digests of all datasets and the report, the same on 1, 2 and 4 ranks.
TEST_F(Prepare, ContentDoesNotDependOnTheRanks) {
  data::run_prepare(settings_, "&run /", world_);
  const io::File file = io::File::open(settings_.dataset);
  std::string all = get("out/set.h5.report.tsv");
  for (const std::string& path : file.datasets())
    all += path + " " + hash_text(file.dataset(path).stored_digest()) + "\n";
  EXPECT_EQ(hash_text(digest(all.data(), all.size())), "3ab0e462d782915e") << all;
}

TEST_F(Prepare, NothingIsReplacedUnasked) {
  data::run_prepare(settings_, "&run /", world_);
  EXPECT_EQ(problem(),
            "2 " + settings_.dataset + ": exists; say overwrite = .true. or give another name");
  settings_.overwrite = true;
  EXPECT_EQ(problem(), "");
  // A report is kept, too, also without its dataset.
  settings_.overwrite = false;
  world_.barrier();
  if (world_.is_root()) fs::remove(settings_.dataset);
  world_.barrier();
  EXPECT_EQ(problem(), "2 " + settings_.dataset +
                           ".report.tsv: exists; say overwrite = .true. or give another name");
  // What is read, or is no report, is kept even with overwrite.
  settings_.overwrite = true;
  const std::string table = get("table.tsv");
  settings_.report = (folder_ / "table_too.tsv").string();
  if (world_.is_root()) fs::create_symlink("table.tsv", settings_.report);
  world_.barrier();
  EXPECT_EQ(problem(), "2 " + settings_.report + ": is the same file as " + settings_.table +
                           ", which is read; give another name");
  settings_.report = (folder_ / "notes.txt").string();
  world_.barrier();
  if (world_.is_root()) put("notes.txt", "my notes");
  world_.barrier();
  EXPECT_EQ(problem(), "2 " + settings_.report +
                           ": exists and is no report of this program; give another name");
  settings_.report = (folder_ / "out").string();
  EXPECT_EQ(problem(), "2 " + settings_.report + ": is a folder");
  settings_.report.clear();
  settings_.table = (folder_ / "no.tsv").string();
  EXPECT_EQ(problem(), "2 " + settings_.table + ": No such file or directory");
  EXPECT_EQ(get("table.tsv"), table);
  EXPECT_EQ(get("notes.txt"), "my notes");
}

TEST_F(Prepare, FailsOnlyIfNothingWasReadable) {
  if (world_.is_root())
    for (const auto& entry : fs::directory_iterator(folder_ / "in"))
      if (entry.path().filename() != "broken.cif" && entry.path().filename() != "empty.pdb")
        fs::remove(entry.path());
  world_.barrier();
  EXPECT_EQ(problem(),
            "3 no protein chain was readable in 2 files: see " + settings_.dataset + ".report.tsv");
  EXPECT_FALSE(fs::exists(settings_.dataset));
}

TEST_F(Prepare, AWrongTableIsTold) {
  world_.barrier();
  if (world_.is_root()) put("table.tsv", "name\tsplit\nx\tnowhere\n");
  world_.barrier();
  EXPECT_EQ(problem(),
            "3 " + settings_.table + ":2: split is 'nowhere', expected train, validation or test");
  world_.barrier();
  if (world_.is_root()) put("table.tsv", "name\tec\tec\nx\t\t\n");
  world_.barrier();
  EXPECT_EQ(problem(), "3 " + settings_.table +
                           ":1: column 3 is 'ec', as column 2 is: each needs a name of its own");
  EXPECT_FALSE(fs::exists(settings_.dataset + ".part"));
}

TEST_F(Prepare, ADamagedDatasetIsRefusedByAllRanksAlike) {
  data::run_prepare(settings_, "&run /", world_);
  const auto refusal = [&] {
    try {
      data::Dataset::open(settings_.dataset, world_);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Exit::data);
      const std::string text = error.what();
      for (const std::string& other : world_.all_gather(text)) EXPECT_EQ(other, text);
      return text;
    }
    return std::string();
  };
  EXPECT_EQ(refusal(), "");
  const std::string whole = get("out/set.h5");
  const std::uint64_t place =
      io::File::open(settings_.dataset).dataset("/residues/coordinates").file_offset();
  const auto damage = [&](auto&& change) {
    world_.barrier();
    if (world_.is_root()) {
      std::string bytes = whole;
      change(bytes);
      put("out/set.h5", bytes);
    }
    world_.barrier();
    return refusal();
  };
  std::string text = damage([&](std::string& bytes) { bytes[place + 1001] ^= 1; });
  EXPECT_NE(text.find("dataset /residues/coordinates: digest "), std::string::npos) << text;
  text = damage([](std::string& bytes) { bytes.resize(bytes.size() / 2); });
  EXPECT_NE(text.find("truncated file"), std::string::npos) << text;
  text = damage([](std::string& bytes) { bytes.clear(); });
  EXPECT_NE(text, "");
  text = damage([](std::string& bytes) { bytes = "this is a text"; });
  EXPECT_NE(text.find("cannot be opened as an HDF5 file"), std::string::npos) << text;
  world_.barrier();
  if (world_.is_root()) fs::remove(settings_.dataset);
  world_.barrier();
  EXPECT_EQ(refusal(), settings_.dataset + ": cannot be opened: No such file or directory");
}

}  // namespace
