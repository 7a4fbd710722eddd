#include <gtest/gtest.h>

#include "base/markdown.h"

namespace mgit {
namespace {

TEST(Markdown, PlainTextIsACodeSpan) {
  EXPECT_EQ(markdown_code("fc1.weight"), "`fc1.weight`");
  EXPECT_EQ(markdown_code("<img src=x> @team #1 **b** [a](b)"),
            "`<img src=x> @team #1 **b** [a](b)`");
  EXPECT_EQ(markdown_code("Übung"), "`Übung`");
}

TEST(Markdown, WhatWouldEndASpanOrACellIsNumbered) {
  EXPECT_EQ(markdown_code("a`b"), "<code>a&#96;b</code>");
  EXPECT_EQ(markdown_code("a|b"), "<code>a&#124;b</code>");
  EXPECT_EQ(markdown_code("a\\"), "<code>a&#92;</code>");
  EXPECT_EQ(markdown_code("`</code><script>"),
            "<code>&#96;&#60;&#47;code&#62;&#60;script&#62;</code>");
  EXPECT_EQ(markdown_code(" a"), "<code> a</code>");
  EXPECT_EQ(markdown_code(""), "<code></code>");
}

TEST(Markdown, OneLineWithoutWhatDeceives) {
  EXPECT_EQ(markdown_code("a\n\n# b\r\n|"), "<code>a  &#35; b  &#124;</code>");
  EXPECT_EQ(markdown_code("a\x01\x7F"), "`a??`");
  EXPECT_EQ(markdown_code("a\xFF\xE2\x80\xAE\xEF\xBB\xBF\xC0\x80"),
            "`a\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD`");
  EXPECT_EQ(markdown_code("\xED\xA0\x80"), "`\uFFFD\uFFFD\uFFFD`");
}

TEST(Markdown, LongTextIsCut) {
  EXPECT_EQ(markdown_code("abcdef", 3), "`abc…`");
  EXPECT_EQ(markdown_code("aé", 2), "`a\uFFFD…`");
}

TEST(Markdown, ABlockEndsWhereItShould) {
  EXPECT_EQ(markdown_block("a\nb"), "```\na\nb\n```\n");
  EXPECT_EQ(markdown_block("```\nx````y\n", "sh"), "`````sh\n```\nx````y\n`````\n");
}

TEST(Markdown, Tables) {
  EXPECT_EQ(markdown_table({"a", "b"}, {{"x", "1"}, {"y", "2"}}),
            "| a | b |\n| --- | ---: |\n| x | 1 |\n| y | 2 |\n");
}

}  // namespace
}  // namespace mgit
