// Gzip in memory, by zlib.
#include "data/gzip.hpp"

#include <zlib.h>

#include <algorithm>
#include <limits>
#include <string>

#include "base/error.hpp"

namespace jespr::data {
namespace {

constexpr std::size_t unpacked_at_once = 1 << 18;  // of content unpacked at a time
constexpr int window_bits_gzip = 15 + 16;  // zlib.h: largest window, gzip header and trailer

struct Inflater {
  z_stream stream{};
  Inflater() {
    if (inflateInit2(&stream, window_bits_gzip) != Z_OK) fail(Exit::runtime, "zlib does not start");
  }
  ~Inflater() { inflateEnd(&stream); }
};

}  // namespace

bool is_gzip(std::string_view bytes) {
  return bytes.size() >= 2 && bytes[0] == '\x1f' && bytes[1] == '\x8b';
}

std::string gunzip(std::string_view bytes, std::uint64_t most) {
  std::string content;
  while (!bytes.empty()) {
    if (!is_gzip(bytes)) {
      if (content.empty()) fail(Exit::data, "not gzip data");
      break;  // trailing padding, as gzip itself ignores it
    }
    Inflater inflater;
    z_stream& stream = inflater.stream;
    int status = Z_OK;
    std::string_view rest = bytes;
    while (status != Z_STREAM_END) {
      const std::size_t piece =
          std::min<std::size_t>(rest.size(), std::numeric_limits<uInt>::max());
      stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(rest.data()));
      stream.avail_in = static_cast<uInt>(piece);
      const std::size_t done = content.size();
      content.resize(done + unpacked_at_once);
      stream.next_out = reinterpret_cast<Bytef*>(content.data() + done);
      stream.avail_out = static_cast<uInt>(content.size() - done);
      status = inflate(&stream, Z_NO_FLUSH);
      content.resize(content.size() - stream.avail_out);
      rest.remove_prefix(piece - stream.avail_in);
      if (content.size() > most)
        fail(Exit::data, "gzip data unpack to more than the " + std::to_string(most) +
                             " bytes that a structure may have");
      if (status == Z_BUF_ERROR || (status == Z_OK && rest.empty() && stream.avail_out > 0))
        fail(Exit::data, "gzip data are cut short");
      if (status != Z_OK && status != Z_STREAM_END)
        fail(Exit::data,
             std::string("gzip data are damaged: ") + (stream.msg ? stream.msg : "unknown error"));
    }
    bytes = rest;
  }
  return content;
}

}  // namespace jespr::data
