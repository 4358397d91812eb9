// HDF5 files used by one process: types, rows, attributes, listings, damage, messages.
#include "io/hdf5.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>  // for setrlimit
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <numeric>

#include "base/error.hpp"
#include "io/files.hpp"

namespace {

using namespace jespr;
using io::File;

/// A file name of this test alone, removed afterwards.
struct Scratch {
  std::string path =
      (std::filesystem::temp_directory_path() / ("jespr_hdf5_" + std::to_string(getpid()) + ".h5"))
          .string();
  ~Scratch() { io::remove_file(path); }
};

template <class T>
std::vector<T> counted(std::size_t n) {
  std::vector<T> values(n);
  for (std::size_t i = 0; i < n; ++i) values[i] = static_cast<T>(3 * i + 1);
  return values;
}

template <class T>
void round_trip(File& file, const std::string& path) {
  const std::vector<T> values = counted<T>(12);
  io::Dataset dataset = file.create_dataset<T>(path, {6, 2});
  dataset.write_rows<T>(4, std::span<const T>(values).subspan(8));
  dataset.write_rows<T>(0, std::span<const T>(values).first(8));
  dataset.seal();
  EXPECT_EQ(dataset.read<T>(), values);
  EXPECT_EQ(dataset.read_rows<T>(1, 2), std::vector<T>(values.begin() + 2, values.begin() + 4));
}

/// The message of the Error that `action` throws; fails the test when it throws none.
template <class Action>
std::string message_of(Action&& action, Exit code) {
  try {
    action();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code) << error.what();
    const std::string text = error.what();
    EXPECT_EQ(text.find('\n'), std::string::npos) << text;
    return text;
  }
  ADD_FAILURE() << "no error";
  return "";
}

void flip_bit(const std::string& path, std::uint64_t position) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekg(static_cast<std::streamoff>(position));
  const char byte = static_cast<char>(file.get() ^ 4);
  file.seekp(static_cast<std::streamoff>(position));
  file.put(byte);
}

TEST(Hdf5, EveryTypeReturnsAsWritten) {
  Scratch scratch;
  File file = File::create(scratch.path);
  round_trip<float>(file, "/a/float32");
  round_trip<double>(file, "/a/float64");
  round_trip<std::int8_t>(file, "/a/int8");
  round_trip<std::int32_t>(file, "/a/int32");
  round_trip<std::int64_t>(file, "/a/b/int64");
  round_trip<std::uint8_t>(file, "/a/b/uint8");
  round_trip<std::uint32_t>(file, "/uint32");
  round_trip<std::uint64_t>(file, "/uint64");
  EXPECT_EQ(file.datasets(),
            (std::vector<std::string>{"/a/b/int64", "/a/b/uint8", "/a/float32", "/a/float64",
                                      "/a/int32", "/a/int8", "/uint32", "/uint64"}));
  EXPECT_EQ(file.children("/a"),
            (std::vector<std::string>{"b", "float32", "float64", "int32", "int8"}));
  file.close();
  const File again = File::open(scratch.path);
  EXPECT_EQ(again.dataset("/a/int8").shape(), (io::Shape{6, 2}));
  EXPECT_EQ(again.dataset("/uint64").read<std::uint64_t>(), counted<std::uint64_t>(12));
  for (const std::string& path : again.datasets())
    EXPECT_EQ(io::check_digest(again.dataset(path), nullptr), "");
}

TEST(Hdf5, TextOfFixedWidth) {
  Scratch scratch;
  const std::vector<std::string> names = {"1abc_A", "", "a name of width 18", "\xc3\xa5"};
  {
    File file = File::create(scratch.path);
    io::Dataset dataset = file.create_text_dataset("/names", 4, 18);
    dataset.write_text_rows(0, names);
    EXPECT_EQ(
        message_of(
            [&] { dataset.write_text_rows(0, std::vector<std::string>{"longer than 18 bytes"}); },
            Exit::runtime),
        scratch.path + ": dataset /names: text of 20 bytes in a width of 18");
    file.write_text("/deck", "&run\n  task = 'train' /\n");
    file.write_text("/empty", "");
  }
  const File file = File::open(scratch.path);
  EXPECT_EQ(file.dataset("/names").read_text(), names);
  EXPECT_EQ(file.dataset("/names").read_text_rows(2, 3).front(), names[2]);
  EXPECT_EQ(file.read_text("/deck"), "&run\n  task = 'train' /\n");
  EXPECT_EQ(file.read_text("/empty"), "");
}

