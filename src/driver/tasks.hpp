// From the command line to a task: what main does between the session's start and end.
#pragma once

#include "backend/communicator.hpp"
#include "base/error.hpp"
#include "deck/command_line.hpp"

namespace jespr {

/// Does what the command line asks for. Collective. Failure: Error.
Exit run_command(const deck::CommandLine& command, const Communicator& communicator);

}  // namespace jespr
