#!/bin/bash
# A run longer than a job may be: each job ends with a checkpoint and submits the next one.
#
#   sbatch jobscripts/restart_chain.sh input.deck [group.key=value ...]
#
# Two minutes before its time limit Slurm warns this script by SIGUSR1. The program finishes its
# step, writes a checkpoint and ends with exit code 4: stopped on request, restartable. Then the
# next job is submitted, which continues from the newest sound checkpoint to the same bits as one
# long job would have reached. Choose the warning longer than a step, a validation and a checkpoint
# take.
#
# Options given to the first sbatch do not reach the next jobs: write them here, or export them as
# SBATCH_* variables. At most JESPR_CHAIN_LINKS jobs follow each other (default 100).
#SBATCH --job-name=jespr
#SBATCH --nodes=1
#SBATCH --ntasks-per-node=2
#SBATCH --cpus-per-task=1
#SBATCH --time=24:00:00
#SBATCH --signal=B:USR1@120       # B: to this script alone; for the program it is passed on below
#SBATCH --open-mode=append
#SBATCH --output=%x-%j.log
set -uo pipefail

readonly stopped=4  # exit code of the program
links=${JESPR_CHAIN_LINKS:-100}
export OMP_NUM_THREADS=${SLURM_CPUS_PER_TASK:-1}

# In the background, because the shell looks at signals only between commands or while it waits.
srun --cpus-per-task="${SLURM_CPUS_PER_TASK:-1}" --kill-on-bad-exit=1 \
  jespr "$@" checkpoint.restart=auto &
step=$!
trap 'echo "job $SLURM_JOB_ID: warned, asking the program to stop"; kill -USR1 "$step"' USR1
trap 'kill -TERM "$step"' TERM

# A trapped signal ends `wait` early: wait again as long as srun is there. How srun ended is asked
# only then, because it may end while the trap runs.
while kill -0 "$step" 2> /dev/null; do
  wait "$step"
done
wait "$step"
code=$?

if [ "$code" -ne "$stopped" ]; then
  echo "job $SLURM_JOB_ID: the program ended with exit code $code, the chain ends here"
  exit "$code"
fi
if [ "$links" -le 1 ]; then
  echo "job $SLURM_JOB_ID: stopped, but JESPR_CHAIN_LINKS jobs are through: submit again to go on"
  exit "$code"
fi
export JESPR_CHAIN_LINKS=$((links - 1))
sbatch --job-name="$SLURM_JOB_NAME" "$0" "$@" || exit "$code"
