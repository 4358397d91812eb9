// Declaration of group &classes.
#include "model/class_settings.hpp"

#include <algorithm>

#include "deck/effect.hpp"

namespace jespr {

std::vector<int> ClassSettings::levels() const {
  std::vector<int> numbers;
  for (std::size_t k = 0; !label.empty() && k < weights.size(); ++k)
    if (weights[k] > 0) numbers.push_back(static_cast<int>(k) + 1);
  return numbers;
}

std::vector<double> ClassSettings::level_weights() const {
  std::vector<double> used;
  for (const int level : levels()) used.push_back(weights[static_cast<std::size_t>(level - 1)]);
  return used;
}

void declare(deck::Schema& schema, ClassSettings& s, const LossSettings& loss) {
  auto& group = schema.group("classes",
                             "classes of proteins at the levels of a label, told from their joint "
                             "embeddings by linear heads, beside the loss");
  group.only_for({"train"});
  group.text("label", s.label,
             "label of the dataset whose parts between dots are the levels, as class, fold, "
             "superfamily and family of SCOP's a.1.1.2 or C.A.T.H; none given: no classes");
  group.reals("weights", s.weights, {.min = 0, .least = 1, .most = most_class_levels},
              "weight in the loss of each level, from the top: of the mean cross entropy of its "
              "classes divided by the logarithm of their number; 0: no head for this level");
  group.check("label", [&s, &loss]() -> std::string {
    if (!s.label.empty() && !loss.is_joint())
      return "classes are told from joint embeddings, which &loss kind = '" + loss.kind +
             "' does not train; drop it, or choose a joint kind and set mlm_weight or "
             "causal_weight";
    return s.label.empty() && loss.kind == "none"
               ? "&loss kind = 'none' learns classes alone; name a label, or choose another kind"
               : "";
  });
  deck::has_effect_if(
      group, "weights", s.weights, [&s] { return !s.label.empty(); }, "a label");
  group.check("weights", [&s]() -> std::string {
    return !s.label.empty() && s.levels().empty() ? "leaves no level; raise one, or drop the label"
                                                  : "";
  });
}

}  // namespace jespr
