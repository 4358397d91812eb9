# Facts about this build for `jespr --version`: generated/build_configuration.hpp at configure
# time, generated/git_version.hpp at every build (rewritten only when it changed).

set(generated ${CMAKE_BINARY_DIR}/generated)
string(TOUPPER "${CMAKE_BUILD_TYPE}" build_type)
string(STRIP "${CMAKE_CXX_FLAGS} ${CMAKE_CXX_FLAGS_${build_type}} -march=${JESPR_ARCH}" build_flags)
string(REPLACE ";" " " kokkos_backends "${Kokkos_DEVICES}")
if(NOT JESPR_PRESET)
  set(JESPR_PRESET none)
endif()
configure_file(${CMAKE_SOURCE_DIR}/utilities/cmake/build_configuration.hpp.in
               ${generated}/build_configuration.hpp @ONLY)

add_custom_target(jespr_git_version
  COMMAND ${CMAKE_COMMAND} -D source=${CMAKE_SOURCE_DIR} -D output=${generated}/git_version.hpp
          -P ${CMAKE_SOURCE_DIR}/utilities/cmake/git_version.cmake
  BYPRODUCTS ${generated}/git_version.hpp
  COMMENT "")
