#include <gmock/gmock.h>

#include "mgit/git.h"

namespace mgit {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(Trailers, AreTheLastParagraph) {
  EXPECT_THAT(trailers_of("subject\n\nbody: not this\n\nMgit-Spec: abc proof numeric\nB: 2\n"),
              ElementsAre(Trailer{"Mgit-Spec", "abc proof numeric"}, Trailer{"B", "2"}));
}

TEST(Trailers, SubjectNeverCounts) {
  EXPECT_THAT(trailers_of("fix: the thing"), IsEmpty());
  EXPECT_THAT(trailers_of("fix: the thing\n"), IsEmpty());
  EXPECT_THAT(trailers_of("fix: the thing\nMore: of it\n"), IsEmpty());
  EXPECT_THAT(trailers_of("\n\nfix: the thing\n\n"), ElementsAre(Trailer{"fix", "the thing"}));
  EXPECT_THAT(trailers_of(""), IsEmpty());
}

TEST(Trailers, OddMessages) {
  EXPECT_THAT(trailers_of("subject\r\n\r\nA: 1\r\nB:2\r\n"),
              ElementsAre(Trailer{"A", "1"}, Trailer{"B", "2"}));
  EXPECT_THAT(trailers_of("subject\n\nA: 1"), ElementsAre(Trailer{"A", "1"}));
  EXPECT_THAT(trailers_of("subject\n\nA: 1\n# comment\nB: 2\n\n# Conflicts:\n#\tx\n"),
              ElementsAre(Trailer{"A", "1"}, Trailer{"B", "2"}));
  EXPECT_THAT(trailers_of("subject\n\nA: 1\n  and more\nB : 2\nC:\n"),
              ElementsAre(Trailer{"A", "1 and more"}, Trailer{"B", "2"}, Trailer{"C", ""}));
  EXPECT_THAT(trailers_of("subject\n\n  A: indented\n"), IsEmpty());
}

TEST(Trailers, ProseIsNoTrailer) {
  EXPECT_THAT(trailers_of("subject\n\nNote: this\nis prose\n"), IsEmpty());
  EXPECT_THAT(trailers_of("subject\n\nsee http://example.com\n"), IsEmpty());
  EXPECT_THAT(trailers_of("subject\n\nprose\nSigned-off-by: A <a@b>\n"),
              ElementsAre(Trailer{"Signed-off-by", "A <a@b>"}));
}

TEST(WithTrailers, BlankLineOnlyWhereNeeded) {
  const std::vector<Trailer> one = {{"A", "1"}};
  EXPECT_EQ(with_trailers("subject", one), "subject\n\nA: 1\n");
  EXPECT_EQ(with_trailers("subject\n", one), "subject\n\nA: 1\n");
  EXPECT_EQ(with_trailers("fix: it\n", one), "fix: it\n\nA: 1\n");
  EXPECT_EQ(with_trailers("subject\n\nB: 2\n", one), "subject\n\nB: 2\nA: 1\n");
  EXPECT_EQ(with_trailers("subject\n\nB: 2", one), "subject\n\nB: 2\nA: 1\n");
  EXPECT_EQ(with_trailers("subject\n\nbody\n\n\n", one), "subject\n\nbody\n\nA: 1\n");
  EXPECT_EQ(with_trailers("subject\n\nB: 2\n\n# hint\n", one), "subject\n\nB: 2\nA: 1\n\n# hint\n");
  EXPECT_EQ(with_trailers("subject\r\n\r\nB: 2\r\n", one), "subject\r\n\r\nB: 2\r\nA: 1\n");
  EXPECT_EQ(with_trailers("subject\n\n#12 is mended\n", one), "subject\n\n#12 is mended\n\nA: 1\n");
  EXPECT_EQ(with_trailers("untouched", {}), "untouched");
}

TEST(WithTrailers, IsReadBack) {
  const std::vector<Trailer> two = {{"Mgit-Spec", "abc"}, {"Mgit-Origin", "two\nlines"}};
  for (const char* message :
       {"subject\n", "fix: it", "a\n\nb\n", "a\n\nK: v\n", "", "a\r\n\r\nb\r\n", "a\n# b\n"}) {
    const std::vector<Trailer> read = trailers_of(with_trailers(message, two));
    ASSERT_GE(read.size(), 2U) << message;
    EXPECT_EQ(read[read.size() - 2], two[0]) << message;
    EXPECT_EQ(read.back(), (Trailer{"Mgit-Origin", "two lines"})) << message;
  }
}

TEST(WithoutTrailers, UndoesWithTrailers) {
  const std::vector<Trailer> two = {{"Mgit-Spec", "abc"}, {"Mgit-Origin", "two\nlines"}};
  for (const char* message : {"subject\n", "fix: it\n", "a\n\nb\n", "a\n\nK: v\n"})
    EXPECT_EQ(without_trailers(with_trailers(message, two), "Mgit-"), message);
}

TEST(WithoutTrailers, KeepsTheOthers) {
  EXPECT_EQ(without_trailers("s\n\nA: 1\nMgit-B: 2\n folded\nC: 3\n", "Mgit-"),
            "s\n\nA: 1\nC: 3\n");
  EXPECT_EQ(without_trailers("Mgit-B: subject\n\nMgit-C: 1\n", "Mgit-"), "Mgit-B: subject\n");
  EXPECT_EQ(without_trailers("s\n\nprose Mgit-B: 2\n", "Mgit-"), "s\n\nprose Mgit-B: 2\n");
}

TEST(Commit, SubjectIsTheFirstParagraph) {
  Commit commit;
  commit.message = "\n  one\ntwo\r\n\nthree\n";
  EXPECT_EQ(commit.subject(), "one two");
  commit.message = "";
  EXPECT_EQ(commit.subject(), "");
}

TEST(Oid, HexRoundTrip) {
  const std::string hex = "0123456789abcdef0123456789abcdef01234567";
  ASSERT_TRUE(Oid::from_hex(hex));
  EXPECT_EQ(Oid::from_hex(hex)->hex(), hex);
  EXPECT_EQ(Oid::from_hex(hex)->brief(), "0123456789");
  EXPECT_FALSE(Oid::from_hex("0123"));
  EXPECT_FALSE(Oid::from_hex(std::string(40, 'g')));
}

}  // namespace
}  // namespace mgit
