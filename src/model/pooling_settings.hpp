// What a deck says about the way from rows to one row per protein, of either encoder.
#pragma once

#include <cstdint>
#include <string>

#include "deck/schema.hpp"
#include "kernels/pooling.hpp"

namespace jespr {

Pooling pooling_of(const std::string& name);
inline bool learns_layers(const std::string& layer_weights) { return layer_weights == "learned"; }

/// Declares pooling, pooled_layers and layer_weights in the group of an encoder with so many
/// transformer blocks. All must outlive the schema.
void declare_pooling(deck::Group& group, std::string& pooling, std::int64_t& pooled_layers,
                     std::string& layer_weights, const std::int64_t& layers);

}  // namespace jespr
