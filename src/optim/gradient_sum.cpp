// GradientSum: a binary counter of partial sums, then recursive doubling.
#include "optim/gradient_sum.hpp"

#include <algorithm>
#include <bit>

#include "backend/device_communicator.hpp"
#include "kernels/adam.hpp"
#include "tensor/loops.hpp"

namespace jespr {
namespace {

constexpr std::size_t message_elements = std::size_t(1) << 24;  // per exchange, bounds the buffer

}  // namespace

template <class Real>
GradientSum<Real>::GradientSum(std::size_t size, int local_shards) {
  // 2^k shards need k partial sums; any other number one more for what is left over.
  const unsigned shards = static_cast<unsigned>(local_shards);
  const int levels =
      static_cast<int>(std::bit_width(shards)) - (std::has_single_bit(shards) ? 1 : 0);
  for (int k = 0; k < levels; ++k) levels_.emplace_back("partial gradient sum", size);
  occupied_.assign(static_cast<std::size_t>(levels), false);
}

template <class Real>
void GradientSum<Real>::add(Vector<Real> gradient) {
  std::size_t k = 0;
  for (; k < levels_.size() && occupied_[k]; ++k) {
    kernels::add_to<Real>(gradient, levels_[k]);
    occupied_[k] = false;
  }
  complete_ = k == levels_.size();
  if (complete_) return;
  copy(levels_[k], gradient);
  occupied_[k] = true;
}

template <class Real>
void GradientSum<Real>::finish(Context& context, const Communicator& communicator,
                               Reduction reduction, Vector<Real> gradient) {
  bool first = !complete_;
  for (std::size_t k = 0; k < levels_.size(); ++k) {
    if (!occupied_[k]) continue;
    if (first)
      copy(gradient, levels_[k]);
    else
      kernels::add_to<Real>(gradient, levels_[k]);
    first = false;
    occupied_[k] = false;
  }
  complete_ = false;
  if (communicator.size() == 1) return;

  const std::size_t chunk = std::min(message_elements, gradient.size());
  Scope scope(context.scratch);
  const Vector<Real> received = context.scratch.template vector<Real>(chunk);
  const DeviceCommunicator device(communicator);
  for (std::size_t begin = 0; begin < gradient.size(); begin += chunk) {
    const std::size_t length = std::min(chunk, gradient.size() - begin);
    const Vector<Real> part(gradient.data() + begin, length);
    if (reduction == Reduction::fast) {
      device.sum(part.data(), length);
      continue;
    }
    const Vector<Real> other(received.data(), length);
    for (int distance = 1; distance < communicator.size(); distance *= 2) {
      wait_for_device("gradient exchange");
      device.exchange(part.data(), other.data(), length, communicator.rank() ^ distance);
      kernels::add_to(part, other);
    }
  }
}

template <class Real>
std::size_t GradientSum<Real>::bytes() const {
  std::size_t bytes = 0;
  for (const Owned& level : levels_) bytes += level.size() * sizeof(Real);
  return bytes;
}

template class GradientSum<float>;
template class GradientSum<double>;

}  // namespace jespr
