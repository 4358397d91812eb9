// Progress where nobody looks on.
#include "base/log.hpp"

#include <gtest/gtest.h>

namespace {

using namespace jespr;
using namespace std::chrono_literals;

TEST(Log, ProgressIsALineNowAndThenWhereNobodyLooksOn) {
  testing::internal::CaptureStdout();  // a file, no terminal
  log::progress("reading: 1 of 9 files", 1h);
  log::progress("reading: 2 of 9 files", 0s);
  log::progress("reading: 3 of 9 files", 1h);
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "reading: 2 of 9 files\n");
}

}  // namespace
