// Blocks of a file: read, hashed, unpacked.
#include "data/byte_stream.hpp"

#include <openssl/evp.h>
#include <zlib.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "base/error.hpp"
#include "data/gzip.hpp"
#include "data/sha256.hpp"

namespace jespr::data {
namespace {

constexpr std::size_t read_at_once = 1 << 20;
constexpr int window_bits_gzip = 15 + 16;  // zlib.h: largest window, gzip header and trailer

}  // namespace

struct ByteStream::State {
  ~State() {
    if (inflating) inflateEnd(&zip);
    EVP_MD_CTX_free(hash);
    std::fclose(file);
  }

  /// Reads the next raw block; false at the end.
  bool read_block() {
    const std::size_t got = std::fread(raw.data(), 1, raw.size(), file);
    if (got == 0 && std::ferror(file)) problem = std::strerror(errno);
    position += got;
    rest = std::string_view(raw.data(), got);
    EVP_DigestUpdate(hash, raw.data(), got);
    return got > 0;
  }

  /// Unpacks into `unpacked`; nothing at the end of the file.
  std::string_view inflate_some() {
    while (problem.empty()) {
      if (rest.empty() && !read_block()) {
        if (inflating) problem = "gzip data are cut short";
        return {};
      }
      if (!inflating && !begin_member()) return {};
      zip.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(rest.data()));
      zip.avail_in = static_cast<uInt>(rest.size());
      zip.next_out = reinterpret_cast<Bytef*>(unpacked.data());
      zip.avail_out = static_cast<uInt>(unpacked.size());
      const int status = inflate(&zip, Z_NO_FLUSH);
      rest.remove_prefix(rest.size() - zip.avail_in);
      if (status != Z_OK && status != Z_STREAM_END && status != Z_BUF_ERROR)
        problem = std::string("gzip data are damaged: ") + (zip.msg ? zip.msg : "unknown error");
      if (status == Z_STREAM_END) {
        inflateEnd(&zip);
        inflating = false;
      }
      if (const std::size_t made = unpacked.size() - zip.avail_out; made > 0)
        return std::string_view(unpacked.data(), made);
    }
    return {};
  }

  /// At the start of a gzip member; what follows the last one and is none is ignored, as gzip does.
  bool begin_member() {
    constexpr char first_of_gzip = '\x1f';
    if (rest[0] != first_of_gzip) {
      while (read_block()) continue;  // for the hash
      rest = {};
      return false;
    }
    zip = z_stream{};
    if (inflateInit2(&zip, window_bits_gzip) != Z_OK) fail(Exit::runtime, "zlib does not start");
    inflating = true;
    return true;
  }

  std::FILE* file = nullptr;
  EVP_MD_CTX* hash = nullptr;
  bool is_packed = false, started = false, inflating = false;
  z_stream zip{};
  std::uint64_t position = 0;
  std::string problem;
  std::string raw = std::string(read_at_once, '\0'), unpacked = std::string(read_at_once, '\0');
  std::string_view rest;  // of the raw block
};

ByteStream::ByteStream(const std::string& path) {
  std::FILE* file = std::fopen(path.c_str(), "rb");
  if (!file) fail(Exit::data, std::strerror(errno));
  state_ = std::make_unique<State>();
  state_->file = file;
  state_->hash = EVP_MD_CTX_new();
  if (!state_->hash || EVP_DigestInit_ex(state_->hash, EVP_sha256(), nullptr) != 1)
    fail(Exit::runtime, "libcrypto refuses SHA-256");
}

ByteStream::~ByteStream() = default;
ByteStream::ByteStream(ByteStream&&) noexcept = default;

std::string_view ByteStream::next() {
  State& s = *state_;
  if (!s.problem.empty()) return {};
  if (!s.started) {
    s.started = true;
    if (!s.read_block()) return {};
    s.is_packed = is_gzip(s.rest);
    if (!s.is_packed) return s.rest;
  }
  if (s.is_packed) return s.inflate_some();
  return s.read_block() ? s.rest : std::string_view();
}

const std::string& ByteStream::problem() const { return state_->problem; }

std::uint64_t ByteStream::position() const { return state_->position; }

std::string ByteStream::sha256() {
  std::array<unsigned char, EVP_MAX_MD_SIZE> bytes;
  unsigned int length = 0;
  EVP_DigestFinal_ex(state_->hash, bytes.data(), &length);
  return hexadecimal({reinterpret_cast<const char*>(bytes.data()), length});
}

}  // namespace jespr::data
