// The rules of the golden tests themselves, on small files made here: what passes, what fails, what
// is told.
#include "golden/support/parity.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <limits>

#include "base/error.hpp"
#include "golden/support/sequence_inputs.hpp"
#include "golden/support/structure_inputs.hpp"
#include "support/paths.hpp"

namespace {

using namespace jespr;
using namespace jespr::test;

using Values = std::vector<double>;

/// A golden file of one-dimensional arrays.
GoldenFile made(const std::string& name, const std::map<std::string, Values>& arrays) {
  const auto path = scratch_dir(name.c_str()) / "A_made.h5";
  io::File file = io::File::create(path.string());
  for (const auto& [dataset, values] : arrays)
    file.create_dataset<double>("/" + dataset, {values.size()})
        .write_rows<double>(0, std::span(values));
  file.close();
  return GoldenFile(path);
}

std::size_t count_problems(const GoldenFile& file, const std::string& name, const Values& ours,
                           Kind kind, double norm = 0) {
  Parity parity(file);
  for (const std::string& dataset : file.datasets())
    if (dataset != name) parity.exclude(dataset, "not this test's");
  parity.compare(name, ours, {}, kind, norm);
  return parity.problems().size();
}

TEST(Parity, SingleIsHeldToTheReferencesOwnErrorWhateverTheLength) {
  const double own = 1e-6;
  const GoldenFile file = made("parity_single", {{"f64/x", {1}}, {"f32/x", {1 + own}}});
  EXPECT_EQ(count_problems(file, "f32/x", {1 + 9.9 * own}, Kind::forward), 0);
  EXPECT_EQ(count_problems(file, "f32/x", {1 + 10.1 * own}, Kind::forward), 1);
  const GoldenFile same = made("parity_same", {{"f64/x", {1}}, {"f32/x", {1}}});
  const double least = 4 * 0x1p-24;
  EXPECT_EQ(count_problems(same, "f32/x", {1 + 0.99 * least}, Kind::forward), 0);
  EXPECT_EQ(count_problems(same, "f32/x", {1 + 1.01 * least}, Kind::forward), 1);
}

TEST(Parity, TinyGradientsAreNeitherNilNorOfTheWrongSign) {
  const double r = 1e-8, norm = 1;
  const GoldenFile file = made("parity_tiny", {{"f64/x", {r}}, {"f32/x", {1.1 * r}}});
  EXPECT_EQ(count_problems(file, "f32/x", {1.9 * r}, Kind::tiny_gradient, norm), 0);
  EXPECT_EQ(count_problems(file, "f32/x", {0}, Kind::tiny_gradient, norm), 1);
  EXPECT_EQ(count_problems(file, "f32/x", {-r}, Kind::tiny_gradient, norm), 1);
  EXPECT_EQ(count_problems(file, "f32/x", {-r}, Kind::zero_gradient, norm), 0);
  EXPECT_EQ(count_problems(file, "f64/x", {r * (1 + 0.9e-8)}, Kind::tiny_gradient, norm), 0);
  EXPECT_EQ(count_problems(file, "f64/x", {r * (1 + 1.1e-8)}, Kind::tiny_gradient, norm), 1);
}

TEST(Parity, OnlyNamedCopiesMayHaveGradientsRecordedAsZeros) {
  const GoldenFile file = made("parity_copies", {{"f64/copy", {0, 0}}, {"f64/path", {1, 2}}});
  Recorder seen;
  seen.observer()("d copy", {3, 4}, {2});
  seen.observer()("d path", {1, 2}, {2});
  const auto problems = [&](const std::function<bool(const std::string&)>& is_copy) {
    Parity parity(file);
    parity.compare_gradients(seen, "f64/", {}, is_copy);
    return parity.problems().size();
  };
  EXPECT_EQ(problems([](const std::string& name) { return name == "copy"; }), 0);
  EXPECT_EQ(problems([](const std::string&) { return false; }), 1) << "zeros there, not here";
  seen.observer()("d path", {1, 2.1}, {2});
  EXPECT_EQ(problems([](const std::string&) { return true; }), 1) << "a recorded one is compared";
}

TEST(Parity, ExactlyTheSameNumbers) {
  const double nan = std::numeric_limits<double>::quiet_NaN(), infinite = HUGE_VAL;
  const GoldenFile file = made("parity_exact", {{"x", {1, nan, infinite}}});
  const auto problems = [&](const Values& ours) {
    Parity parity(file);
    parity.compare_exactly("x", ours, "test");
    return parity.problems().size();
  };
  EXPECT_EQ(problems({1, nan, infinite}), 0);
  for (const Values& wrong :
       {Values{1, 0, infinite}, {1, nan, nan}, {1, nan, -infinite}, {2, nan, infinite}, {1, nan}})
    EXPECT_EQ(problems(wrong), 1);
}

TEST(Parity, EveryDatasetNeedsAVerdict) {
  const GoldenFile file = made("parity_verdicts", {{"f64/x", {1}}, {"f64/y", {1}}});
  Parity parity(file);
  parity.compare("f64/x", {1}, {});
  EXPECT_EQ(parity.problems(),
            std::vector<std::string>{"A_made: f64/y is neither compared nor excluded"});
  EXPECT_EQ(parity.summary(), std::vector<std::string>{"| f64 forward | 1 | 0 | f64/x |"});
}

/// Sets the variable while it lives.
class OtherGoldenDir {
 public:
  explicit OtherGoldenDir(const std::string& path) {
    if (const char* value = std::getenv(golden_variable)) before_ = value;
    setenv(golden_variable, path.c_str(), 1);
  }
  ~OtherGoldenDir() {
    before_.empty() ? unsetenv(golden_variable) : setenv(golden_variable, before_.c_str(), 1);
  }
  OtherGoldenDir(const OtherGoldenDir&) = delete;
  OtherGoldenDir& operator=(const OtherGoldenDir&) = delete;

