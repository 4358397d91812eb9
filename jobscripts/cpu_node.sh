#!/bin/bash
# One CPU node: one rank per socket, OpenMP threads on its cores.
#
#   sbatch jobscripts/cpu_node.sh input.deck [group.key=value ...]
#
# &batch shards must be a multiple of the ranks; with reduction = 'exact' both are powers of two,
# and the number of ranks does not change a bit of the result as long as each has as many threads.
#SBATCH --job-name=jespr
#SBATCH --nodes=1
#SBATCH --ntasks-per-node=2       # ranks: one per socket (or per NUMA domain)
#SBATCH --cpus-per-task=32        # cores of a socket
#SBATCH --exclusive
#SBATCH --time=24:00:00
#SBATCH --output=%x-%j.log
set -euo pipefail

# module load openmpi hdf5        # what the program was built with; it must be in PATH
export OMP_NUM_THREADS=${SLURM_CPUS_PER_TASK:-1}
export OMP_PROC_BIND=close OMP_PLACES=cores

# srun does not take --cpus-per-task from sbatch since Slurm 22.05: say it again.
exec srun --cpus-per-task="${SLURM_CPUS_PER_TASK:-1}" --cpu-bind=cores jespr "$@"
