# Runs a command of the cuda preset where there is an NVIDIA GPU; elsewhere it says so and ends with
# 77, CTest's "skipped". Without a command it only tells. (The executables would not even start:
# the driver's library is missing.)
#
#   bash on_gpu.sh [command ...]
nvidia-smi -L 2> /dev/null | grep -q '^GPU' || {
  echo "skipped: no NVIDIA GPU here (nvidia-smi -L lists none)"
  exit 77
}
exec "$@"
