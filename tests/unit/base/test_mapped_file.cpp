#include "base/mapped_file.h"

#include <gtest/gtest.h>

#include <fstream>

#include "support/support.h"

namespace mgit {
namespace {

TEST(MappedFile, SeesWritesAndReplacements) {
  const testing::TemporaryDirectory directory;
  const std::filesystem::path path = directory.path() / "file";
  std::ofstream(path) << "content";
  const MappedFile file(path);
  EXPECT_EQ(as_text(file.bytes()), "content");
  EXPECT_TRUE(file.is_unchanged());
  std::filesystem::rename(path, directory.path() / "moved");
  EXPECT_FALSE(file.is_unchanged());
  std::ofstream(path) << "content";
  EXPECT_FALSE(file.is_unchanged());
}

TEST(MappedFile, WhatWasReleasedIsReadAgain) {
  const testing::TemporaryDirectory directory;
  const std::filesystem::path path = directory.path() / "file";
  const std::string content(100'000, 'x');
  std::ofstream(path) << content;
  const MappedFile file(path);
  EXPECT_EQ(as_text(file.bytes()), content);
  file.release(file.bytes().subspan(100, 90'000));
  file.release(file.bytes().subspan(5, 10));  // less than a page
  EXPECT_EQ(as_text(file.bytes()), content);
}

TEST(MappedFileDeathTest, AFileThatShrinksEndsTheProcessWithOneLine) {
  const testing::TemporaryDirectory directory;
  const std::filesystem::path path = directory.path() / "file";
  std::ofstream(path) << std::string(100'000, 'x');
  const MappedFile file(path);
  std::filesystem::resize_file(path, 0);
  EXPECT_EXIT(static_cast<void>(std::string(as_text(file.bytes()))), ::testing::ExitedWithCode(128),
              "fatal: a file became shorter");
}

}  // namespace
}  // namespace mgit
