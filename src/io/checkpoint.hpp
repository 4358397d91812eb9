// Checkpoints: anything that has a `state(visitor)` goes to /state of an HDF5 file and comes back
// through the same function, so that writing and reading cannot drift apart. /info beside it says
// when, where and by what program; it is not part of what two runs are compared by.
//
//   template <class Visitor> void state(Visitor& v) {
//     v.number("step", step);                               // std::int64_t
//     v.real("best/loss", best_loss);                       // double
//     v.tensor("parameters/" + name, shape, device_vector); // float or double
//   }
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "backend/communicator.hpp"
#include "io/files.hpp"
#include "io/hdf5.hpp"
#include "tensor/views.hpp"

namespace jespr::io {

/// First pass of writing: makes the datasets, so that all disk space is taken before any is filled.
class StateLayout {
 public:
  explicit StateLayout(File& file) : file_(file) {}
  void number(const std::string& name, std::int64_t& value);
  void real(const std::string& name, double& value);
  template <class T>
  void tensor(const std::string& name, const std::vector<int>& shape, Vector<T> values);

 private:
  File& file_;
};

/// Second pass: each rank writes its share of the rows of every tensor. Collective.
class StateWriter {
 public:
  StateWriter(File& file, const Communicator& communicator)
      : file_(file), communicator_(communicator) {}
  void number(const std::string& name, std::int64_t& value);
  void real(const std::string& name, double& value);
  template <class T>
  void tensor(const std::string& name, const std::vector<int>& shape, Vector<T> values);

 private:
  File& file_;
  const Communicator& communicator_;
};

/// Reading: every rank on its own, everything. A dataset that is missing, or of another shape or
/// type than the program expects: Error (data).
class StateReader {
 public:
  explicit StateReader(const File& file) : file_(file) {}
  void number(const std::string& name, std::int64_t& value);
  void real(const std::string& name, double& value);
  template <class T>
  void tensor(const std::string& name, const std::vector<int>& shape, Vector<T> values);

 private:
  Dataset open(const std::string& name) const;
  const File& file_;
};

/// Texts of /info by name.
using Information = std::map<std::string, std::string>;

/// Parts of write_checkpoint that do not depend on the state.
File begin_checkpoint(const std::string& path, const Communicator& communicator,
                      const Information& information);
void finish_checkpoint(File file, const std::string& path, const Communicator& communicator);

/// Writes /state and /info to "PATH.part", syncs, reads back and compares digests, renames. An old
/// file of that name stays whole until then. Collective. Failure: Error (runtime).
template <class State>
void write_checkpoint(const std::string& path, const Communicator& communicator, State& state,
                      const Information& information) {
  File file = begin_checkpoint(path, communicator, information);
  StateLayout layout(file);
  state.state(layout);
  file.reserve_space();
  StateWriter writer(file, communicator);
  state.state(writer);
  finish_checkpoint(std::move(file), path, communicator);
}

/// "" when `path` is a sound checkpoint, else what is wrong with it, in one line, the same on all
/// ranks. Every byte of /state is read and compared with its digest. Collective.
std::string check_checkpoint(const std::string& path, const Communicator& communicator);

/// The same for a file that initial weights are read from: a checkpoint, or imported weights, which
/// have /state/parameters as one has and of the rest of /state no more than /state/form.
std::string check_weights(const std::string& path, const Communicator& communicator);

/// Reads the state of a checkpoint that check_checkpoint found sound. Failure: Error (data).
template <class State>
void read_checkpoint(const std::string& path, State& state) {
  const File file = File::open(path);
  StateReader reader(file);
  state.state(reader);
}

/// A text of /info. Failure: Error (data).
std::string read_information(const std::string& path, const std::string& name);

}  // namespace jespr::io
