// Errors that a user can meet: the one place that throws.
#include "base/error.hpp"

namespace jespr {

void fail(Exit code, std::string message) { throw Error(code, std::move(message)); }

}  // namespace jespr