 private:
  std::string before_;
};

template <class F>
std::string message_of(const F& function) {
  try {
    function();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(GoldenFile, TheVariableIsNamedWhenSomethingIsMissing) {
  const auto folder = scratch_dir("golden_missing");
  const std::string gone = (folder / "gone").string();
  {
    const OtherGoldenDir other(gone);
    EXPECT_EQ(message_of([] { GoldenFile('A'); }),
              "JESPR_GOLDEN_DIR = " + gone +
                  " is not a folder; expected one with golden files (FORMAT.md)");
  }
  const OtherGoldenDir other(folder.string());
  EXPECT_EQ(message_of([] { GoldenFile('A'); }),
            "JESPR_GOLDEN_DIR = " + folder.string() + " has no golden file A_*.h5 (FORMAT.md)");
}

TEST(GoldenFile, AnotherSetHasTablesOfItsOwn) {
  {
    const OtherGoldenDir other((scratch_dir("golden_set") / "").string());
    EXPECT_EQ(golden_set(), "golden_set");
  }
  const OtherGoldenDir shipped((source_dir() / "tests/data/../data/golden").string());
  EXPECT_EQ(golden_set(), "");
}

TEST(GoldenInputs, TokensAsTheReferenceReadsThem) {
  EXPECT_EQ(tokens_of(" A<mask>\tC <null_1>\n<unk><pad>L "),
            (std::vector<int>{0, 5, 32, 23, 31, 3, 1, 4, 2}));
  EXPECT_EQ(tokens_of("<cls><eos>"), (std::vector<int>{0, 0, 2, 2}));
  for (const char* wrong : {"ACJ", "A*", "aC", "A<gap>C", "A<C", "A>C"})
    EXPECT_THROW(tokens_of(wrong), Error) << wrong;
}

TEST(GoldenInputs, ConfidenceIsAnArrayANumberOrNone) {
  const auto path = scratch_dir("golden_confidence") / "C_made.h5";
  {
    io::File file = io::File::create(path.string());
    const std::vector<float> coordinates(18), given = {0.25, 0.5};
    for (const std::string protein : {"0", "1", "2", "3", "4", "5"})
      file.create_dataset<float>("/inputs/raw/coords_" + protein, {2, 3, 3})
          .write_rows<float>(0, std::span(coordinates));
    file.create_dataset<float>("/inputs/raw/confidence_0", {2})
        .write_rows<float>(0, std::span(given));
    const std::string name = "confidence", title = "/inputs/raw/coords_";
    const std::vector<double> two = {1, 1};
    file.set_attribute(title + "1", name, "None");
    file.set_attribute(title + "2", name, 0.7);
    file.set_attribute(title + "3", name, std::int64_t{0});
    file.set_attribute(title + "4", name, "none");
    file.set_attribute<double>(title + "5", name, two);
  }
  const GoldenFile file(path);
  EXPECT_EQ(read_raw_confidence(file, "0", 2), (Values{0.25, 0.5}));
  EXPECT_EQ(read_raw_confidence(file, "1", 2), (Values{1, 1}));
  EXPECT_EQ(read_raw_confidence(file, "2", 2), Values(2, 0.7f));
  EXPECT_EQ(read_raw_confidence(file, "3", 2), (Values{0, 0}));
  EXPECT_EQ(message_of([&] { read_raw_confidence(file, "4", 2); }),
            path.string() +
                ": attribute confidence of /inputs/raw/coords_4 is 'none'; expected a "
                "number or None");
  EXPECT_THROW(read_raw_confidence(file, "5", 2), Error);
  EXPECT_THROW(read_raw_confidence(file, "6", 2), Error) << "no such protein";
}

}  // namespace
