// Items on many ranks.
#include "data/shared_items.hpp"

#include <cstdint>

namespace jespr::data {
namespace {

std::string pack(const std::vector<Item>& items) {
  std::string text;
  for (const Item& item : items)
    for (const std::string& field :
         {item.path, item.member, std::to_string(item.place), std::to_string(item.bytes),
          item.problem, item.title, item.selection, std::to_string(item.is_named)})
      text += field + '\0';
  return text;
}

std::vector<Item> unpack(const std::string& text) {
  std::vector<Item> items;
  std::size_t begin = 0;
  const auto field = [&] {
    const std::size_t end = text.find('\0', begin);
    const std::string value = text.substr(begin, end - begin);
    begin = end + 1;
    return value;
  };
  while (begin < text.size()) {
    Item item;
    item.path = field();
    item.member = field();
    item.place = std::stoull(field());
    item.bytes = std::stoull(field());
    item.problem = field();
    item.title = field();
    item.selection = field();
    item.is_named = field() == "1";
    items.push_back(std::move(item));
  }
  return items;
}

}  // namespace

std::vector<Item> list_shared_items(const std::vector<std::string>& sources,
                                    const Communicator& communicator) {
  return unpack(
      communicator.broadcast(communicator.is_root() ? pack(list_items(sources)) : std::string()));
}

std::span<const Item> share(const std::vector<Item>& items, const Communicator& communicator) {
  std::uint64_t total = 0;
  for (const Item& item : items) total += item.bytes + 1;
  const auto first_of = [&](int rank) {
    const std::uint64_t goal =
        total * static_cast<std::uint64_t>(rank) / static_cast<std::uint64_t>(communicator.size());
    std::uint64_t sum = 0;
    std::size_t i = 0;
    while (i < items.size() && sum + (items[i].bytes + 1) / 2 < goal) sum += items[i++].bytes + 1;
    return i;
  };
  const std::size_t begin = first_of(communicator.rank());
  const std::size_t end = communicator.rank() + 1 == communicator.size()
                              ? items.size()
                              : first_of(communicator.rank() + 1);
  return std::span(items).subspan(begin, end - begin);
}

}  // namespace jespr::data
