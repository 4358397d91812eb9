# Kokkos >= 4.5 with OpenMP, in this order: what the user's environment offers, the distribution's,
# else 4.5.1 built once by utilities/kokkos.sh and kept outside the build trees.

set(backend_needed OPENMP)
if(JESPR_KOKKOS_VARIANT STREQUAL "cuda")
  set(backend_needed CUDA)
endif()

find_package(Kokkos 4.5 QUIET CONFIG)
if(Kokkos_FOUND AND NOT backend_needed IN_LIST Kokkos_DEVICES)
  message(STATUS "Kokkos in ${Kokkos_DIR} is passed over: it has ${Kokkos_DEVICES}, "
    "but not ${backend_needed}")
  set(Kokkos_FOUND FALSE)
endif()

if(NOT Kokkos_FOUND)
  execute_process(
    COMMAND ${CMAKE_COMMAND} -E env CXX=${CMAKE_CXX_COMPILER}
            ${CMAKE_SOURCE_DIR}/utilities/kokkos.sh ${JESPR_KOKKOS_VARIANT} ${JESPR_ARCH}
    OUTPUT_VARIABLE kokkos_prefix OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
  unset(Kokkos_DIR CACHE)
  find_package(Kokkos 4.5 REQUIRED CONFIG PATHS ${kokkos_prefix} NO_DEFAULT_PATH)
endif()
message(STATUS "Kokkos ${Kokkos_VERSION} (${Kokkos_DEVICES}) in ${Kokkos_DIR}")
