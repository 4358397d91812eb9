# doc/golden_parity.md is what utilities/golden_parity.sh writes. The golden tests compare its
# counts with theirs; here the tables are made of the page itself, so that all around them shows.
# labels: quick
# processors: 1
# timeout: 60
set -euo pipefail
page=$JESPR_SOURCE_DIR/doc/golden_parity.md
rm -rf tables && mkdir -p tables/golden_parity
awk '/^## / { file = "tables/golden_parity/" $2 ".md" }
     file { print > file }' "$page"
for table in tables/golden_parity/*.md; do
  printf '\n### Every dataset\n\n| dataset | measure | error | bound |\n' >> "$table"
done
bash "$JESPR_SOURCE_DIR/utilities/golden_parity.sh" tables page.md > /dev/null
if ! diff "$page" page.md; then
  echo "doc/golden_parity.md is stale; run: ctest -R golden, then utilities/golden_parity.sh"
  exit 1
fi
