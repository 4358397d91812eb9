// Recorded losses.
#include "support/recorded_losses.hpp"

#include <fstream>
#include <sstream>

#include "support/paths.hpp"

namespace jespr::test {

const std::map<std::string, std::vector<double>>& recorded_losses() {
  static const auto arrays = [] {
    std::map<std::string, std::vector<double>> found;
    std::ifstream file(source_dir() / "tests/data/losses.txt");
    for (std::string line; std::getline(file, line);) {
      std::istringstream words(line);
      std::string name;
      words >> name;
      for (double number = 0; words >> number;) found[name].push_back(number);
    }
    return found;
  }();
  return arrays;
}

}  // namespace jespr::test