TEST(Hdf5, AttributesOfGroupsAndDatasets) {
  Scratch scratch;
  {
    File file = File::create(scratch.path);
    file.create_group("/state/adam");
    file.set_attribute("/", "format", "jespr dataset");
    file.set_attribute("/state", "step", std::int64_t{-5});
    file.set_attribute("/state", "step", std::int64_t{6});
    file.set_attribute("/state/adam", "rate", 0.125);
    const std::vector<double> curve = {1.0, 2.5};
    file.set_attribute<double>("/state", "curve", curve);
    file.set_attribute("/", "note", "");
  }
  const File file = File::open(scratch.path);
  EXPECT_EQ(file.text_attribute("/", "format"), "jespr dataset");
  EXPECT_EQ(file.text_attribute("/", "note"), "");
  EXPECT_EQ(file.attribute<std::int64_t>("/state", "step"), 6);
  EXPECT_EQ(file.attribute<double>("/state/adam", "rate"), 0.125);
  EXPECT_EQ(file.attributes<double>("/state", "curve"), (std::vector<double>{1.0, 2.5}));
  EXPECT_TRUE(file.has_attribute("/state", "step"));
  EXPECT_FALSE(file.has_attribute("/state", "stop"));
  EXPECT_TRUE(file.exists("/state/adam"));
  EXPECT_FALSE(file.exists("/state/adam/m/x"));
  EXPECT_EQ(message_of([&] { file.attribute<double>("/state", "step"); }, Exit::data),
            scratch.path + ": attribute step of /state is not of type float64");
}

TEST(Hdf5, ContiguousDataLieWhereTheOffsetSays) {
  Scratch scratch;
  const std::vector<float> values = counted<float>(1000);
  File file = File::create(scratch.path);
  io::Dataset dataset = file.create_dataset<float>("/x", {1000});
  file.reserve_space();
  EXPECT_GE(io::file_bytes(scratch.path), 4000u);
  dataset.write_rows<float>(0, values);
  const std::uint64_t offset = dataset.file_offset();
  io::Dataset chunked = file.create_dataset<float>("/y", {1000}, {.chunk_rows = 100, .deflate = 4});
  chunked.write_rows<float>(0, values);
  EXPECT_EQ(chunked.read<float>(), values);
  EXPECT_THROW(chunked.file_offset(), Error);
  { const io::Dataset gone = std::move(dataset), gone_too = std::move(chunked); }
  file.close();
  std::ifstream raw(scratch.path, std::ios::binary);
  raw.seekg(static_cast<std::streamoff>(offset));
  std::vector<float> found(values.size());
  raw.read(reinterpret_cast<char*>(found.data()), 4000);
  EXPECT_EQ(found, values);
}

/// A limit on the size of files stands for a full disk.
TEST(Hdf5, MissingSpaceIsMetBeforeWriting) {
  Scratch scratch;
  rlimit old{};
  getrlimit(RLIMIT_FSIZE, &old);
  auto* const handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{1 << 20, old.rlim_max};
  setrlimit(RLIMIT_FSIZE, &small);
  File file = File::create(scratch.path);
  file.create_dataset<double>("/x", {1 << 20});
  const std::string text = message_of([&] { file.reserve_space(); }, Exit::runtime);
  EXPECT_EQ(text.find(scratch.path + ": cannot take "), 0u) << text;
  setrlimit(RLIMIT_FSIZE, &old);  // closing makes the file as long as it was to be
  std::signal(SIGXFSZ, handler);
}

TEST(Hdf5, FilesOfNoRows) {
  Scratch scratch;
  File file = File::create(scratch.path);
  io::Dataset dataset = file.create_dataset<double>("/none", {0, 3});
  dataset.write_rows<double>(0, {});
  dataset.seal();
  EXPECT_TRUE(dataset.read<double>().empty());
  EXPECT_EQ(io::check_digest(dataset, nullptr), "");
}

