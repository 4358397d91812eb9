// The build's description names what decides speed and bits.
#include "backend/build_info.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "backend/products.hpp"

namespace jespr {
namespace {

TEST(BuildInfo, EveryFactIsKnown) {
  const BuildInfo info = build_info();
  EXPECT_EQ(info.version, "0.1.0");
  for (const std::string& fact :
       {info.git, info.preset, info.build_type, info.compiler, info.flags, info.kokkos,
        info.kokkos_backends, info.products, info.mpi, info.hdf5, info.gemmi})
    EXPECT_FALSE(fact.empty());
  EXPECT_NE(info.kokkos_backends.find("OPENMP"), std::string::npos) << info.kokkos_backends;
  const bool on_gpu = Products::default_library() == ProductLibrary::cublas;
  for (const std::string& library : on_gpu ? std::vector<std::string>{"cuBLAS "}
                                           : std::vector<std::string>{"oneDNN ", "OpenBLAS "})
    EXPECT_NE(info.products.find(library), std::string::npos) << info.products;
}

TEST(BuildInfo, TextHoldsTheFacts) {
  const BuildInfo info = build_info();
  const std::string text = build_info_text();
  for (const std::string& fact : {info.version, info.git, info.flags, info.kokkos, info.hdf5})
    EXPECT_NE(text.find(fact), std::string::npos) << fact;
}

}  // namespace
}  // namespace jespr
