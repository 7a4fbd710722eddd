#include <gtest/gtest.h>

#include <array>

#include "base/hex.h"
#include "mgit/base.h"

namespace mgit {
namespace {

TEST(Hex, TextOfBytesAndBack) {
  const std::array<std::uint8_t, 3> bytes{0x00, 0x9f, 0xe1};
  EXPECT_EQ(hex_text(bytes), "009fe1");
  std::array<std::uint8_t, 3> read{};
  EXPECT_TRUE(parse_hex("009FE1", read));
  EXPECT_EQ(read, bytes);
}

TEST(Hex, RefusesOtherLengthsAndCharacters) {
  std::array<std::uint8_t, 2> out{};
  for (const char* text : {"", "abc", "abcdef", "ab g", "0x12", "ab\n1", "12-4"})
    EXPECT_FALSE(parse_hex(text, out)) << text;
}

TEST(Hex, ADigestIsLowerCase) {
  EXPECT_TRUE(Digest::from_hex(std::string(64, 'a')));
  EXPECT_FALSE(Digest::from_hex(std::string(64, 'A')));
}

}  // namespace
}  // namespace mgit
