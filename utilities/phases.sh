# Shell vocabulary of the set-up scripts, to be sourced: titled and timed phases, clear failures.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
script=$(basename "$0" .sh)
phase_title=
phase_start=$SECONDS
phase_times=

die() {
  echo "$script: $*" >&2
  exit 1
}

minutes() { printf '%d:%02d' $(($1 / 60)) $(($1 % 60)); }

# Ends the current phase, if any, and starts the next, with a remark for the reader if there is a
# second word; without a title it only ends.
phase() {
  if [ -n "$phase_title" ]; then
    phase_times+="${phase_times:+, }$phase_title $(minutes $((SECONDS - phase_start)))"
  fi
  phase_title=${1:-}
  phase_start=$SECONDS
  if [ -n "$phase_title" ]; then echo "== $script: $phase_title${2:+ ($2)}"; fi
}

# Number of compiler processes: the cores, but at most one for each 2 GiB of memory.
build_jobs() {
  local cores memory
  cores=$(nproc)
  memory=$(awk '/MemAvailable/ {print int($2 / 2097152)}' /proc/meminfo)
  if [ "$memory" -lt 1 ]; then memory=1; fi
  echo $((cores < memory ? cores : memory))
}

# Configures and builds one preset: all of it, or the target named second. Under continuous
# integration (CI set to anything) warnings are errors, in a tree that was configured before, too.
build_preset() {
  local werror=()
  if [ -n "${CI:-}" ]; then werror=(-D JESPR_WERROR=ON); fi
  (cd "$root" && cmake --preset "$1" --log-level=WARNING "${werror[@]}" > /dev/null)
  cmake --build "$root/build/$1" -j "$(build_jobs)" --target "${2:-all}"
}
