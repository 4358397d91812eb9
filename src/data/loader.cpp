// Loader.
#include "data/loader.hpp"

#include <fmt/format.h>

#include <chrono>

#include "backend/pinning.hpp"
#include "base/error.hpp"

namespace jespr::data {

Loader::Loader(Assemble assemble, std::int64_t first, std::int64_t end, int ahead)
    : assemble_(std::move(assemble)),
      working_(first),
      end_(end),
      ahead_(static_cast<std::size_t>(ahead)),
      thread_([this] { work(); }) {}

Loader::~Loader() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void Loader::work() {
  use_all_cores();  // not that of the thread that computes
  while (assemble_one()) {
  }
  {
    const std::lock_guard lock(mutex_);
    done_ = true;
  }
  changed_.notify_all();
}

/// Assembles the next step once there is room for it; false when there is none to assemble.
bool Loader::assemble_one() {
  if (working_ >= end_) return false;
  {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return stop_ || finished_.size() < ahead_; });
    if (stop_) return false;
  }
  StepRows rows;
  std::exception_ptr failure;
  try {
    rows = assemble_(working_);
  } catch (const Error&) {
    failure = std::current_exception();
  } catch (const std::exception& error) {
    failure = std::make_exception_ptr(
        Error(Exit::runtime, fmt::format("loader, step {}: {}", working_, error.what())));
  }
  ++working_;
  {
    const std::lock_guard lock(mutex_);
    if (failure)
      failure_ = failure;
    else
      finished_.push_back(std::move(rows));
  }
  changed_.notify_all();
  return !failure;
}

StepRows Loader::next() {
  const auto began = std::chrono::steady_clock::now();
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return done_ || !finished_.empty(); });
  wait_seconds_ = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  if (finished_.empty()) {
    if (failure_) std::rethrow_exception(failure_);
    fail(Exit::runtime, fmt::format("loader: asked for step {}, the last is {}", end_, end_ - 1));
  }
  StepRows rows = std::move(finished_.front());
  finished_.pop_front();
  lock.unlock();
  changed_.notify_all();
  return rows;
}

}  // namespace jespr::data
