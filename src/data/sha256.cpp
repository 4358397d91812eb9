// SHA-256 by libcrypto.
#include "data/sha256.hpp"

#include <openssl/evp.h>

#include <array>

#include "base/error.hpp"

namespace jespr::data {

std::string sha256(std::string_view bytes) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> hash;
  unsigned int length = 0;
  if (EVP_Digest(bytes.data(), bytes.size(), hash.data(), &length, EVP_sha256(), nullptr) != 1)
    fail(Exit::runtime, "libcrypto refuses SHA-256");
  return hexadecimal({reinterpret_cast<const char*>(hash.data()), length});
}

std::string hexadecimal(std::string_view bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (const unsigned char byte : bytes) {
    text += digits[byte >> 4];
    text += digits[byte & 15];
  }
  return text;
}

}  // namespace jespr::data
