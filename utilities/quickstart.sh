#!/usr/bin/env bash
# From a fresh machine to a trained joint embedding, in one command: set-up, build, dataset from the
# shipped structure files, 250 steps of training on 2 ranks, evaluation, plots, and a check that the
# model has learned what it should.
#
#   utilities/quickstart.sh
#
# Everything is described by the decks input/quickstart*.deck; results go to run/. A second call
# continues, or ends at once, where the first one ended; remove run/ to start anew.
# Exit code 0 only if every expectation of the check is met.
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

# Makes the dataset if there is none or if what it is made from has changed: a list of the inputs
# and their digests lies beside it. A training that has begun with another one is not thrown away.
prepare_dataset() {
  local inputs
  inputs=$(cd "$root" && sha256sum input/quickstart_prepare.deck input/sample/*)
  if [ -e "$data" ]; then
    if [ "$inputs" = "$(cat "$data.inputs" 2> /dev/null)" ]; then
      echo "$data is there, made from the present sample"
      return
    fi
    if compgen -G "$run/*.h5" > /dev/null; then
      die "$data was not made from the present input/sample and deck, and
  $run was trained with it: move both away, or remove them and start anew:
  rm -r $data $run"
    fi
    echo "$data was not made from the present input/sample and deck: it is made again"
  fi
  launch "$root/input/quickstart_prepare.deck" prepare.overwrite=T
  echo "$inputs" > "$data.inputs"
}

phase set-up "packages and a private Python, if they lack"
"$root/utilities/setup.sh"
python=${JESPR_PYTHON:-$root/.venv/bin/python}
phase build "some minutes the first time"
build_preset cpu-release jespr
phase dataset "input/sample's structure files to one HDF5 file"
prepare_dataset
phase training "250 steps of 64 proteins on $ranks ranks, some minutes"
cat << END
  loss           symmetric InfoNCE, about ln 64 = 4.16 before anything is learned
  acc s>t, t>s   share of the batch whose structure is the nearest to its sequence, and back
  scale, lr, |g| logit scale, learning rate, norm of the gradient
  of peak        share of the matrix-product rate that was measured at the start

END
launch "$root/input/quickstart.deck"
phase evaluation "the best checkpoint on held-out proteins"
launch "$root/input/quickstart_evaluate.deck" evaluate.overwrite=T
phase plots
"$python" "$root/utilities/plot_history.py" "$run"
"$python" "$root/utilities/plot_retrieval.py" "$run/best"
phase check "has it learned? doc/evaluation.md says how to read these numbers"
learned=true
"$python" "$root/utilities/check_quickstart.py" "$run" || learned=false
phase

cat << END

$script: done in $(minutes $SECONDS) (minutes:seconds): $phase_times
  dataset      $data
  training     $run/log.txt, history.csv, validation.csv, history.h5
  model        $run/best.h5
  evaluation   $run/best/evaluation.json, evaluation.h5
  plots        $run/history.png
               $run/best/retrieval.png
'$program info FILE' describes each .h5 file. A second call continues where this one ended;
to start anew: rm -r $root/run
END
if ! $learned; then die "a check above FAILED: the model has not learned what it should"; fi
