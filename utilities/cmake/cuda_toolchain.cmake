# Toolchain of the cuda preset: nvcc behind Kokkos's compiler wrapper, for Hopper.

if(NOT DEFINED JESPR_ARCH)
  set(JESPR_ARCH native)
endif()
set(CMAKE_TRY_COMPILE_PLATFORM_VARIABLES JESPR_ARCH)
execute_process(
  COMMAND ${CMAKE_CURRENT_LIST_DIR}/../kokkos.sh cuda ${JESPR_ARCH}
  OUTPUT_VARIABLE cuda_kokkos OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
set(Kokkos_ROOT ${cuda_kokkos})
set(CMAKE_CXX_COMPILER ${cuda_kokkos}/bin/nvcc_wrapper)
set(CMAKE_CXX_FLAGS_INIT "-arch=sm_90")  # the wrapper's own default is gone in CUDA 13
