#!/usr/bin/env bash
# Prepares a machine: Debian packages, and a private Python for utilities/. CMake does the rest
# (it builds Kokkos once when none is found). Idempotent; needs root only when packages lack.
#
#   utilities/setup.sh            what building and running need
#   utilities/setup.sh --tests    also what the tests need (a private Slurm, HDF5's tools, gfortran)
#
# JESPR_NO_INSTALL=1        installs no packages: libraries come from the environment (modules,
#                           CMAKE_PREFIX_PATH) and CMake names what it does not find
# JESPR_PYTHON=/path        a Python with numpy, h5py and matplotlib to use instead of a private one
# JESPR_KOKKOS_SDIST=/path  the source file for Kokkos, where no package index can be reached
# JESPR_CACHE=/path         where built things are kept (default ~/.cache/jespr)
# See doc/install.md.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/phases.sh"

packages=(
  g++ cmake ninja-build ccache git python3 python3-venv
  openmpi-bin libopenmpi-dev libhdf5-openmpi-dev
  libdnnl-dev ocl-icd-opencl-dev libopenblas-openmp-dev
  gemmi-dev tao-pegtl-dev zlib1g-dev libcli11-dev libfmt-dev libarchive-dev libssl-dev
  libgtest-dev libgmock-dev libbenchmark-dev
)
test_packages=(
  gfortran hdf5-tools xz-utils bc util-linux
  slurmctld slurmd slurm-client slurm-wlm-basic-plugins munge libpmix-dev
)
case ${1:-} in
  '') ;;
  --tests) packages+=("${test_packages[@]}") ;;
  *) die "unknown option $1; see the head of ${BASH_SOURCE[0]}" ;;
esac

missing_packages() {
  local package
  for package in "${packages[@]}"; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2> /dev/null)" = installed ] \
      || echo "$package"
  done
}

install_packages() {
  local missing command
  if [ "${JESPR_NO_INSTALL:-}" = 1 ] || ! command -v apt-get > /dev/null; then
    echo "$script: no packages are installed; CMake will name what it lacks (doc/install.md)"
    return
  fi
  mapfile -t missing < <(missing_packages)
  if [ ${#missing[@]} -eq 0 ]; then return; fi
  command="apt-get install --no-install-recommends ${missing[*]}"
  if [ "$(id -u)" -ne 0 ]; then
    die "please ask an administrator for: $command
  or set JESPR_NO_INSTALL=1 and offer the libraries another way (doc/install.md)"
  fi
  echo "$script: installing ${missing[*]}"
  # RUNLEVEL=1: the packages' services are not started.
  export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1
  apt-get -q -o DPkg::Lock::Timeout=600 -o Acquire::Retries=3 update > /dev/null
  apt-get -qq -o DPkg::Lock::Timeout=600 -o Acquire::Retries=3 install -y \
    --no-install-recommends "${missing[@]}" > /dev/null
}

imports_all() { "$1" -c 'import numpy, h5py, matplotlib' 2> /dev/null; }

# Leaves $root/.venv with a Python that has what utilities/requirements.txt names; the environment
# itself lies in the cache, so that every clone of this version shares it.
private_python() {
  local key folder
  if [ -n "${JESPR_PYTHON:-}" ]; then
    imports_all "$JESPR_PYTHON" || die "JESPR_PYTHON=$JESPR_PYTHON lacks numpy, h5py or matplotlib"
    return
  fi
  key=$( (cat "$root/utilities/requirements.txt"; python3 -c 'import sys; print(sys.version)') \
    | sha256sum | cut -c 1-12)
  folder=${JESPR_CACHE:-$HOME/.cache/jespr}/python-$key
  mkdir -p "$(dirname "$folder")"
  (
    flock 9
    [ -e "$folder/.complete" ] || {
      rm -rf "$folder" \
        && python3 -m venv "$folder" \
        && "$folder/bin/python" -m pip --disable-pip-version-check -q install --prefer-binary \
          -r "$root/utilities/requirements.txt" \
        && imports_all "$folder/bin/python" \
        && touch "$folder/.complete"
    }
  ) 9> "$folder.lock" || die "no private Python: needs python3-venv and a package index, or set
  JESPR_PYTHON to a Python with numpy, h5py and matplotlib"
  if [ -e "$root/.venv" ] && [ ! -L "$root/.venv" ]; then
    imports_all "$root/.venv/bin/python" || die "$root/.venv lacks numpy, h5py or matplotlib"
  else
    ln -sfn "$folder" "$root/.venv"
  fi
}

install_packages
private_python
echo "$script: ready"