TEST(Hdf5, WrongUseIsToldInOneLine) {
  Scratch scratch;
  File file = File::create(scratch.path);
  io::Dataset dataset = file.create_dataset<float>("/x", {4, 2});
  const std::vector<double> doubles(8);
  const std::vector<float> floats(8);
  EXPECT_EQ(message_of([&] { dataset.write_rows<double>(0, doubles); }, Exit::runtime),
            scratch.path + ": dataset /x is of type float32, expected float64");
  EXPECT_EQ(message_of([&] { dataset.write_rows<float>(1, floats); }, Exit::runtime),
            scratch.path + ": dataset /x of shape [4, 2] has no 8 elements from row 1 on");
  EXPECT_EQ(message_of([&] { file.dataset("/y"); }, Exit::runtime),
            scratch.path + ": no dataset /y: object 'y' doesn't exist");
  EXPECT_EQ(message_of([] { File::open("no/such.h5"); }, Exit::data),
            "no/such.h5: cannot be opened: No such file or directory");
  const std::string text = message_of([] { File::create("no/such.h5"); }, Exit::runtime);
  EXPECT_NE(text.find("No such file or directory"), std::string::npos) << text;
}

TEST(Hdf5, DamageIsFound) {
  Scratch scratch;
  std::uint64_t offset = 0, size = 0;
  const auto write = [&] {
    File file = File::create(scratch.path);
    io::Dataset dataset = file.create_dataset<double>("/group/x", {5000});
    const std::vector<double> values = counted<double>(5000);
    dataset.write_rows<double>(0, values);
    dataset.seal();
    offset = dataset.file_offset();
  };
  const auto check = [&] {
    const File file = File::open(scratch.path);
    for (const std::string& path : file.datasets()) {
      const std::string problem = io::check_digest(file.dataset(path), nullptr);
      if (!problem.empty()) fail(Exit::data, problem);
    }
    if (!file.exists("/group/x")) fail(Exit::data, "dataset lost");
  };
  write();
  check();
  size = io::file_bytes(scratch.path);
  flip_bit(scratch.path, offset + 12345);
  std::string text = message_of(check, Exit::data);
  EXPECT_EQ(text.find(scratch.path + ": dataset /group/x: digest "), 0u) << text;
  EXPECT_NE(text.find(": the file is damaged"), std::string::npos) << text;
  write();
  std::filesystem::resize_file(scratch.path, size - 100);
  text = message_of(check, Exit::data);
  EXPECT_NE(text.find("truncated file"), std::string::npos) << text;
  std::filesystem::resize_file(scratch.path, 100);
  message_of(check, Exit::data);
  std::filesystem::resize_file(scratch.path, 0);
  message_of(check, Exit::data);
}

/// Every bit that carries meaning: flipped anywhere in the file it is found, or the content is
/// still whole (unused bytes between the structures).
TEST(Hdf5, AnyFlippedBitIsFoundOrHarmless) {
  Scratch scratch;
  const std::vector<double> values = counted<double>(3);
  {
    File file = File::create(scratch.path);
    io::Dataset dataset = file.create_dataset<double>("/group/x", {3});
    dataset.write_rows<double>(0, values);
    dataset.seal();
    file.set_attribute("/", "version", std::int64_t{1});
  }
  const std::uint64_t size = io::file_bytes(scratch.path);
  int found = 0;
  for (std::uint64_t position = 0; position < size; ++position) {
    flip_bit(scratch.path, position);
    try {
      const File file = File::open(scratch.path);
      const io::Dataset dataset = file.dataset("/group/x");
      const std::string problem = io::check_digest(dataset, nullptr);
      if (!problem.empty()) fail(Exit::data, problem);
      EXPECT_EQ(dataset.read<double>(), values) << "bit in byte " << position;
      EXPECT_EQ(file.attribute<std::int64_t>("/", "version"), 1) << "bit in byte " << position;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Exit::data) << error.what();
      ++found;
    }
    flip_bit(scratch.path, position);
  }
  EXPECT_GT(found, 300);
}

TEST(Files, PublishReplacesInOneStep) {
  Scratch scratch;
  std::ofstream(scratch.path) << "old";
  const std::string temporary = io::temporary_name(scratch.path);
  std::ofstream(temporary) << "new";
  io::publish_file(temporary, scratch.path);
  std::string text;
  std::ifstream(scratch.path) >> text;
  EXPECT_EQ(text, "new");
  EXPECT_FALSE(io::file_exists(temporary));
  EXPECT_THROW(io::publish_file(temporary, scratch.path), Error);
}

}  // namespace
