// Refusal of values that nothing reads: a deck that changes a parameter expects it to act.
#pragma once

#include <functional>
#include <string>
#include <utility>

#include "deck/schema.hpp"

namespace jespr::deck {

/// Adds the check that `variable`, which parameter `key` of `group` sets, is left at what it holds
/// now (its default) unless `is_read()`, asked after the whole deck was read. `readers` says when
/// it is read: "schedule = 'cyclic'". A deck may repeat the default anywhere, as processed ones do.
template <class T>
void has_effect_if(Group& group, const std::string& key, const T& variable,
                   std::function<bool()> is_read, const std::string& readers) {
  group.check(key, [&variable, initial = variable, is_read = std::move(is_read), readers] {
    return variable == initial || is_read()
               ? std::string()
               : "has no effect here: it is read with " + readers + " alone; drop it";
  });
}

}  // namespace jespr::deck
