# Which Kokkos to build with, without importing it. In this order: what the user's environment
# offers, the distribution's, else 4.5.1 built once by utilities/kokkos.sh and kept outside the
# build trees. Used by kokkos.cmake and, before the compiler is known, by cuda_toolchain.cmake.

# Sets `result` to what the candidate in `folder`, described by candidate_*, lacks for `variant`.
function(jespr_kokkos_lacks variant folder result)
  set(lacks "")
  get_filename_component(prefix ${folder}/../../.. ABSOLUTE)
  if(variant STREQUAL "cuda")
    if(NOT "CUDA" IN_LIST candidate_devices)
      set(lacks "CUDA, only ${candidate_devices}")
    elseif(NOT EXISTS ${prefix}/bin/nvcc_wrapper)
      set(lacks "${prefix}/bin/nvcc_wrapper")
    endif()
  elseif(NOT "OPENMP" IN_LIST candidate_devices)
    set(lacks "OpenMP, only ${candidate_devices}")
  elseif(candidate_devices MATCHES "CUDA|HIP|SYCL")
    set(lacks "views of main memory: it was built for ${candidate_devices}")
  elseif(variant STREQUAL "debug" AND NOT "DEBUG_BOUNDS_CHECK" IN_LIST candidate_options)
    set(lacks "Kokkos_ENABLE_DEBUG_BOUNDS_CHECK")
  endif()
  set(${result} "${lacks}" PARENT_SCOPE)
endfunction()

# One look: sets `folder` to where find_package finds a Kokkos >= 4.5 outside of the folders
# `ignored` (empty: nowhere), candidate_* to what it has and `failure` to its error, if any.
function(jespr_probe_kokkos ignored folder failure)
  set(probe ${CMAKE_BINARY_DIR}/CMakeFiles/kokkos_probe)
  set(CMAKE_IGNORE_PATH ${CMAKE_IGNORE_PATH} ${ignored})
  set(answer ${probe}/answer.cmake)
  set(settings "")  # a file, because lists do not survive a command line
  foreach(name answer Kokkos_DIR Kokkos_ROOT CMAKE_PREFIX_PATH CMAKE_IGNORE_PATH
               CMAKE_IGNORE_PREFIX_PATH CMAKE_CXX_COMPILER)
    if(${name})
      string(APPEND settings "set(${name} [==[${${name}}]==] CACHE STRING \"\")\n")
    endif()
  endforeach()
  file(REMOVE_RECURSE ${probe})
  file(WRITE ${probe}/settings.cmake "${settings}")
  execute_process(
    COMMAND ${CMAKE_COMMAND} -G ${CMAKE_GENERATOR} -C ${probe}/settings.cmake
            -S ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/kokkos_probe -B ${probe}/build
    RESULT_VARIABLE failed OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(EXISTS ${answer})
    include(${answer})
  endif()
  set(found "")
  if(EXISTS ${probe}/build/CMakeCache.txt)
    file(STRINGS ${probe}/build/CMakeCache.txt found REGEX "^Kokkos_DIR:")
    string(REGEX REPLACE "^[^=]*=(.*-NOTFOUND)?" "" found "${found}")
  endif()
  if(failed AND NOT found)
    message(FATAL_ERROR "Looking for Kokkos failed:\n${output}")
  endif()
  set(${folder} "${found}" PARENT_SCOPE)
  set(${failure} "" PARENT_SCOPE)
  if(failed)
    set(${failure} "${output}" PARENT_SCOPE)
  endif()
  foreach(property devices options arch)
    set(candidate_${property} "${candidate_${property}}" PARENT_SCOPE)
  endforeach()
endfunction()

# Sets `result` to the folder of KokkosConfig.cmake of the first Kokkos that find_package finds
# and that has what `variant` needs (empty: none), and `arch` to the architectures that it was
# built for. Those passed over are named.
function(jespr_find_kokkos variant result arch)
  set(ignored "")
  while(TRUE)
    jespr_probe_kokkos("${ignored}" folder failure)
    if(NOT folder)
      break()
    endif()
    if(failure)
      message(STATUS "Kokkos in ${folder} is passed over: it cannot be used here:\n${failure}")
    else()
      jespr_kokkos_lacks(${variant} ${folder} lacks)
      if(NOT lacks)
        break()
      endif()
      message(STATUS "Kokkos in ${folder} is passed over: it lacks ${lacks}")
    endif()
    list(APPEND ignored ${folder})
    set(Kokkos_DIR "")  # a named one is looked at first, but not again
  endwhile()
  set(${result} "${folder}" PARENT_SCOPE)
  set(${arch} "${candidate_arch}" PARENT_SCOPE)
endfunction()

# Sets `result` to the folder of KokkosConfig.cmake to use, built now if need be, and `arch` as
# above; both are remembered by the build tree until the variant or the instruction set changes.
function(jespr_choose_kokkos variant result arch)
  set(asked ${variant} ${JESPR_ARCH} "${Kokkos_ROOT}" "${CMAKE_PREFIX_PATH}")
  if(NOT "${JESPR_KOKKOS_ASKED}" STREQUAL "${asked}"
     OR (Kokkos_DIR AND NOT Kokkos_DIR STREQUAL "${JESPR_KOKKOS_DIR}")
     OR NOT EXISTS ${JESPR_KOKKOS_DIR}/KokkosConfig.cmake)
    jespr_find_kokkos(${variant} found found_arch)
    if(NOT found)
      execute_process(
        COMMAND ${CMAKE_COMMAND} -E env CXX=${CMAKE_CXX_COMPILER}
                ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/../kokkos.sh ${variant} ${JESPR_ARCH}
        OUTPUT_VARIABLE prefix OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
      set(found ${prefix}/lib/cmake/Kokkos)
      set(found_arch HOPPER90)
    endif()
    set(JESPR_KOKKOS_DIR ${found} CACHE INTERNAL "")
    set(JESPR_KOKKOS_DEVICE_ARCH "${found_arch}" CACHE INTERNAL "")
    set(JESPR_KOKKOS_ASKED "${asked}" CACHE INTERNAL "")
  endif()
  set(${result} ${JESPR_KOKKOS_DIR} PARENT_SCOPE)
  set(${arch} "${JESPR_KOKKOS_DEVICE_ARCH}" PARENT_SCOPE)
endfunction()
