#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "git/attribute_lines.h"
#include "git/lfs.h"
#include "git/object_database.h"

namespace mgit {
namespace {

const std::string kOid = "4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393";
const std::string kPointer =
    "version https://git-lfs.github.com/spec/v1\noid sha256:" + kOid + "\nsize 12345\n";

TEST(LfsPointer, IsReadAndWritten) {
  const auto pointer = parse_lfs_pointer(kPointer);
  ASSERT_TRUE(pointer);
  EXPECT_EQ(pointer->object.hex(), kOid);
  EXPECT_EQ(pointer->size, 12345U);
  EXPECT_EQ(lfs_pointer_text(*pointer), kPointer);
}

TEST(LfsPointer, AcceptsNothingElse) {
  for (std::size_t length = 0; length < kPointer.size(); ++length)
    EXPECT_FALSE(parse_lfs_pointer(kPointer.substr(0, length))) << length;
  EXPECT_FALSE(parse_lfs_pointer(kPointer + "x\n"));
  EXPECT_FALSE(parse_lfs_pointer(kPointer + std::string(1024, ' ')));
  std::string huge = kPointer;
  huge.replace(huge.find("12345"), 5, "99999999999999999999999");
  EXPECT_FALSE(parse_lfs_pointer(huge));
}

TEST(AttributeLines, ChangeHandsAndComeBack) {
  const std::string lfs =
      "# a comment\n*.txt text\n*.pt filter=lfs diff=lfs merge=lfs -text lockable\n"
      "\"a b.pt\"  filter=lfs diff=lfs merge=lfs -text\n*.psd filter=lfs diff=lfs merge=lfs "
      "-text\n";
  const std::vector<std::string> patterns{"*.pt", "a b.pt"};
  const std::string ours = attributes_to_mgit(lfs, patterns, true);
  EXPECT_THAT(ours, testing::HasSubstr("*.pt filter=mgit diff=mgit merge=mgit -text lockable\n"));
  EXPECT_THAT(ours, testing::HasSubstr("\"a b.pt\"  filter=mgit diff=mgit merge=mgit -text\n"));
  EXPECT_THAT(ours, testing::HasSubstr("*.psd filter=lfs"));
  EXPECT_EQ(attributes_to_mgit(ours, patterns, true), ours);
  EXPECT_EQ(attributes_from_mgit(ours, std::nullopt, true), lfs);
  EXPECT_EQ(attributes_from_mgit(ours, std::nullopt, false),
            "# a comment\n*.txt text\n*.pt lockable\n*.psd filter=lfs diff=lfs merge=lfs -text\n");
}

TEST(AttributeLines, AreAddedAndTakenAway) {
  for (const std::string before : {"", "*.txt text\n", "# last\n\n"}) {
    const std::string after = attributes_to_mgit(before, {"*.pt", "/with blank"}, true);
    EXPECT_EQ(after, before +
                         "*.pt filter=mgit diff=mgit merge=mgit -text\n"
                         "\"/with blank\" filter=mgit diff=mgit merge=mgit -text\n");
    EXPECT_EQ(attributes_from_mgit(after, std::nullopt, false), before);
    EXPECT_EQ(attributes_to_mgit(before, {"*.pt"}, false), before);
  }
  EXPECT_EQ(attributes_to_mgit("*.txt text", {"*.pt"}, true),
            "*.txt text\n*.pt filter=mgit diff=mgit merge=mgit -text\n");
}

TEST(RawTree, ComesBackAndKeepsItsOrder) {
  const Oid id = *Oid::from_hex(std::string(40, 'a'));
  std::vector<RawEntry> entries{{"100664", "a", id}, {"40000", "b", id}, {"100644", "b.c", id}};
  std::swap(entries[1], entries[2]);  // git sorts a directory as "b/"
  const std::string content = tree_content(entries);
  EXPECT_EQ(tree_content(parse_tree(content)), content);
  insert_file(entries, {"100644", ".gitattributes", id});
  insert_file(entries, {"100644", "b0", id});
  insert_file(entries, {"100755", "a", id});
  std::string names;
  for (const RawEntry& entry : entries) names += entry.name + " ";
  EXPECT_EQ(names, ".gitattributes a b.c b b0 ");
  EXPECT_EQ(entries[1].mode, "100755");
  for (std::size_t length = 1; length < content.size(); ++length) try {
      EXPECT_EQ(tree_content(parse_tree(content.substr(0, length))), content.substr(0, length));
    } catch (const CorruptError&) {
    }
}

}  // namespace
}  // namespace mgit
