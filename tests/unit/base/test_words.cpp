#include "base/words.h"

#include <gtest/gtest.h>

#include <limits>

namespace mgit {
namespace {

TEST(Words, OneAndMany) {
  EXPECT_EQ(counted(0, "value"), "0 values");
  EXPECT_EQ(counted(1, "value"), "1 value");
  EXPECT_EQ(counted(2, "value"), "2 values");
  EXPECT_EQ(counted(2, "entry"), "2 entries");
  EXPECT_EQ(counted(2, "key"), "2 keys");
  EXPECT_EQ(counted(1, "axis"), "1 axis");
  EXPECT_EQ(counted(2, "branch"), "2 branches");
}

TEST(Words, Sizes) {
  EXPECT_EQ(size_text(0), "0 bytes");
  EXPECT_EQ(size_text(1), "1 byte");
  EXPECT_EQ(size_text(999), "999 bytes");
  EXPECT_EQ(size_text(1000), "1.0 kB");
  EXPECT_EQ(size_text(999949), "999.9 kB");
  EXPECT_EQ(size_text(999950), "1.0 MB");
  EXPECT_EQ(size_text(3730064), "3.7 MB");
  EXPECT_EQ(size_text(std::numeric_limits<std::uint64_t>::max()), "18.4 EB");
}

}  // namespace
}  // namespace mgit
