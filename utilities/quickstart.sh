#!/usr/bin/env bash
# From a fresh machine to a trained joint embedding, in one command: set-up, build, dataset from the
# shipped structure files, 250 steps of training on 2 ranks, evaluation, plots.
#
#   utilities/quickstart.sh
#
# Everything is described by the decks input/quickstart*.deck; results go to run/. A second call
# continues, or ends at once, where the first one ended; remove run/ to start anew.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/phases.sh"

ranks=2
data=$root/run/sample.h5
run=$root/run/quickstart
program=$root/build/cpu-release/bin/jespr

# One thread per rank; ranks are not bound, so that two runs at once do not fight for one core.
# As root (containers), and with fewer cores than ranks, OpenMPI wants to be asked for it.
launch() {
  local allow=()
  if [ "$(id -u)" -eq 0 ]; then allow=(--allow-run-as-root); fi
  OMP_NUM_THREADS=1 OMP_PROC_BIND=false mpirun "${allow[@]}" --oversubscribe --bind-to none \
    -n "$ranks" "$program" "$@"
}

phase set-up
"$root/utilities/setup.sh"
python=${JESPR_PYTHON:-$root/.venv/bin/python}
phase build
build_preset cpu-release
phase dataset
if [ ! -e "$data" ]; then launch "$root/input/quickstart_prepare.deck"; fi
phase training
launch "$root/input/quickstart.deck"
phase evaluation
launch "$root/input/quickstart_evaluate.deck" evaluate.overwrite=T
phase plots
"$python" "$root/utilities/plot_history.py" "$run"
"$python" "$root/utilities/plot_retrieval.py" "$run/best"
phase

cat << END

$script: done in $(minutes $SECONDS): $phase_times
  dataset      $data
  training     $run/log.txt, history.csv, best.h5 (jespr info FILE describes them)
  evaluation   $run/best/evaluation.json, evaluation.h5
  plots        $run/history.png, $run/best/retrieval.png
END
