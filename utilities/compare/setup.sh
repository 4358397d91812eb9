#!/usr/bin/env bash
# Prepares the programs that compare.py measures: PyTorch, fair-esm, torch_geometric, transformers,
# esm.cpp, in a private Python of their own. Idempotent; its last line is that Python's path.
#
#   utilities/compare/setup.sh
#
# Downloads some 3 GB and compiles torch_scatter from its source: about ten minutes of two cores.
# JESPR_CACHE=/path         where it is kept (default ~/.cache/jespr)
# JESPR_PEERS_PYTHON=/path  a Python with those packages to use instead
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../phases.sh"

requirements=$root/utilities/compare/requirements.txt
script=compare/setup

imports_all() {
  "$1" -c 'import torch, torch_scatter, torch_geometric, esm, transformers, esm_cpp, h5py' \
    2> /dev/null
}

# Installs what requirements.txt names into the Python of folder $1.
install_peers() {
  local pip=("$1/bin/python" -m pip --disable-pip-version-check -q install --prefer-binary)
  python3 -m venv "$1" || return
  echo "$script: downloading PyTorch and the others" >&2
  "${pip[@]}" -r <(grep -v '^torch_scatter' "$requirements") || return
  echo "$script: compiling torch_scatter, which takes minutes" >&2
  FORCE_ONLY_CPU=1 MAX_JOBS=$(build_jobs) nice "${pip[@]}" --no-build-isolation --no-deps \
    -r <(grep '^torch_scatter' "$requirements") || return
  imports_all "$1/bin/python" && touch "$1/.complete"
}

if [ -n "${JESPR_PEERS_PYTHON:-}" ]; then
  imports_all "$JESPR_PEERS_PYTHON" \
    || die "JESPR_PEERS_PYTHON=$JESPR_PEERS_PYTHON lacks a package of $requirements"
  echo "$JESPR_PEERS_PYTHON"
  exit
fi
key=$( (cat "$requirements"; python3 -c 'import sys; print(sys.version)') | sha256sum | cut -c 1-12)
folder=${JESPR_CACHE:-$HOME/.cache/jespr}/compare-$key
mkdir -p "$(dirname "$folder")"
(
  flock 9
  [ -e "$folder/.complete" ] || { rm -rf "$folder" && install_peers "$folder" >&2; }
) 9> "$folder.lock" || die "no private Python: needs python3-venv, a C++ compiler with Python's
  headers and a package index, or set JESPR_PEERS_PYTHON"
echo "$folder/bin/python"
