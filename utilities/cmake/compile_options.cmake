# Compiler flags: instruction set, optimisation, warnings, sanitizers, compiler cache.

if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "GNU" OR CMAKE_CXX_COMPILER_VERSION VERSION_LESS 11)
  message(FATAL_ERROR "${CMAKE_CXX_COMPILER} is ${CMAKE_CXX_COMPILER_ID} "
    "${CMAKE_CXX_COMPILER_VERSION}: GCC 11 or newer is needed; name one with the environment "
    "variable CXX and start with an empty build tree")
endif()

set(CMAKE_CXX_FLAGS_RELEASE "-O3 -g1 -DNDEBUG -fno-math-errno -fno-trapping-math")
set(CMAKE_CXX_FLAGS_DEBUG "-O1 -g -fno-omit-frame-pointer")
add_compile_options(-march=${JESPR_ARCH})
set(JESPR_BASELINE_OPTIONS "")
if(CMAKE_SYSTEM_PROCESSOR STREQUAL "x86_64")
  set(JESPR_BASELINE_OPTIONS -march=x86-64 -fno-sanitize=all)
endif()

# The compiler that -march is for: nvcc's, behind Kokkos's wrapper.
set(JESPR_HOST_COMPILER ${CMAKE_CXX_COMPILER})
if(JESPR_KOKKOS_VARIANT STREQUAL "cuda")
  set(JESPR_HOST_COMPILER g++)
  if(DEFINED ENV{NVCC_WRAPPER_DEFAULT_COMPILER})
    set(JESPR_HOST_COMPILER $ENV{NVCC_WRAPPER_DEFAULT_COMPILER})
  endif()
endif()

set(JESPR_WARNINGS -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual
    -Wcast-qual -Wextra-semi -Wduplicated-cond -Wlogical-op)
if(JESPR_KOKKOS_VARIANT STREQUAL "cuda")  # nvcc hands the host compiler rewritten code
  set(JESPR_WARNINGS -Wall -Wextra)
  set(JESPR_BASELINE_OPTIONS -march=x86-64)
elseif(CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  list(APPEND JESPR_WARNINGS -Wno-restrict)  # wrong on string + text: GCC bug 105651
endif()
add_compile_options(${JESPR_WARNINGS})
if(JESPR_WERROR AND NOT JESPR_KOKKOS_VARIANT STREQUAL "cuda")  # not in what nvcc rewrites
  add_compile_options(-Werror)
endif()

if(JESPR_SANITIZE)
  add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=undefined)
  add_link_options(-fsanitize=address,undefined)
endif()

# ccache sees -march=native as a word: the file of macros tells it what the word means here.
find_program(CCACHE_PROGRAM ccache)
mark_as_advanced(CCACHE_PROGRAM)
if(CCACHE_PROGRAM AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(instruction_set ${CMAKE_BINARY_DIR}/CMakeFiles/instruction_set)
  execute_process(
    COMMAND ${CMAKE_SOURCE_DIR}/utilities/instruction_set.sh ${JESPR_HOST_COMPILER} ${JESPR_ARCH}
    OUTPUT_FILE ${instruction_set} COMMAND_ERROR_IS_FATAL ANY)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${CMAKE_SOURCE_DIR}
      CCACHE_NOHASHDIR=1 CCACHE_EXTRAFILES=${instruction_set}
      ${CCACHE_PROGRAM})  # BASEDIR, NOHASHDIR: clones in other places share the cache
endif()
