// Lines of .gitattributes: quoting as git reads it.
#include "git/attribute_lines.h"

#include <gtest/gtest.h>

namespace mgit {
namespace {

TEST(AttributeLines, APatternComesBackFromItsLine) {
  for (const std::string pattern :
       {"*.pt", "two  blanks", " leads", "trails ", "a\"b", "back\\slash and blank", "tab\there",
        "line\nend", "cr\rhere", "#1 best", "\"", "/\\[x] y", "[attr] z"}) {
    const std::string line = mgit_attribute_line(pattern);
    EXPECT_EQ(line.find('\n'), std::string::npos) << line;
    EXPECT_EQ(mgit_pattern(line + "\n"), pattern) << line;
  }
}

TEST(AttributeLines, QuotedPatternsAreReadAsGitReadsThem) {
  EXPECT_EQ(mgit_pattern(R"("\303\251 \a\b\f\v" filter=mgit)"), "\xc3\xa9 \a\b\f\v");
  EXPECT_EQ(mgit_pattern("\"open filter=mgit"), "\"open");
  EXPECT_EQ(mgit_pattern(R"("bad\q" filter=mgit)"), R"("bad\q")");
  EXPECT_EQ(mgit_pattern("# filter=mgit"), "");
  EXPECT_EQ(mgit_pattern("[attr]m filter=mgit"), "");
}

TEST(AttributeLines, AnExactPatternHasNoWildcards) {
  EXPECT_EQ(exact_pattern("run[1]*?.bin"), "/run\\[1]\\*\\?.bin");
  EXPECT_EQ(exact_pattern("a/b\\c"), "/a/b\\\\c");
}

}  // namespace
}  // namespace mgit
