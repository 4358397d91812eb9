# The jobscripts are sound shell, warn as they say, and call the program by flags that it has; the
# restart chain goes on whenever the program has stopped on request.
# labels: quick
# processors: 1
# timeout: 60
set -euo pipefail
folder=$PWD
cd "$JESPR_SOURCE_DIR/jobscripts"
"$JESPR_PROGRAM" --template train > "$folder/train.deck"
count=0
for script in *.sh; do
  bash -n "$script"
  grep -q '^#SBATCH --time=' "$script" || { echo "$script: no time limit"; exit 1; }
  grep -Eq '^(exec )?srun .*' "$script" || { echo "$script: no srun"; exit 1; }
  grep -Eq '(^|\s)jespr "\$@"' "$script" || { echo "$script: does not start jespr"; exit 1; }
  # Every parameter that a script sets exists and takes that value.
  overrides=$(grep -v '^#' "$script" | grep -oE '\b[a-z]+\.[a-z_]+=[a-z0-9]+' || true)
  # shellcheck disable=SC2086
  "$JESPR_PROGRAM" --check "$folder/train.deck" data.dataset=sample.h5 $overrides > /dev/null
  count=$((count + 1))
done
[ "$count" -ge 4 ] || { echo "only $count jobscripts"; exit 1; }
grep -q '^#SBATCH --signal=B:USR1@120' restart_chain.sh
grep -q '^readonly stopped=4' restart_chain.sh
"$JESPR_PROGRAM" --help | grep -A 1 'exit codes' | grep -q '4 stopped on request'
"$JESPR_PROGRAM" --help run | grep -A 2 stop_signal | grep -q USR1

# The chain with stand-ins for Slurm's commands: srun ends with code $1 when it is warned.
cd "$folder"
mkdir -p bin
cat > bin/srun << 'END'
#!/bin/bash
trap 'exit "$SRUN_CODE"' USR1
touch running
while true; do sleep 0.05; done
END
cat > bin/sbatch << 'END'
#!/bin/bash
echo "$JESPR_CHAIN_LINKS links, $*" > submitted
END
chmod +x bin/srun bin/sbatch

# warned CODE WANTED LINKS: the chain's exit code when srun ends with CODE after its warning.
warned() {
  local code=0
  rm -f running submitted
  SRUN_CODE=$1 JESPR_CHAIN_LINKS=$3 SLURM_JOB_ID=7 SLURM_JOB_NAME=chain PATH=$PWD/bin:$PATH \
    bash "$JESPR_SOURCE_DIR/jobscripts/restart_chain.sh" my.deck run.seed=3 > chain.log 2>&1 &
  local chain=$!
  until [ -e running ]; do sleep 0.05; done
  builtin kill -USR1 "$chain"
  wait "$chain" || code=$?
  [ "$code" -eq "$2" ] || { echo "chain ended with $code, expected $2"; cat chain.log; exit 1; }
}
# Slow traps: srun is gone before the script looks at it again.
kill() { builtin kill "$@" && if [ "$1" = -USR1 ]; then sleep 0.5; fi; }
for slow_trap in false true; do
  if $slow_trap; then export -f kill; fi
  warned 4 0 3
  grep -q '^2 links, --job-name=chain .*restart_chain.sh my.deck run.seed=3$' submitted
  warned 4 4 1
  [ ! -e submitted ] || { echo "the last link submitted another job"; exit 1; }
  warned 3 3 3
  [ ! -e submitted ] || { echo "a failure submitted another job"; exit 1; }
done
echo "$count jobscripts; the chain goes on after code 4 and only then"
