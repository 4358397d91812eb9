# The jobscripts are sound shell, warn as they say, and call the program by flags that it has.
# labels: quick
# processors: 1
# timeout: 60
set -euo pipefail
cd "$JESPR_SOURCE_DIR/jobscripts"
"$JESPR_PROGRAM" --template train > "$OLDPWD/train.deck"
count=0
for script in *.sh; do
  bash -n "$script"
  grep -q '^#SBATCH --time=' "$script" || { echo "$script: no time limit"; exit 1; }
  grep -Eq '^(exec )?srun .*' "$script" || { echo "$script: no srun"; exit 1; }
  grep -Eq '(^|\s)jespr "\$@"' "$script" || { echo "$script: does not start jespr"; exit 1; }
  # Every parameter that a script sets exists and takes that value.
  overrides=$(grep -v '^#' "$script" | grep -oE '\b[a-z]+\.[a-z_]+=[a-z0-9]+' || true)
  # shellcheck disable=SC2086
  "$JESPR_PROGRAM" --check "$OLDPWD/train.deck" data.dataset=sample.h5 $overrides > /dev/null
  count=$((count + 1))
done
[ "$count" -ge 4 ] || { echo "only $count jobscripts"; exit 1; }
grep -q '^#SBATCH --signal=B:USR1@120' restart_chain.sh
grep -q '^readonly stopped=4' restart_chain.sh
"$JESPR_PROGRAM" --help | grep -A 1 'exit codes' | grep -q '4 stopped on request'
"$JESPR_PROGRAM" --help run | grep -A 2 stop_signal | grep -q USR1
