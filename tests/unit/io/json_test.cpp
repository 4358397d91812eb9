// Texts of the JSON writer.
#include "io/json.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace {

using jespr::io::JsonText;

TEST(Json, NestsAndSeparates) {
  JsonText json;
  json.begin_object().key("empty").begin_array().end_array();
  json.key("list").begin_array().value(1).value(true).begin_object().end_object().end_array();
  json.key("last").begin_object().key("x").value("y").end_object().end_object();
  EXPECT_EQ(json.text(), R"({
  "empty": [],
  "list": [
    1,
    true,
    {}
  ],
  "last": {
    "x": "y"
  }
}
)");
}

TEST(Json, QuotesWhatMustBeQuoted) {
  EXPECT_EQ(JsonText().value("a\"b\\c\nd\x01").text(), "\"a\\\"b\\\\c\\nd\\u0001\"\n");
}

TEST(Json, NumbersGiveThemselvesBack) {
  for (const double number : {0.1, 1.0 / 3.0, -2.5e-300, 6.02214076e23})
    EXPECT_EQ(std::stod(JsonText().value(number).text()), number);
  EXPECT_EQ(JsonText().value(std::nan("")).text(), "null\n");
  EXPECT_EQ(JsonText().value(std::int64_t{9007199254740993}).text(), "9007199254740993\n");
}

}  // namespace
