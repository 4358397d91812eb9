# Decks that must be right: those of input/, every template, and the processed deck of each.
# labels: quick
# processors: 1
# timeout: 120
set -euo pipefail

# A right deck is accepted, and its processed deck is accepted elsewhere and processed to itself.
check() {
  "$JESPR_PROGRAM" --check "$@" > first.txt
  mkdir -p elsewhere
  cp first.txt elsewhere/processed.deck
  "$JESPR_PROGRAM" --check elsewhere/processed.deck > second.txt
  diff <(grep -v '^!' first.txt) <(grep -v '^!' second.txt)
  grep -q '^&run$' first.txt
  echo "right: $*"
}

for deck in "$JESPR_SOURCE_DIR"/input/*.deck; do check "$deck"; done
for task in train evaluate prepare; do "$JESPR_PROGRAM" --template $task > template_$task.deck; done
check template_train.deck data.dataset=sample.h5
check template_evaluate.deck data.dataset=sample.h5 evaluate.checkpoint=best.h5
check template_prepare.deck prepare.sources=chains.tar prepare.dataset=sample.h5
