// HDF5 files used by all ranks together: the content does not depend on their number.
#include "io/hdf5.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "backend/communicator.hpp"
#include "base/error.hpp"
#include "io/files.hpp"

namespace {

using namespace jespr;
using io::File;

/// A file name that all ranks agree on, removed afterwards by the first.
struct Scratch {
  explicit Scratch(const Communicator& world) : communicator(world) {
    path = world.broadcast((std::filesystem::temp_directory_path() /
                            ("jespr_mpi_" + std::to_string(::getpid()) + ".h5"))
                               .string());
  }
  ~Scratch() {
    communicator.barrier();
    if (communicator.is_root()) io::remove_file(path);
  }
  Communicator communicator;
  std::string path;
};

std::vector<float> counted(std::uint64_t begin, std::uint64_t end) {
  std::vector<float> values;
  for (std::uint64_t i = 3 * begin; i < 3 * end; ++i) values.push_back(static_cast<float>(i));
  return values;
}

/// Rows [begin, end) of 1001 that this rank writes; rank 1 writes none.
std::pair<std::uint64_t, std::uint64_t> share(const Communicator& communicator) {
  const auto rank = static_cast<std::uint64_t>(communicator.rank());
  const std::uint64_t writers =
      communicator.size() == 1 ? 1 : static_cast<std::uint64_t>(communicator.size()) - 1;
  if (rank == 1) return {0, 0};
  const std::uint64_t writer = rank == 0 ? 0 : rank - 1;
  return {1001 * writer / writers, 1001 * (writer + 1) / writers};
}

void write(const std::string& path, const Communicator& communicator) {
  File file = File::create(path, communicator);
  file.set_attribute("/", "format", "test");
  {
    io::Dataset numbers = file.create_dataset<float>("/numbers", {1001, 3});
    io::Dataset names = file.create_text_dataset("/names", 1001, 7);
    file.reserve_space();
    const auto [begin, end] = share(communicator);
    const std::vector<float> values = counted(begin, end);
    numbers.write_rows<float>(begin, values);
    std::vector<std::string> texts;
    for (std::uint64_t i = begin; i < end; ++i) texts.push_back("n" + std::to_string(i));
    names.write_text_rows(begin, texts);
    numbers.seal();
    names.seal();
  }
  file.write_text("/deck", "&run /");
  file.close();
}

TEST(ParallelHdf5, ContentDoesNotDependOnTheRanks) {
  const Communicator world = Communicator::world();
  Scratch scratch(world);
  write(scratch.path, world);
  world.barrier();
  const File file = File::open(scratch.path);
  for (const std::string& path : file.datasets()) {
    EXPECT_EQ(io::check_digest(file.dataset(path), &world), "");
    EXPECT_EQ(io::check_digest(file.dataset(path), nullptr), "");
  }
  EXPECT_EQ(file.dataset("/numbers").read<float>(), counted(0, 1001));
  EXPECT_EQ(file.dataset("/names").read_text_rows(1000, 1001).front(), "n1000");
  EXPECT_EQ(file.read_text("/deck"), "&run /");
  // Recorded once: the digest is the same on any number of ranks.
  EXPECT_EQ(file.dataset("/numbers").stored_digest(), 12300932438422771283u);
}

TEST(ParallelHdf5, CollectiveReading) {
  const Communicator world = Communicator::world();
  Scratch scratch(world);
  write(scratch.path, world);
  File file = File::open(scratch.path, world);
  {
    const io::Dataset numbers = file.dataset("/numbers");
    const auto [begin, end] = share(world);
    EXPECT_EQ(numbers.read_rows<float>(begin, end), counted(begin, end));
    EXPECT_EQ(numbers.read<float>(), counted(0, 1001));
  }
  file.close();
}

TEST(ParallelHdf5, DamageIsToldByEveryRankAlike) {
  const Communicator world = Communicator::world();
  Scratch scratch(world);
  write(scratch.path, world);
  world.barrier();
  if (world.is_root()) {
    const std::uint64_t offset = File::open(scratch.path).dataset("/numbers").file_offset();
    std::fstream raw(scratch.path, std::ios::in | std::ios::out | std::ios::binary);
    raw.seekp(static_cast<std::streamoff>(offset + 11000));
    raw.put('x');
  }
  world.barrier();
  const File file = File::open(scratch.path);
  const std::string problem = io::check_digest(file.dataset("/numbers"), &world);
  EXPECT_NE(problem.find("dataset /numbers: digest "), std::string::npos) << problem;
  for (const std::string& other : world.all_gather(problem)) EXPECT_EQ(other, problem);
  EXPECT_EQ(io::check_digest(file.dataset("/names"), &world), "");
}

TEST(ParallelHdf5, AFileThatCannotBeMadeIsToldByEveryRank) {
  const Communicator world = Communicator::world();
  try {
    File::create("no/such/directory/x.h5", world);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(std::string(error.what()).find("no/such/directory/x.h5: cannot be created: "), 0u)
        << error.what();
  }
}

}  // namespace
