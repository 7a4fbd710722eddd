#include "store/background_writer.h"

#include <gtest/gtest.h>

#include "store_support.h"

namespace mgit {
namespace {

using namespace mgit::testing;

/// Appends pieces until `size` bytes are given; failed calls are counted and passed over, as the
/// other threads of a batch do that have not heard of the failure.
int failed_writes(BackgroundWriter& writer, std::size_t size, std::size_t piece) {
  const Buffer data(piece, std::byte{7});
  int failed = 0;
  for (std::size_t given = 0; given < size; given += piece) try {
      writer.write(data);
    } catch (const Error&) {
      ++failed;
    }
  return failed;
}

TEST(BackgroundWriter, WritesWhatItWasGiven) {
  for (const std::size_t size : {0U, 1U, 2U << 20, (4U << 20) + 5, 17U << 20}) {
    const TemporaryDirectory directory;
    const auto path = directory.path() / "file";
    const os::File file = os::create(path);
    BackgroundWriter writer;
    writer.open(file, path);
    writer.write(Buffer(size, std::byte{'x'}));
    writer.finish();
    EXPECT_EQ(read_whole(path), std::string(size, 'x'));
  }
}

TEST(BackgroundWriter, WhatIsFlushedCanBeRead) {
  for (const std::size_t piece : {std::size_t{1000}, (std::size_t{5} << 20) + 1}) {
    const TemporaryDirectory directory;
    const auto path = directory.path() / "file";
    const os::File file = os::create(path);
    BackgroundWriter writer;
    writer.open(file, path);
    std::string expected;
    for (char letter = 'a'; letter < 'e'; ++letter) {
      writer.write(Buffer(piece, static_cast<std::byte>(letter)));
      expected += std::string(piece, letter);
      writer.flush();
      ASSERT_TRUE(read_whole(path) == expected) << letter << ", pieces of " << piece;
    }
    writer.write(Buffer(piece, std::byte{'e'}));
    writer.finish();
    EXPECT_TRUE(read_whole(path) == expected + std::string(piece, 'e'));
  }
}

TEST(BackgroundWriter, EveryCallAfterAFailedWriteFails) {
  for (const std::size_t piece : {std::size_t{1000}, std::size_t{1} << 20, std::size_t{5} << 20})
    for (int n = 1; n <= 8; ++n) {
      const TemporaryDirectory directory;
      const auto path = directory.path() / "file";
      const os::File file = os::create(path);
      BackgroundWriter writer;
      writer.open(file, path);
      os::fail_at(n);
      // Twenty blocks of two MiB: the first eight writes are those of the thread.
      const int failed = failed_writes(writer, std::size_t{40} << 20, piece);
      os::fail_at(0);
      EXPECT_GT(failed, 0) << "write " << n << ", pieces of " << piece;
      EXPECT_THROW(writer.write(Buffer(std::size_t{3} << 20)), Error);
      EXPECT_THROW(writer.finish(), Error);
    }
}

TEST(BackgroundWriter, AFailedEndIsNotTakenForAnEnd) {
  const TemporaryDirectory directory;
  const auto path = directory.path() / "file";
  const os::File file = os::create(path);
  BackgroundWriter writer;
  writer.open(file, path);
  writer.write(Buffer(10));
  os::fail_at(1);
  EXPECT_THROW(writer.finish(), Error);
  os::fail_at(0);
  EXPECT_THROW(writer.finish(), Error);
}

}  // namespace
}  // namespace mgit
