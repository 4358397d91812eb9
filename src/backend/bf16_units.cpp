// Bf16Tiles: the tiles of AMX.
#include "backend/bf16_units.hpp"

#ifdef JESPR_BF16_TILES
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace jespr {

#ifdef JESPR_BF16_TILES

namespace {

/// What `ldtilecfg` reads (Intel 64 Architectures Software Developer's Manual, LDTILECFG).
struct alignas(64) TileConfiguration {
  std::uint8_t palette = 1, start_row = 0, reserved[14] = {};
  std::uint16_t row_bytes[16] = {};
  std::uint8_t rows[16] = {};
};
static_assert(sizeof(TileConfiguration) == 64);

constexpr TileConfiguration all_tiles_whole() {
  TileConfiguration configuration;
  constexpr int registers = 8;
  for (int i = 0; i < registers; ++i) {
    configuration.row_bytes[i] = bf16_tile * sizeof(Bf16Pair);
    configuration.rows[i] = bf16_tile;
  }
  return configuration;
}

/// Constant, as the intrinsic tells the compiler of its first bytes alone: to a local variable the
/// others would never be written.
constexpr TileConfiguration whole = all_tiles_whole();

}  // namespace

bool Bf16Tiles::lent() {
  // Linux, arch_prctl(2): the registers are large, so a process has to ask for them.
  constexpr long request_permission = 0x1023, tile_data = 18;
  static const bool granted = syscall(SYS_arch_prctl, request_permission, tile_data) == 0;
  return granted;
}

Bf16Tiles::Bf16Tiles() {
  if (!lent()) return;
  _tile_loadconfig(&whole);
}

Bf16Tiles::~Bf16Tiles() {
  if (lent()) _tile_release();
}

#else

bool Bf16Tiles::lent() { return false; }
Bf16Tiles::Bf16Tiles() = default;
Bf16Tiles::~Bf16Tiles() = default;

#endif

}  // namespace jespr
