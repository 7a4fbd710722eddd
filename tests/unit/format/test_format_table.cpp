#include "format/format_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

namespace mgit {
namespace {

TEST(FormatTable, NamesAreUniqueAndTheLastTakesEveryFile) {
  std::set<std::string_view> names;
  std::set<std::string_view> patterns;
  for (const Format& format : formats()) {
    EXPECT_TRUE(names.insert(format.name).second) << format.name;
    EXPECT_EQ(find_format(format.name), &format);
    EXPECT_TRUE(is_known_format(format.name));
    EXPECT_EQ(is_model_format(format.name), format.is_model);
    EXPECT_NE(format.looks_like, nullptr);
    for (const std::string_view pattern : format.patterns)
      EXPECT_TRUE(patterns.insert(pattern).second) << pattern;
  }
  const Format& last = formats().back();
  EXPECT_EQ(last.name, kWholeFile);
  EXPECT_EQ(last.parse, nullptr);
  EXPECT_EQ(find_format("sharded"), nullptr);
  EXPECT_EQ(rewriting_of("sharded"), Rewriting::kFree);
}

TEST(FormatTable, AFileOfAStrictEndingIsThatFormatOrRefused) {
  const std::string text = "no checkpoint at all";
  EXPECT_EQ(parse_checkpoint(as_bytes(text), "a.txt").format, kWholeFile);
  for (const Format& format : formats()) {
    if (format.strict_ending.empty()) continue;
    const std::string path = "a" + std::string(format.strict_ending);
    EXPECT_THROW(parse_checkpoint(as_bytes(text), path), CorruptError) << path;
  }
}

}  // namespace
}  // namespace mgit
