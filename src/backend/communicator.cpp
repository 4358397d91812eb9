// Communicator over MPI.
#include "backend/communicator.hpp"

#include <fmt/format.h>
#include <mpi.h>

#include <limits>

#include "backend/mpi_handle.hpp"
#include "base/error.hpp"

namespace jespr {
namespace {

template <class T>
MPI_Datatype datatype();
template <>
MPI_Datatype datatype<char>() {
  return MPI_CHAR;
}
template <>
MPI_Datatype datatype<std::uint8_t>() {
  return MPI_UINT8_T;
}
template <>
MPI_Datatype datatype<std::int32_t>() {
  return MPI_INT32_T;
}
template <>
MPI_Datatype datatype<std::int64_t>() {
  return MPI_INT64_T;
}
template <>
MPI_Datatype datatype<std::uint64_t>() {
  return MPI_UINT64_T;
}
template <>
MPI_Datatype datatype<float>() {
  return MPI_FLOAT;
}
template <>
MPI_Datatype datatype<double>() {
  return MPI_DOUBLE;
}

void check(int code, int rank, const char* call) {
  if (code == MPI_SUCCESS) return;
  char text[MPI_MAX_ERROR_STRING];
  int length = 0;
  MPI_Error_string(code, text, &length);
  fail(Exit::runtime, fmt::format("rank {}: {}: {}", rank, call, std::string(text, length)));
}

/// MPI 3 counts are int.
int count_of(std::size_t n) {
  if (n > static_cast<std::size_t>(std::numeric_limits<int>::max()))
    fail(Exit::runtime, fmt::format("a message of {} elements exceeds what one MPI call can carry "
                                    "(2^31 - 1); use more shards or a smaller batch",
                                    n));
  return static_cast<int>(n);
}

template <class T>
T reduce_one(const Communicator& communicator, T value, MPI_Op op, const char* call) {
  T result = value;
  check(MPI_Allreduce(&value, &result, 1, datatype<T>(), op, mpi_handle(communicator)),
        communicator.rank(), call);
  return result;
}

}  // namespace

Communicator::Communicator(std::shared_ptr<const Handle> handle) : handle_(std::move(handle)) {
  MPI_Comm_set_errhandler(handle_->comm, MPI_ERRORS_RETURN);
  check(MPI_Comm_rank(handle_->comm, &rank_), 0, "MPI_Comm_rank");
  check(MPI_Comm_size(handle_->comm, &size_), rank_, "MPI_Comm_size");
}

Communicator Communicator::world() {
  return Communicator(std::make_shared<const Handle>(Handle{.comm = MPI_COMM_WORLD}));
}

Communicator Communicator::self() {
  return Communicator(std::make_shared<const Handle>(Handle{.comm = MPI_COMM_SELF}));
}

void Communicator::barrier() const { check(MPI_Barrier(handle_->comm), rank_, "MPI_Barrier"); }

template <class T>
void Communicator::broadcast(std::span<T> data, int root) const {
  check(MPI_Bcast(data.data(), count_of(data.size()), datatype<T>(), root, handle_->comm), rank_,
        "MPI_Bcast");
}

std::string Communicator::broadcast(std::string text, int root) const {
  std::int64_t length = static_cast<std::int64_t>(text.size());
  broadcast(std::span(&length, 1), root);
  text.resize(static_cast<std::size_t>(length));
  broadcast(std::span(text.data(), text.size()), root);
  return text;
}

template <class T>
std::vector<T> Communicator::all_gather(std::span<const T> block) const {
  const std::int64_t mine = static_cast<std::int64_t>(block.size());
  std::vector<std::int64_t> counts(static_cast<std::size_t>(size_));
  check(MPI_Allgather(&mine, 1, MPI_INT64_T, counts.data(), 1, MPI_INT64_T, handle_->comm), rank_,
        "MPI_Allgather");
  std::size_t total = 0;
  for (std::int64_t count : counts) total += static_cast<std::size_t>(count);
  std::vector<T> all(total);
  all_gather(block, std::span<T>(all), std::span<const std::int64_t>(counts));
  return all;
}

template <class T>
void Communicator::all_gather(std::span<const T> block, std::span<T> all,
                              std::span<const std::int64_t> counts) const {
  std::vector<int>&lengths = handle_->lengths, &starts = handle_->starts;
  lengths.resize(counts.size());
  starts.resize(counts.size());
  std::size_t total = 0;
  for (std::size_t r = 0; r < counts.size(); ++r) {
    lengths[r] = count_of(static_cast<std::size_t>(counts[r]));
    starts[r] = count_of(total);
    total += static_cast<std::size_t>(counts[r]);
  }
  check(MPI_Allgatherv(block.data(), count_of(block.size()), datatype<T>(), all.data(),
                       lengths.data(), starts.data(), datatype<T>(), handle_->comm),
        rank_, "MPI_Allgatherv");
}

std::vector<std::string> Communicator::all_gather(const std::string& text) const {
  const std::int64_t length = static_cast<std::int64_t>(text.size());
  const auto lengths = all_gather(std::span<const std::int64_t>(&length, 1));
  const auto characters = all_gather(std::span<const char>(text.data(), text.size()));
  std::vector<std::string> texts;
  std::size_t start = 0;
  for (std::int64_t n : lengths) {
    texts.emplace_back(characters.data() + start, static_cast<std::size_t>(n));
    start += static_cast<std::size_t>(n);
  }
  return texts;
}

template <class T>
void Communicator::sum(std::span<T> data) const {
  check(MPI_Allreduce(MPI_IN_PLACE, data.data(), count_of(data.size()), datatype<T>(), MPI_SUM,
                      handle_->comm),
        rank_, "MPI_Allreduce");
}

template <class T>
T Communicator::sum(T value) const {
  return reduce_one(*this, value, MPI_SUM, "MPI_Allreduce(sum)");
}

template <class T>
T Communicator::max(T value) const {
  return reduce_one(*this, value, MPI_MAX, "MPI_Allreduce(max)");
}

template <class T>
T Communicator::min(T value) const {
  return reduce_one(*this, value, MPI_MIN, "MPI_Allreduce(min)");
}

std::int64_t Communicator::exclusive_prefix_sum(std::int64_t value) const {
  std::int64_t before = 0;
  check(MPI_Exscan(&value, &before, 1, MPI_INT64_T, MPI_SUM, handle_->comm), rank_, "MPI_Exscan");
  return rank_ == 0 ? 0 : before;  // MPI leaves rank 0's undefined
}

template <class T>
void Communicator::exchange(std::span<const T> mine, std::span<T> theirs, int partner) const {
  constexpr int tag = 1;
  check(MPI_Sendrecv(mine.data(), count_of(mine.size()), datatype<T>(), partner, tag, theirs.data(),
                     count_of(theirs.size()), datatype<T>(), partner, tag, handle_->comm,
                     MPI_STATUS_IGNORE),
        rank_, "MPI_Sendrecv");
}

std::pair<int, int> Communicator::rank_on_node() const {
  MPI_Comm node = MPI_COMM_NULL;
  check(MPI_Comm_split_type(handle_->comm, MPI_COMM_TYPE_SHARED, rank_, MPI_INFO_NULL, &node),
        rank_, "MPI_Comm_split_type");
  std::pair<int, int> place{0, 1};
  MPI_Comm_rank(node, &place.first);
  MPI_Comm_size(node, &place.second);
  MPI_Comm_free(&node);
  return place;
}

#define JESPR_INSTANTIATE(T)                                                      \
  template void Communicator::broadcast<T>(std::span<T>, int) const;              \
  template std::vector<T> Communicator::all_gather<T>(std::span<const T>) const;  \
  template void Communicator::all_gather<T>(std::span<const T>, std::span<T>,     \
                                            std::span<const std::int64_t>) const; \
  template void Communicator::exchange<T>(std::span<const T>, std::span<T>, int) const;
#define JESPR_INSTANTIATE_NUMBER(T)                       \
  JESPR_INSTANTIATE(T)                                    \
  template void Communicator::sum<T>(std::span<T>) const; \
  template T Communicator::sum<T>(T) const;               \
  template T Communicator::max<T>(T) const;               \
  template T Communicator::min<T>(T) const;
JESPR_INSTANTIATE(char)
JESPR_INSTANTIATE(std::uint8_t)
JESPR_INSTANTIATE_NUMBER(std::int32_t)
JESPR_INSTANTIATE_NUMBER(std::int64_t)
JESPR_INSTANTIATE_NUMBER(std::uint64_t)
JESPR_INSTANTIATE_NUMBER(float)
JESPR_INSTANTIATE_NUMBER(double)
#undef JESPR_INSTANTIATE_NUMBER
#undef JESPR_INSTANTIATE

}  // namespace jespr
