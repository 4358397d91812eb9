# doc/deck.md is what the program writes of its parameters today.
# labels: quick
# processors: 1
# timeout: 60
set -euo pipefail
"$JESPR_PROGRAM" --markdown > deck.md
if ! diff "$JESPR_SOURCE_DIR/doc/deck.md" deck.md; then
  echo "doc/deck.md is stale; run: build/cpu-release/bin/jespr --markdown > doc/deck.md"
  exit 1
fi
