// Context: what a layer needs beside its input: memory, products, the random state of dropout, the
// timers, and an observer that may look at named intermediates (tests, statistics).
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "backend/products.hpp"
#include "base/philox.hpp"
#include "base/timer.hpp"
#include "tensor/arena.hpp"
#include "tensor/loops.hpp"

namespace jespr {

/// Sees intermediates by name: forward values as "layer_01", gradients as "d layer_01".
/// Values are passed as f64 host copies: for tests and statistics, not for speed.
using Observer = std::function<void(const std::string& name, const std::vector<double>& values,
                                    const std::vector<std::size_t>& shape)>;

/// Adds the time of a scope to a timer, the device's work included.
class Timed {
 public:
  Timed(Timers* timers, const char* name) : timers_(timers), name_(name) {}
  ~Timed() {
    if (!timers_) return;
    wait_for_device(name_);
    timers_->add(name_, timer_.seconds());
  }
  Timed(const Timed&) = delete;
  Timed& operator=(const Timed&) = delete;

 private:
  Timers* timers_;
  const char* name_;
  Timer timer_;
};

struct Context {
  Workspace& saved;    // what backward needs
  Workspace& scratch;  // gradients and temporaries
  Products& products;

  Timers* timers = nullptr;          // null: nobody counts
  bool training = false;             // dropout acts
  PhiloxKey random{{0, 0}};          // (seed, step) of dropout and masking
  Observer observer = nullptr;       // empty: nobody looks
  std::string observed_prefix = "";  // in front of the names, e.g. "seq/"

  Timed time(const char* name) const { return Timed(timers, name); }

  template <class V>
  void observe(std::string_view name, const V& view) const {
    if (observer) show(observed_prefix + std::string(name), view);
  }
  template <class V>
  void observe_gradient(std::string_view name, const V& view) const {
    if (observer) show(observed_prefix + "d " + std::string(name), view);
  }

 private:
  template <class V>
  void show(const std::string& name, const V& view) const {
    const auto host = to_host(view);
    std::vector<std::size_t> shape;
    for (std::size_t d = 0; d < V::rank(); ++d) shape.push_back(view.extent(d));
    observer(name, std::vector<double>(host.begin(), host.end()), shape);
  }
};

}  // namespace jespr
