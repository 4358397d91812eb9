#!/usr/bin/env bash
# Writes doc/golden_parity.md: the summaries of the tables that the golden tests leave in a build
# tree (run `ctest -R golden` there first).
# usage: utilities/golden_parity.sh [build tree, default build/cpu-release] [page]
set -euo pipefail
source_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
tables=${1:-$source_dir/build/cpu-release}/golden_parity
page=${2:-$source_dir/doc/golden_parity.md}
[[ -d $tables ]] || {
  echo "$0: no tables in $tables; run the golden tests there first" >&2
  exit 1
}
{
  cat <<'EOF'
# Parity with the recorded reference values

Every dataset of every file in tests/data/golden is compared with what this program computes, or
excluded for the reason given. The tests `ctest -R golden` fail when a bound does not hold or when a
dataset is in neither list, and write the table of every dataset to `golden_parity/` of the build
tree (of another set to its subfolder); this page holds the summaries of the shipped files, and
`utilities/golden_parity.sh` writes it. The tests fail when its counts are stale. Bounds:

| numbers | measure | bound |
|---|---|---|
| f64 | largest difference / largest value of the array | 1e-9 forward, 1e-8 gradients |
| f64, where the file stores f32 | the same | 1e-9 + 2^-24 |
| f32 | L2 norm of difference to f64 / its norm | max(10 x the reference's, 4 x 2^-24) |
| f32, loss of 50 steps, lr 2e-4 | as f64 | 2e-4 |
| gradients that are mathematically zero | L2 norm / norm of the whole gradient | as above |
| f32, tiny gradients | as other f32 | that of zero gradients, and less than 1: no wrong sign |
| bf16 forward | L2 norm of difference to f64 / its norm, of a product that may cancel / its vectors' norms | 1e-2 |
| bf16 direction | 1 - cosine of an embedding with that of f64 | 5e-4 |
| bf16 gradients | as bf16 forward; tiny and zero ones / norm of the whole gradient | 2^-5 sqrt(2 n) + sqrt(0.02 r / pi): n linear maps, r ReLUs in a row |
| inputs, parameters, graph | difference | 0 |
EOF
  for table in "$tables"/*.md; do
    echo
    sed '/^### Every dataset/,$d' "$table" | sed -e :a -e '/^\n*$/{$d;N;ba' -e '}'
  done
} > "$page"
echo "wrote $page"
