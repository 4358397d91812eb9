// task = 'benchmark': how fast this build is on this machine, with the model and the proteins of
// the deck. doc/performance.md says what each number means.
#pragma once

#include "backend/communicator.hpp"
#include "driver/settings.hpp"

namespace jespr {

/// Measures the parts that &benchmark names; table in the log, everything in benchmark.json.
void benchmark(const Settings& settings, const DeckText& deck, const Communicator& communicator);

}  // namespace jespr
