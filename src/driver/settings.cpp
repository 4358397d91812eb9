// All groups of the deck.
#include "driver/settings.hpp"

#include "deck/writer.hpp"

namespace jespr {

void declare(deck::Schema& schema, Settings& settings) {
  declare(schema, settings.run);
  declare(schema, settings.data);
  declare(schema, settings.model, settings.data, settings.batch);
  declare(schema, settings.batch);
  declare(schema, settings.optim, settings.model.loss);
  declare(schema, settings.validate, settings.model.loss);
  declare(schema, settings.checkpoint);
  declare(schema, settings.evaluate);
  declare(schema, settings.prepare);
  declare(schema, settings.benchmark);
}

std::string processed_deck(const Settings& settings) {
  Settings shown = settings;
  deck::Schema schema;
  declare(schema, shown);
  return deck::processed(schema);
}

}  // namespace jespr
