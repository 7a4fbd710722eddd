#include "base/os.h"

#include <gtest/gtest.h>

#include "mgit/base.h"
#include "support/support.h"

namespace mgit {
namespace {

TEST(ReadFile, GivesEveryByte) {
  const testing::TemporaryDirectory directory;
  for (const std::size_t size : {0, 1, 65535, 65536, 65537, 200'000}) {
    std::string content(size, '\0');
    for (std::size_t i = 0; i < size; ++i) content[i] = static_cast<char>(i * i >> 3);
    os::write_file(directory.path() / "file", as_bytes(content));
    EXPECT_EQ(os::read_file(directory.path() / "file"), content);
  }
}

/// A directory opens, and fails when it is read, as a file on a failing disk does.
TEST(ReadFile, FailsWhenReadingDoes) {
  const testing::TemporaryDirectory directory;
  EXPECT_THROW(os::read_file(directory.path()), Error);
  EXPECT_THROW(os::read_file(directory.path() / "none"), MissingError);
}

}  // namespace
}  // namespace mgit
