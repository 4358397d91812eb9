#!/usr/bin/env bash
# Builds Kokkos 4.5.1 once for one variant (release, debug, cuda) and prints where it is installed.
# Used by CMake when the environment offers no Kokkos >= 4.5 with OpenMP; see doc/install.md.
#
#   utilities/kokkos.sh release|debug|cuda [architecture, default native]
#
# The result lives outside every build tree, in ${JESPR_CACHE:-~/.cache/jespr}, in a folder named by
# version, variant, compiler, architecture and a hash of its instruction set, so that a home shared
# by unlike machines is safe. The sources are those that the source distribution of pycompadre 1.7.6
# carries (complete and unchanged); JESPR_KOKKOS_SDIST names a copy of that file where no package
# index can be reached.
set -euo pipefail

variant=${1:?which variant: release, debug or cuda}
architecture=${2:-native}
cache=${JESPR_CACHE:-$HOME/.cache/jespr}
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
version=4.5.1
sdist=pycompadre-1.7.6.tar.gz
sdist_sha256=c766ec4d445ce076069be4b8c51a23ffac4ee79ea949ca86446bfd8c299b154c
compiler=${CXX:-g++}
case $compiler in *nvcc_wrapper*) compiler=${NVCC_WRAPPER_DEFAULT_COMPILER:-g++} ;; esac

say() { echo "kokkos: $*" >&2; }
die() { say "$*"; exit 1; }

verified() { echo "$sdist_sha256  $1" | sha256sum --check --status 2>/dev/null; }

# Puts the pinned source distribution into the cache.
fetch_sdist() {
  local target=$cache/sources/$sdist python=python3 folder
  mkdir -p "$cache/sources"
  if [ -n "${JESPR_KOKKOS_SDIST:-}" ]; then
    verified "$JESPR_KOKKOS_SDIST" || die "JESPR_KOKKOS_SDIST=$JESPR_KOKKOS_SDIST is not $sdist" \
      "with sha256 $sdist_sha256"
    [ "$JESPR_KOKKOS_SDIST" -ef "$target" ] || cp "$JESPR_KOKKOS_SDIST" "$target"
  fi
  if ! verified "$target"; then
    say "downloading $sdist"
    [ -x "$root/.venv/bin/python" ] && python=$root/.venv/bin/python
    folder=$(mktemp -d)
    echo "pycompadre==1.7.6 --hash=sha256:$sdist_sha256" > "$folder/requirements.txt"
    "$python" -m pip --disable-pip-version-check -q download --no-deps --no-binary pycompadre \
      --require-hashes -r "$folder/requirements.txt" -d "$folder" >&2 \
      || die "pip could not download it; put the file somewhere and set JESPR_KOKKOS_SDIST"
    verified "$folder/$sdist" || die "$sdist: wrong sha256"
    mv "$folder/$sdist" "$target"
    rm -r "$folder"
  fi
  echo "$target"
}

options=(-DKokkos_ENABLE_OPENMP=ON -DKokkos_ENABLE_SERIAL=ON -DCMAKE_CXX_STANDARD=20
         -DCMAKE_POSITION_INDEPENDENT_CODE=ON -DKokkos_ENABLE_DEPRECATED_CODE_4=OFF)
flags=-march=$architecture
case $variant in
  release) options+=(-DCMAKE_BUILD_TYPE=Release) ;;
  debug) options+=(-DCMAKE_BUILD_TYPE=RelWithDebInfo -DKokkos_ENABLE_DEBUG=ON
                   -DKokkos_ENABLE_DEBUG_BOUNDS_CHECK=ON) ;;
  cuda)
    command -v nvcc > /dev/null || die "nvcc is not on the path"
    variant=cuda$(nvcc --version | sed -n 's/.*release \([0-9.]*\),.*/\1/p')-hopper90
    flags+=" -arch=sm_90 -include $root/src/backend/cuda13_shim.hpp"
    options+=(-DCMAKE_BUILD_TYPE=Release -DKokkos_ENABLE_CUDA=ON -DKokkos_ARCH_HOPPER90=ON) ;;
  *) die "unknown variant '$variant': release, debug or cuda" ;;
esac

compiler_name=$(basename "$(readlink -f "$(command -v "$compiler")")")
instruction_set=$("$root/utilities/instruction_set.sh" "$compiler" "$architecture")
set_hash=$(sha256sum <<< "$instruction_set" | cut -c 1-8)
prefix=$cache/kokkos-$version-$variant-$compiler_name-$architecture-$set_hash
mkdir -p "$cache"
exec 9> "$prefix.lock"
flock 9
if [ ! -e "$prefix/.complete" ]; then
  archive=$(fetch_sdist)
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  tar -xzf "$archive" -C "$work" --strip-components=1 "${sdist%.tar.gz}/kokkos"
  if [[ $variant == cuda* ]]; then compiler=$work/kokkos/bin/nvcc_wrapper; fi
  launcher=$(command -v ccache || true)
  generator=$(command -v ninja > /dev/null && echo Ninja || echo "Unix Makefiles")
  echo "$instruction_set" > "$work/instruction_set"
  export CCACHE_EXTRAFILES=$work/instruction_set
  say "building Kokkos $version ($variant) into $prefix"
  {
    CXXFLAGS=$flags CXX=$compiler cmake -S "$work/kokkos" -B "$work/build" -G "$generator" \
      "${options[@]}" ${launcher:+-DCMAKE_CXX_COMPILER_LAUNCHER="$launcher"} \
      -DCMAKE_INSTALL_PREFIX="$prefix" -DCMAKE_INSTALL_LIBDIR=lib \
      && cmake --build "$work/build" -j "$(nproc)" \
      && rm -rf "$prefix" && cmake --install "$work/build"
  } > "$prefix.log" 2>&1 || { tail -n 30 "$prefix.log" >&2; die "failed; see $prefix.log"; }
  touch "$prefix/.complete"
fi
echo "$prefix"
