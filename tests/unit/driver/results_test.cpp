// Results of a task: the first that lies there is named, unless they may be replaced.
#include "driver/results.hpp"

#include <gtest/gtest.h>
#include <unistd.h>  // for getpid

#include <filesystem>

#include "base/error.hpp"
#include "io/files.hpp"

namespace {

using namespace jespr;

std::string message_of(const std::vector<std::string>& files, bool overwrite) {
  try {
    keep_results("evaluate", files, overwrite, Communicator::self());
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Exit::deck);
    return error.what();
  }
  return "";
}

TEST(Results, AreKeptUnlessTheyMayBeReplaced) {
  const std::string folder =
      (std::filesystem::temp_directory_path() / ("jespr_results_" + std::to_string(getpid())))
          .string();
  const std::vector<std::string> files = {folder + "/first.h5", folder + "/second.json"};
  EXPECT_EQ(message_of(files, false), "");
  io::make_parent_directories(files[1]);
  io::write_text_file(files[1], "{}");
  EXPECT_EQ(message_of(files, false),
            files[1] + " exists; name another &evaluate output, or set overwrite = .true.");
  EXPECT_EQ(message_of(files, true), "");
  std::filesystem::remove_all(folder);
}

}  // namespace
