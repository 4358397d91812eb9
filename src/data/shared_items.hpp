// The items of the sources as all ranks see them, and each rank's share.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "backend/communicator.hpp"
#include "data/items.hpp"

namespace jespr::data {

/// The items of the sources, listed by the root alone and known to all ranks. Collective.
std::vector<Item> list_shared_items(const std::vector<std::string>& sources,
                                    const Communicator& communicator);

/// The items of this rank: consecutive ones, so that the order of chains does not depend on the
/// ranks, and of about equal size in all.
std::span<const Item> share(const std::vector<Item>& items, const Communicator& communicator);

}  // namespace jespr::data
