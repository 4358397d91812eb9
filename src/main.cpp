// JESPR: the program. One executable, one deck: `srun jespr input.deck`.
#include <cstdio>
#include <exception>
#include <string>

#include "backend/session.hpp"
#include "base/error.hpp"
#include "deck/command_line.hpp"
#include "driver/stop_request.hpp"
#include "driver/tasks.hpp"

namespace {

using namespace jespr;

/// Says what is wrong, once, and ends all ranks: the others give the root the time to speak first.
/// After a failure while running, a file may be left half written, over which the I/O library would
/// stumble in an orderly end: so that is no way to end even for a rank that is alone.
int give_up(const Session& session, Exit code, const std::string& message) {
  const bool orderly = session.world().size() == 1 && code != Exit::runtime;
  if (!session.world().is_root()) Session::wait_for_root();
  const std::string who =
      session.world().is_root() ? "" : "rank " + std::to_string(session.world().rank()) + ": ";
  std::fprintf(stderr, "%s%s\n", who.c_str(), message.c_str());
  std::fflush(stderr);
  if (!orderly) Session::abort(static_cast<int>(code));
  return static_cast<int>(code);
}

int run(Session& session, int argc, char** argv) {
  try {
    const deck::CommandLine command = deck::parse_command_line(argc, argv);
    return static_cast<int>(run_command(command, session.world()));
  } catch (const Error& error) {
    return give_up(session, error.code(), error.what());
  } catch (const std::exception& error) {
    return give_up(session, Exit::runtime, std::string("unexpected failure: ") + error.what());
  }
}

}  // namespace

int main(int argc, char** argv) {
  StopRequest::hold_signals();
  try {
    Session session(argc, argv);
    return run(session, argc, argv);
  } catch (const Error& error) {  // MPI or the device did not start
    std::fprintf(stderr, "%s\n", error.what());
    return static_cast<int>(error.code());
  }
}
