// Hashes against published values.
#include "base/hash.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace jespr {
namespace {

TEST(Hash, fnv1a64_known_answers) {
  static_assert(fnv1a64("") == 0xcbf29ce484222325);
  EXPECT_EQ(fnv1a64("a"), 0xaf63dc4c8601ec8cU);
  EXPECT_EQ(fnv1a64("foobar"), 0x85944171f73967e8U);
}

std::uint64_t digest_of(const std::string& text, std::uint64_t seed = 0) {
  return digest(text.data(), text.size(), seed);
}

// The first rows: well known; the "sanity" buffer: XSUM_sanityCheck of xxHash 0.8.
TEST(Hash, digest_known_answers) {
  EXPECT_EQ(digest_of(""), 0xef46db3751d8e999U);
  EXPECT_EQ(digest_of("a"), 0xd24ec4f1a98c6e5bU);
  EXPECT_EQ(digest_of("abc"), 0x44bc2cf5ad770999U);
  EXPECT_EQ(digest_of("Nobody inspects the spammish repetition"), 0xfbcea83c8a378bf1U);
  std::vector<unsigned char> sanity(222);
  std::uint64_t generator = 2654435761U;  // PRIME32
  for (unsigned char& byte : sanity) {
    byte = static_cast<unsigned char>(generator >> 56);
    generator *= 11400714785074694797U;  // PRIME64
  }
  EXPECT_EQ(digest(sanity.data(), 1), 0xe934a84adb052768U);
  EXPECT_EQ(digest(sanity.data(), 14), 0x8282dcc4994e35c8U);
  EXPECT_EQ(digest(sanity.data(), 222), 0xb641ae8cb691c174U);
  EXPECT_EQ(digest(sanity.data(), 222, 2654435761U), 0x20cb8ab7ae10c14aU);
}

TEST(Hash, digest_sees_order_and_single_bits) {
  std::string text(1000, 'x');
  const std::uint64_t before = digest_of(text);
  for (std::size_t i : {0U, 31U, 500U, 999U}) {
    std::string changed = text;
    changed[i] ^= 1;
    EXPECT_NE(digest_of(changed), before) << "byte " << i;
  }
  EXPECT_NE(digest_of("ab"), digest_of("ba"));
}

TEST(Hash, text_has_sixteen_digits) {
  EXPECT_EQ(hash_text(0), "0000000000000000");
  EXPECT_EQ(hash_text(0x9c41fedcba987650), "9c41fedcba987650");
}

}  // namespace
}  // namespace jespr
