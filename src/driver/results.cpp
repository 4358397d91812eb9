// Results of a task.
#include "driver/results.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "io/files.hpp"

namespace jespr {

void keep_results(const std::string& group, const std::vector<std::string>& files, bool overwrite,
                  const Communicator& communicator) {
  if (overwrite) return;
  std::string found;
  if (communicator.is_root()) {
    const auto first = std::find_if(files.begin(), files.end(), io::file_exists);
    if (first != files.end()) found = *first;
  }
  found = communicator.broadcast(found);
  if (!found.empty())
    fail(Exit::deck,
         found + " exists; name another &" + group + " output, or set overwrite = .true.");
}

}  // namespace jespr
