// The values of losses and their gradients that tests/run/loss_values.py computes in f64.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace jespr::test {

/// Arrays by name from tests/data/losses.txt.
const std::map<std::string, std::vector<double>>& recorded_losses();

}  // namespace jespr::test
