# Every third-party library, as the one target jespr_dependencies, in the versions that
# doc/install.md asks for. doc/design.md says what each is for.

set(HDF5_PREFER_PARALLEL ON)
set(MPI_CXX_SKIP_MPICXX ON)
find_package(MPI 3.0 REQUIRED COMPONENTS C CXX)
find_package(OpenMP REQUIRED COMPONENTS CXX)
find_package(HDF5 1.10 REQUIRED COMPONENTS C)
if(NOT HDF5_IS_PARALLEL)
  message(FATAL_ERROR "HDF5 ${HDF5_VERSION} was found, but not built for MPI: "
    "install libhdf5-openmpi-dev, or name a parallel build with -DHDF5_ROOT=...")
endif()
find_package(gemmi 0.5.7 REQUIRED)
find_package(CLI11 2.1 REQUIRED CONFIG)
find_package(fmt 8 REQUIRED CONFIG)
find_package(LibArchive 3.4 REQUIRED)
find_package(ZLIB REQUIRED)
find_package(OpenSSL 1.1 REQUIRED COMPONENTS Crypto)
find_package(OpenBLAS 0.3.10 REQUIRED)
include(kokkos)

add_library(jespr_dependencies INTERFACE)
target_link_libraries(jespr_dependencies INTERFACE
  Kokkos::kokkos MPI::MPI_CXX hdf5::hdf5 OpenMP::OpenMP_CXX
  gemmi::gemmi CLI11::CLI11 fmt::fmt LibArchive::LibArchive ZLIB::ZLIB
  OpenSSL::Crypto OpenBLAS::OpenBLAS)
target_compile_definitions(jespr_dependencies INTERFACE
  OMPI_SKIP_MPICXX MPICH_SKIP_MPICXX)

if(JESPR_KOKKOS_VARIANT STREQUAL "cuda")
  find_package(CUDAToolkit REQUIRED)
  find_package(NCCL REQUIRED)
  # nvcc lacks the consteval that fmt checks its format strings with; it has the constexpr that
  # fmt does not expect of it.
  target_compile_definitions(jespr_dependencies INTERFACE FMT_CONSTEVAL= FMT_USE_CONSTEXPR=1)
  target_compile_options(jespr_dependencies INTERFACE --expt-relaxed-constexpr
    "SHELL:-include ${CMAKE_SOURCE_DIR}/src/backend/cuda13_shim.hpp")
  target_link_libraries(jespr_dependencies INTERFACE
    CUDA::cublas NCCL::NCCL CUDA::cuda_driver)
else()
  find_package(dnnl 2.6 REQUIRED CONFIG)
  target_link_libraries(jespr_dependencies INTERFACE DNNL::dnnl)
endif()
