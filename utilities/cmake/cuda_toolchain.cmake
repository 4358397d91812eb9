# Toolchain of the cuda preset: nvcc behind the compiler wrapper of the Kokkos that is chosen.

# CMake reads this file again for each of its small test programs, without the cache: what was
# chosen is handed on.
set(CMAKE_TRY_COMPILE_PLATFORM_VARIABLES JESPR_ARCH JESPR_KOKKOS_DIR JESPR_KOKKOS_DEVICE_ARCH)
if(NOT DEFINED JESPR_ARCH)
  set(JESPR_ARCH native)
endif()
get_property(in_test_program GLOBAL PROPERTY IN_TRY_COMPILE)
if(NOT in_test_program)
  include(${CMAKE_CURRENT_LIST_DIR}/find_kokkos.cmake)
  jespr_choose_kokkos(cuda JESPR_KOKKOS_DIR JESPR_KOKKOS_DEVICE_ARCH)
endif()
get_filename_component(kokkos_prefix ${JESPR_KOKKOS_DIR}/../../.. ABSOLUTE)
set(CMAKE_CXX_COMPILER ${kokkos_prefix}/bin/nvcc_wrapper)

# The wrapper's own default is gone in CUDA 13.
if(NOT "${JESPR_KOKKOS_DEVICE_ARCH}" MATCHES "(VOLTA|TURING|AMPERE|ADA|HOPPER|BLACKWELL)([0-9]+)")
  message(FATAL_ERROR "Kokkos in ${JESPR_KOKKOS_DIR} does not say for which NVIDIA GPU it was "
    "built (Kokkos_ARCH is '${JESPR_KOKKOS_DEVICE_ARCH}')")
endif()
set(CMAKE_CXX_FLAGS_INIT "-arch=sm_${CMAKE_MATCH_2}")
