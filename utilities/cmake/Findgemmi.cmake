# gemmi: the CMake package of newer releases, else the header-only one (Debian's gemmi-dev, with
# tao-pegtl-dev for its mmCIF reader and zlib for compressed files). Defines gemmi::gemmi.

find_package(gemmi QUIET CONFIG)
if(TARGET gemmi::gemmi_cpp AND NOT TARGET gemmi::gemmi)
  add_library(gemmi::gemmi ALIAS gemmi::gemmi_cpp)
endif()

if(NOT TARGET gemmi::gemmi)
  find_package(ZLIB REQUIRED)
  find_path(gemmi_INCLUDE_DIR gemmi/cif.hpp)
  find_path(PEGTL_INCLUDE_DIR tao/pegtl.hpp)
  if(gemmi_INCLUDE_DIR)
    file(STRINGS ${gemmi_INCLUDE_DIR}/gemmi/version.hpp version_line REGEX "define GEMMI_VERSION")
    string(REGEX MATCH "[0-9.]+" gemmi_VERSION "${version_line}")
  endif()
endif()

include(FindPackageHandleStandardArgs)
if(TARGET gemmi::gemmi)
  find_package_handle_standard_args(gemmi REQUIRED_VARS gemmi_DIR VERSION_VAR gemmi_VERSION)
else()
  find_package_handle_standard_args(gemmi
    REQUIRED_VARS gemmi_INCLUDE_DIR PEGTL_INCLUDE_DIR VERSION_VAR gemmi_VERSION
    REASON_FAILURE_MESSAGE "(Debian: gemmi-dev, tao-pegtl-dev, zlib1g-dev)")
  if(gemmi_FOUND)
    add_library(gemmi::gemmi INTERFACE IMPORTED)
    target_include_directories(gemmi::gemmi INTERFACE ${gemmi_INCLUDE_DIR} ${PEGTL_INCLUDE_DIR})
    target_link_libraries(gemmi::gemmi INTERFACE ZLIB::ZLIB)
  endif()
endif()
mark_as_advanced(gemmi_INCLUDE_DIR PEGTL_INCLUDE_DIR)
