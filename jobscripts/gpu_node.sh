#!/bin/bash
# One GPU node: one rank per GPU. The program is that of the preset `cuda`.
#
#   sbatch jobscripts/gpu_node.sh input.deck [group.key=value ...]
#
# &batch shards must be a multiple of the GPUs, e.g. 4 or 8 for 4 GPUs.
#SBATCH --job-name=jespr
#SBATCH --nodes=1
#SBATCH --ntasks-per-node=4       # ranks: as many as GPUs
#SBATCH --gpus-per-node=4
#SBATCH --cpus-per-task=8         # for the loader and the host side of a rank
#SBATCH --time=24:00:00
#SBATCH --output=%x-%j.log
set -euo pipefail

# module load cuda openmpi hdf5   # what the program was built with; it must be in PATH
export OMP_NUM_THREADS=${SLURM_CPUS_PER_TASK:-1}
export OMP_PROC_BIND=close OMP_PLACES=cores

# Every rank sees all GPUs of the node and takes the one of its own number on the node: ranks reach
# each other's memory directly only so.
exec srun --cpus-per-task="${SLURM_CPUS_PER_TASK:-1}" --cpu-bind=cores --gpu-bind=none jespr "$@"
