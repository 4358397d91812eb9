# Imports the one Kokkos that find_kokkos.cmake chooses.
include(find_kokkos)

jespr_choose_kokkos(${JESPR_KOKKOS_VARIANT} kokkos_folder kokkos_arch)
set(Kokkos_DIR ${kokkos_folder} CACHE PATH "Folder of KokkosConfig.cmake" FORCE)
find_package(Kokkos 4.5 REQUIRED CONFIG)
message(STATUS "Kokkos ${Kokkos_VERSION} (${Kokkos_DEVICES}) in ${Kokkos_DIR}")
