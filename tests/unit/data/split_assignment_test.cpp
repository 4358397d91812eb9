// How many residues task 'prepare' compares to find relatives.
#include "data/split_assignment.hpp"

#include <gtest/gtest.h>

#include <string>

#include "base/error.hpp"

namespace {

using namespace jespr;
using data::Split;

/// Two chains in two splits; counts how often their sequences are asked for.
class Assignment : public testing::Test {
 protected:
  std::string problem_of(std::uint64_t residues) {
    data::SplitAssignment assignment{{7, 8}, {Split::train, Split::test}};
    const data::AssignmentSource source{[this] {
                                          ++asked_;
                                          return std::vector<std::string>{"MKVLAWED", "MKVLAWED"};
                                        },
                                        [] {
                                          return std::vector<std::uint64_t>{1, 2};
                                        }};
    testing::internal::CaptureStdout();
    std::string problem;
    try {
      data::assign_splits(assignment, settings_, source, residues);
    } catch (const Error& error) {
      problem = error.what();
    }
    log_ = testing::internal::GetCapturedStdout();
    clusters_ = assignment.clusters;
    return problem;
  }

  data::PrepareSettings settings_;
  int asked_ = 0;
  std::string log_;
  std::vector<std::int32_t> clusters_;
};

TEST_F(Assignment, TooManyResiduesAreNotCompared) {
  EXPECT_EQ(problem_of(data::most_compared), "");
  EXPECT_EQ(asked_, 1);
  EXPECT_NE(log_.find("1 chain of validation and test has a relative"), std::string::npos) << log_;
  EXPECT_EQ(problem_of(data::most_compared + 1), "");
  EXPECT_EQ(asked_, 1);
  EXPECT_NE(log_.find("warning: 268435457 residues are too many to look for relatives"),
            std::string::npos)
      << log_;
}

TEST_F(Assignment, ClustersOfTooManyResiduesAreRefused) {
  settings_.clusters = "kmers";
  EXPECT_EQ(problem_of(data::most_compared), "");
  EXPECT_EQ(clusters_, (std::vector<std::int32_t>{0, 0}));
  const std::string problem = problem_of(data::most_compared + 1);
  EXPECT_TRUE(problem.starts_with("&prepare clusters = 'kmers': the sources have more than "))
      << problem;
  EXPECT_EQ(asked_, 1);
}

TEST(LargestCluster, AChainWithoutAClusterStandsAlone) {
  EXPECT_EQ(data::largest_cluster({}), 0);
  EXPECT_EQ(data::largest_cluster({data::no_cluster, data::no_cluster}), 1);
  EXPECT_EQ(data::largest_cluster({4, 2, data::no_cluster, 4, data::no_cluster}), 2);
}

}  // namespace
