#!/bin/bash
# Several GPU nodes: one rank per GPU on each. The program is that of the preset `cuda`.
#
#   sbatch --nodes=8 jobscripts/gpu_nodes.sh input.deck [group.key=value ...]
#
# Ranks = nodes x GPUs; with reduction = 'exact' a power of two. &batch shards must be a multiple of
# the ranks: keep it at the largest number of GPUs that the run shall ever have, then it can go on
# with fewer, bit for bit. The deck, the dataset and the results lie on a file system that all
# nodes share.
#SBATCH --job-name=jespr
#SBATCH --nodes=4
#SBATCH --ntasks-per-node=4       # ranks of a node: as many as GPUs
#SBATCH --gpus-per-node=4
#SBATCH --cpus-per-task=8
#SBATCH --exclusive
#SBATCH --time=24:00:00
#SBATCH --output=%x-%j.log
set -euo pipefail

# module load cuda openmpi hdf5   # what the program was built with; it must be in PATH
export OMP_NUM_THREADS=${SLURM_CPUS_PER_TASK:-1}
export OMP_PROC_BIND=close OMP_PLACES=cores

# Some sites need the launcher named: srun --mpi=pmix (srun --mpi=list shows which there are).
# --kill-on-bad-exit: a lost rank ends the step at once; the run goes on from its last checkpoint.
exec srun --cpus-per-task="${SLURM_CPUS_PER_TASK:-1}" --cpu-bind=cores --gpu-bind=none \
  --kill-on-bad-exit=1 jespr "$@"
