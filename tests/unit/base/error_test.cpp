// Errors carry their message and their exit code.
#include "base/error.hpp"

#include <gtest/gtest.h>

#include <string>

namespace jespr {
namespace {

TEST(Error, CarriesCodeAndMessage) {
  try {
    fail(Exit::deck, "quickstart.deck:3: no such group");
    FAIL() << "fail() returned";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Exit::deck);
    EXPECT_STREQ(error.what(), "quickstart.deck:3: no such group");
  }
}

TEST(Error, ExitCodesAreThoseOfTheManual) {
  EXPECT_EQ(static_cast<int>(Exit::ok), 0);
  EXPECT_EQ(static_cast<int>(Exit::runtime), 1);
  EXPECT_EQ(static_cast<int>(Exit::deck), 2);
  EXPECT_EQ(static_cast<int>(Exit::data), 3);
  EXPECT_EQ(static_cast<int>(Exit::stopped), 4);
}

}  // namespace
}  // namespace jespr
