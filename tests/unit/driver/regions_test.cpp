// A profiler sees the parts of a training step as nested regions.
#include <gtest/gtest.h>

#include <Kokkos_Core.hpp>
#include <algorithm>
#include <string>
#include <vector>

#include "driver/training_step.hpp"
#include "support/small_model.hpp"
#include "tensor/profiling.hpp"
#include "unit/data/chains.hpp"

namespace {

using namespace jespr;
using namespace jespr::test;

std::vector<std::string> open_regions, seen_regions;  // "outer/inner"
int closed_too_often = 0;

void push(const char* name) {
  open_regions.emplace_back(name);
  std::string path;
  for (const std::string& region : open_regions) path += (path.empty() ? "" : "/") + region;
  seen_regions.push_back(path);
}

void pop() {
  if (open_regions.empty()) ++closed_too_often;
  if (!open_regions.empty()) open_regions.pop_back();
}

/// The callbacks, from here to the end of the scope.
struct Profiler {
  Profiler() {
    open_regions.clear();
    seen_regions.clear();
    closed_too_often = 0;
    Kokkos::Tools::Experimental::set_push_region_callback(push);
    Kokkos::Tools::Experimental::set_pop_region_callback(pop);
  }
  ~Profiler() {
    Kokkos::Tools::Experimental::set_push_region_callback(nullptr);
    Kokkos::Tools::Experimental::set_pop_region_callback(nullptr);
  }
  Profiler(const Profiler&) = delete;
  Profiler& operator=(const Profiler&) = delete;
};

TEST(Regions, NestAndEndWithTheirScope) {
  {
    const Profiler profiler;
    {
      const Region outer("outer");
      { const Region inner("inner"); }
      const Region other("other");
    }
    EXPECT_EQ(seen_regions, (std::vector<std::string>{"outer", "outer/inner", "outer/other"}));
    EXPECT_TRUE(open_regions.empty());
    EXPECT_EQ(closed_too_often, 0);
  }
  seen_regions.clear();
  { const Region unseen("unseen"); }
  EXPECT_TRUE(seen_regions.empty());
}

TEST(Regions, ShowEveryPartOfATrainingStep) {
  Settings settings;
  settings.batch.shards = 2;
  settings.batch.proteins = 4;
  settings.model = small_model(1, 16, 0.1);
  const Communicator self = Communicator::self();
  TrainingStep<F32> step(settings, self, Products::libraries<float>().back());
  std::vector<data::ShardRows> shards(2);
  constexpr int length = 12;
  for (int identity = 0; identity < 4; ++identity)
    data::append_protein(shards[static_cast<std::size_t>(identity / 2)], identity,
                         data::made_up_protein(identity, length), data::whole_chain(length));
  const Profiler profiler;
  step.take(0, shards, {{2, 2}, 0, 2}, 0);
  EXPECT_TRUE(open_regions.empty());
  const auto times_seen = [](const std::string& part) {
    return std::count(seen_regions.begin(), seen_regions.end(), "training step/" + part);
  };
  for (const char* part :
       {"sequence forward", "structure forward", "sequence backward", "structure backward"})
    EXPECT_EQ(times_seen(part), 2) << part;
  EXPECT_EQ(times_seen("loss"), 1);
  EXPECT_EQ(times_seen("gradient reduction"), 3);  // two shards, and over ranks
  EXPECT_EQ(times_seen("optimizer"), 1);
}

}  // namespace
