// One update of Adam or AdamW on flat buffers, with the average of the parameters, and the norm of
// a flat buffer.
#pragma once

#include <cstddef>
#include <vector>

#include "tensor/arena.hpp"
#include "tensor/views.hpp"

namespace jespr::kernels {

/// Constants of one update for parameters that are treated alike.
struct AdamStep {
  double rate;            // learning rate
  double beta1, beta2;    // decay of the moments
  double eps;             // outside the root
  double shrink;          // AdamW: factor on the parameter before the update, 1 - rate * decay
  double gradient_decay;  // Adam: L2 term added to the gradient, decay * parameter
  double gradient_scale;  // of clipping
  double correction1;     // 1 - beta1^t
  double correction2;     // 1 - beta2^t
  double average_decay;   // of the average of the parameters, where one is kept
};

/// Elements [begin, begin + length) of the flat buffers, and which constants are theirs.
struct AdamRun {
  std::size_t begin;
  int length, step;
};
/// Elements [begin, begin + size) in pieces of at most 4096: the work of a thread, or of a warp.
void add_adam_runs(std::vector<AdamRun>& runs, std::size_t begin, std::size_t size, int step);

/// For the elements of each run, with its constants:
/// g' = gradient_scale g + gradient_decay p; p *= shrink; m = beta1 m + (1 - beta1) g';
/// v = beta2 v + (1 - beta2) g'^2; p -= rate (m / correction1) / (sqrt(v / correction2) + eps).
/// Kingma & Ba 2015, arXiv:1412.6980; Loshchilov & Hutter 2019, arXiv:1711.05101. Other elements
/// stay as they are. Then a += (1 - average_decay) (p - a), unless a is empty. One pass over all
/// parameters. p, g, m, v, a [n].
template <class T>
void adam_update(Vector<const AdamRun> runs, Vector<const AdamStep> steps, Vector<T> p, Vector<T> g,
                 Vector<T> m, Vector<T> v, Vector<T> a);

/// x, y = y, x, both [n].
template <class T>
void swap_values(Vector<T> x, Vector<T> y);

/// sum_i x_i^2 in f64: blocks of fixed size, added in their order.
template <class T>
double sum_of_squares(Workspace& scratch, Vector<T> x);

/// x += y, both [n].
template <class T>
void add_to(Vector<T> x, Vector<T> y);

/// p = min(p, largest), [n].
template <class T>
void clamp_above(Vector<T> p, T largest);

}  // namespace jespr::kernels
