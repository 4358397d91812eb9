# OpenBLAS in its OpenMP build: with the one of POSIX threads two thread pools would share the
# cores. Asked for at run time, because the library's name does not tell. Defines
# OpenBLAS::OpenBLAS and OpenBLAS_VERSION; OpenBLAS_ROOT names a place to look first.

find_path(OpenBLAS_INCLUDE_DIR cblas.h PATH_SUFFIXES openblas-openmp openblas)
find_library(OpenBLAS_LIBRARY NAMES openblas openblas_omp PATH_SUFFIXES openblas-openmp)

if(OpenBLAS_INCLUDE_DIR AND OpenBLAS_LIBRARY AND NOT DEFINED OpenBLAS_CONFIG)
  set(probe ${CMAKE_BINARY_DIR}/CMakeFiles/openblas_probe.c)
  file(WRITE ${probe} "
    #include <stdio.h>
    int openblas_get_parallel(void);
    char* openblas_get_config(void);
    int main(void) { puts(openblas_get_config()); return openblas_get_parallel() == 2 ? 0 : 1; }")
  try_run(probe_exit probe_compiled ${CMAKE_BINARY_DIR}/CMakeFiles/openblas_probe ${probe}
    LINK_LIBRARIES ${OpenBLAS_LIBRARY} RUN_OUTPUT_VARIABLE probe_output)
  string(STRIP "${probe_output}" probe_output)
  if(NOT probe_compiled OR NOT probe_exit EQUAL 0)
    message(FATAL_ERROR "${OpenBLAS_LIBRARY} is not OpenBLAS's OpenMP build (${probe_output}): "
      "install libopenblas-openmp-dev, or name such a build with -DOpenBLAS_ROOT=...")
  endif()
  set(OpenBLAS_CONFIG "${probe_output}" CACHE INTERNAL "")
endif()
string(REGEX MATCH "[0-9]+\\.[0-9]+\\.[0-9]+" OpenBLAS_VERSION "${OpenBLAS_CONFIG}")

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(OpenBLAS
  REQUIRED_VARS OpenBLAS_LIBRARY OpenBLAS_INCLUDE_DIR VERSION_VAR OpenBLAS_VERSION
  REASON_FAILURE_MESSAGE "(Debian: libopenblas-openmp-dev)")
if(OpenBLAS_FOUND AND NOT TARGET OpenBLAS::OpenBLAS)
  add_library(OpenBLAS::OpenBLAS UNKNOWN IMPORTED)
  set_target_properties(OpenBLAS::OpenBLAS PROPERTIES
    IMPORTED_LOCATION ${OpenBLAS_LIBRARY} INTERFACE_INCLUDE_DIRECTORIES ${OpenBLAS_INCLUDE_DIR})
endif()
mark_as_advanced(OpenBLAS_INCLUDE_DIR OpenBLAS_LIBRARY)
