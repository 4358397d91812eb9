// Every query against a whole gallery, by tiles of scores: where the true partner ranks, and how
// evenly points lie on the sphere. No array of queries x gallery is ever made.
#pragma once

#include "tensor/context.hpp"
#include "tensor/views.hpp"

namespace jespr::kernels {

/// Rows of a score tile. A caller that gives queries in blocks that start at multiples of it gets
/// the same bits, however many processes share the blocks.
inline constexpr int query_block = 192;

/// Scores nearer than this are tied. They are f64 products of rows of length 1, exact to J units in
/// the last place: equal rows always tie, whatever the order of summation in a library.
inline constexpr double tie_width = 1e-12;

/// score_ij = x_i . y_j in f64; query i's partner is gallery row p = first + i.
/// higher[i] = #{j != p: score_ij > score_ip}, tied[i] = #{j != p: score_ij = score_ip}.
/// queries [n, J], gallery [m, J]; higher, tied [n]. A score that is not a number counts as higher.
template <class T>
void rank_partners(Context& context, Matrix<T> queries, Matrix<T> gallery, int first,
                   Vector<int> higher, Vector<int> tied);

/// losses[i] = log sum_j exp(scale (x_i . y_j - x_i . y_p)), partner p = first + i: the cross
/// entropy of query i over the whole gallery, in f64. queries [n, J], gallery [m, J], losses [n].
template <class T>
void partner_losses(Context& context, Matrix<T> queries, Matrix<T> gallery, int first, double scale,
                    Vector<double> losses);

/// sums[i] = sum over j != first + i of exp(-2 |x_i - y_j|^2), for rows of length 1: the term of
/// the uniformity of Wang & Isola 2020 (arXiv:2005.10242), t = 2. points [n, J], all [m, J].
template <class T>
void gaussian_potentials(Context& context, Matrix<T> points, Matrix<T> all, int first,
                         Vector<double> sums);

/// distances[i] = |x_i - y_i|^2 in f64: the term of their alignment. x, y [n, J].
template <class T>
void squared_distances(Matrix<T> x, Matrix<T> y, Vector<double> distances);

}  // namespace jespr::kernels
