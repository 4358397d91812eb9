// Collects the facts of the build from CMake's generated headers and from the libraries.
#include "backend/build_info.hpp"

#include <fmt/format.h>
#include <mpi.h>

#include "backend/products.hpp"
#include "build_configuration.hpp"
#include "git_version.hpp"

namespace jespr {
namespace {

std::string mpi_library() {
  char text[MPI_MAX_LIBRARY_VERSION_STRING];
  int length = 0;
  MPI_Get_library_version(text, &length);
  std::string version(text, static_cast<std::size_t>(length));
  return version.substr(0, version.find(','));
}

}  // namespace

BuildInfo build_info() {
  BuildInfo info;
  info.version = JESPR_VERSION;
  info.git = JESPR_GIT_VERSION;
  info.preset = JESPR_BUILD_PRESET;
  info.build_type = JESPR_BUILD_TYPE;
  info.compiler = JESPR_BUILD_COMPILER;
  info.flags = JESPR_BUILD_FLAGS;
  info.kokkos = JESPR_KOKKOS_VERSION;
  info.kokkos_backends = JESPR_KOKKOS_BACKENDS;
  info.products = product_library_versions();
  info.mpi = mpi_library();
  info.hdf5 = JESPR_HDF5_VERSION ", parallel";
  info.gemmi = JESPR_GEMMI_VERSION;
  return info;
}

std::string build_info_text() {
  const BuildInfo info = build_info();
  return fmt::format(
      "JESPR {} (git {})\n"
      "build     preset {}, {}, {}\n"
      "flags     {}\n"
      "Kokkos    {} ({})\n"
      "products  {}\n"
      "MPI       {}\n"
      "HDF5      {}\n"
      "gemmi     {}\n",
      info.version, info.git, info.preset, info.build_type, info.compiler, info.flags, info.kokkos,
      info.kokkos_backends, info.products, info.mpi, info.hdf5, info.gemmi);
}

}  // namespace jespr
