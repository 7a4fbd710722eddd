#include "git/message_draft.h"

#include <gtest/gtest.h>

namespace mgit {
namespace {

const std::vector<Trailer> kOne = {{"A", "1"}};
const std::string kCut = "# ------------------------ >8 ------------------------\n";

TEST(MessageDraft, WithoutAnEditorNothingIsAComment) {
  const DraftRules rules;
  EXPECT_EQ(add_trailers("Merge\n", kOne, rules), "Merge\n\nA: 1\n");
  EXPECT_EQ(add_trailers("Merge\n\n#12 is mended\n", kOne, rules),
            "Merge\n\n#12 is mended\n\nA: 1\n");
  EXPECT_EQ(add_trailers("Merge\n\n#12 is mended\nand more\n", kOne, rules),
            "Merge\n\n#12 is mended\nand more\n\nA: 1\n");
  EXPECT_EQ(add_trailers("Merge\n\nSigned-off-by: B\n", kOne, rules),
            "Merge\n\nSigned-off-by: B\nA: 1\n");
}

TEST(MessageDraft, RemarksForTheEditorStayBelow) {
  EXPECT_EQ(add_trailers("Merge\n\n# Please enter\n# a message\n", kOne, {"#", true}),
            "Merge\n\nA: 1\n\n# Please enter\n# a message\n");
  EXPECT_EQ(add_trailers("Merge\n\n#12\nmore\n\n; Please\n", kOne, {";", true}),
            "Merge\n\n#12\nmore\n\nA: 1\n\n; Please\n");
  EXPECT_EQ(add_trailers("Merge\n\n% Please\n", kOne, {"auto", true}),
            "Merge\n\nA: 1\n\n% Please\n");
}

TEST(MessageDraft, WhatIsBelowTheScissorsIsCutOff) {
  for (const bool edited : {false, true})
    EXPECT_EQ(
        add_trailers("Merge\n\nS: x\n" + kCut + "# Conflicts:\n#\tm\nA: 0\n", kOne, {"#", edited}),
        "Merge\n\nS: x\nA: 1\n\n" + kCut + "# Conflicts:\n#\tm\nA: 0\n");
}

TEST(MessageDraft, WithoutAMessageGitShallEndTheCommit) {
  for (const char* draft : {"", "\n", "\n\n# Please\n"})
    EXPECT_EQ(add_trailers(draft, kOne, {"#", true}), draft);
  EXPECT_EQ(add_trailers("#12\n", kOne, {}), "#12\n\nA: 1\n");
}

TEST(MessageDraft, LinesThatEndAsOnWindows) {
  EXPECT_EQ(add_trailers("Merge\r\n\r\nChange-Id: I1\r\n\r\n# Please\r\n", kOne, {"#", true}),
            "Merge\r\n\r\nChange-Id: I1\r\nA: 1\n\r\n# Please\r\n");
}

}  // namespace
}  // namespace mgit
