# Which Kokkos a configuration takes: one that lacks something is passed over, and nothing of it
# stays behind; folders that only look like Kokkos are offered on CMAKE_PREFIX_PATH.
# labels: quick
# processors: 1
# timeout: 120
set -euo pipefail
rm -rf ./*

# fake NAME DEVICES [OPTIONS]: a folder that tells find_package it is Kokkos.
fake() {
  local folder=$1/lib/cmake/Kokkos
  mkdir -p "$folder" "$1/bin"
  touch "$1/bin/nvcc_wrapper"
  cat > "$folder/KokkosConfig.cmake" << END
add_library(Kokkos::kokkos INTERFACE IMPORTED)
set_target_properties(Kokkos::kokkos PROPERTIES INTERFACE_COMPILE_DEFINITIONS FROM_${1^^})
set(Kokkos_DEVICES $2)
set(Kokkos_OPTIONS ${3:-})
set(Kokkos_ARCH ${4:-})
END
  echo 'set(PACKAGE_VERSION 4.7.0)
set(PACKAGE_VERSION_COMPATIBLE TRUE)' > "$folder/KokkosConfigVersion.cmake"
}
fake serial SERIAL
fake openmp 'OPENMP;SERIAL'
fake checked 'OPENMP;SERIAL' DEBUG_BOUNDS_CHECK
fake gpu 'CUDA;OPENMP;SERIAL' '' AMPERE80
fake broken OPENMP
echo 'message(FATAL_ERROR "no such module")' >> broken/lib/cmake/Kokkos/KokkosConfig.cmake

mkdir project
cat > project/CMakeLists.txt << 'END'
cmake_minimum_required(VERSION 3.25)
project(choice LANGUAGES CXX)
include(${SOURCES}/utilities/cmake/kokkos.cmake)
get_target_property(definition Kokkos::kokkos INTERFACE_COMPILE_DEFINITIONS)
message(STATUS "imported ${definition} for ${JESPR_KOKKOS_DEVICE_ARCH}")
END

# chosen VARIANT PREFIXES WANTED [REFUSED...]: configures and looks which one was imported.
chosen() {
  local variant=$1 prefixes= wanted=$3 name
  for name in $2; do prefixes+="${prefixes:+;}$PWD/$name"; done
  rm -rf tree
  cmake -G Ninja -S project -B tree -D SOURCES="$JESPR_SOURCE_DIR" \
    -D CMAKE_MODULE_PATH="$JESPR_SOURCE_DIR/utilities/cmake" -D JESPR_ARCH=native \
    -D JESPR_KOKKOS_VARIANT="$variant" -D CMAKE_PREFIX_PATH="$prefixes" > log.txt 2>&1 || true
  if ! grep -q -- "$wanted" log.txt; then
    echo "$variant from '$2': not '$wanted' but"
    cat log.txt
    exit 1
  fi
  for name in "${@:4}"; do
    grep -q "Kokkos in $PWD/$name/lib/cmake/Kokkos is passed over" log.txt \
      || { echo "$variant from '$2': $name was not named as passed over"; cat log.txt; exit 1; }
  done
  echo "$variant from '$2': $wanted"
}

unset CMAKE_PREFIX_PATH Kokkos_ROOT Kokkos_DIR
# Ours is not built here: its sources are refused before.
export JESPR_CACHE=$PWD/cache JESPR_KOKKOS_SDIST=/dev/null
ours='kokkos: JESPR_KOKKOS_SDIST=/dev/null is not'
chosen release 'serial openmp' 'imported FROM_OPENMP' serial
chosen release 'broken serial gpu openmp' 'imported FROM_OPENMP' broken serial gpu
chosen release 'openmp checked' 'imported FROM_OPENMP'
chosen debug 'serial openmp checked' 'imported FROM_CHECKED' serial openmp
chosen release serial "$ours" serial
chosen debug openmp "$ours" openmp
chosen cuda 'openmp gpu' 'imported FROM_GPU for AMPERE80' openmp
CMAKE_PREFIX_PATH=$PWD/serial chosen release '' "$ours" serial
Kokkos_ROOT=$PWD/openmp chosen release serial 'imported FROM_OPENMP'

# A tree stays with its choice until another one is named.
cmake -S project -B tree > log.txt && grep -q 'imported FROM_OPENMP' log.txt
cmake -S project -B tree -D Kokkos_DIR="$PWD/checked/lib/cmake/Kokkos" > log.txt
grep -q 'imported FROM_CHECKED' log.txt

# The toolchain file of the cuda preset takes the compiler of the one that it chooses.
cat > toolchain.cmake << END
cmake_minimum_required(VERSION 3.25)
set(CMAKE_BINARY_DIR $PWD/tree)
set(CMAKE_GENERATOR Ninja)
set(CMAKE_PREFIX_PATH "$PWD/serial;$PWD/gpu")
include($JESPR_SOURCE_DIR/utilities/cmake/cuda_toolchain.cmake)
message(STATUS "compiler \${CMAKE_CXX_COMPILER} with \${CMAKE_CXX_FLAGS_INIT}")
END
cmake -P toolchain.cmake > log.txt
grep -q -- "compiler $PWD/gpu/bin/nvcc_wrapper with -arch=sm_80" log.txt || { cat log.txt; exit 1; }
