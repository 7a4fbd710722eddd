// What git sends through the pipe, with and without the file that it probably is.
#include "worktree/received_content.h"

#include <gtest/gtest.h>

#include <fstream>

#include "support/support.h"

namespace mgit {
namespace {

class Received : public ::testing::Test {
 protected:
  std::filesystem::path write(const std::string& text) {
    const std::filesystem::path file = directory_.path() / "file";
    std::ofstream(file, std::ios::binary) << text;
    return file;
  }
  ReceivedContent content(const std::filesystem::path& file) {
    return ReceivedContent(file, [this] { return directory_.path() / "tmp"; });
  }

  testing::TemporaryDirectory directory_;
};

TEST_F(Received, TheFileStandsForWhatAgrees) {
  ReceivedContent received = content(write("one two"));
  received.append("one");
  received.append(" two");
  received.finish();
  ASSERT_NE(received.agreeing(), nullptr);
  EXPECT_EQ(received.content().data(), received.agreeing()->bytes().data());
  EXPECT_NO_THROW(received.check_unchanged());
  write("one 222");
  EXPECT_THROW(received.check_unchanged(), Error);
}

TEST_F(Received, IsWhatWasSentWhereTheFileIsAnother) {
  for (const std::string file : {"one twoo", "one tw", "one tao", "", "Xne two"}) {
    ReceivedContent received = content(write(file));
    received.append("one");
    received.append(" two");
    received.finish();
    EXPECT_EQ(received.agreeing(), nullptr) << file;
    EXPECT_EQ(as_text(received.content()), "one two") << file;
    EXPECT_NO_THROW(received.check_unchanged());
  }
}

/// What git read is then a mixture, and what agreed at first is not in the file any more.
TEST_F(Received, RefusesAFileThatChangesWhileItIsSent) {
  ReceivedContent received = content(write("one two three"));
  received.append("one");
  write("ONE TWO THREE, and four");
  received.append(" TWO THREE, and four");
  received.finish();
  EXPECT_THROW(received.check_unchanged(), Error);
}

TEST_F(Received, NeedsNoFile) {
  ReceivedContent received = content({});
  EXPECT_EQ(received.agreeing(), nullptr);
  received.append("text");
  received.finish();
  EXPECT_EQ(as_text(received.content()), "text");
}

TEST_F(Received, LargeContentLeavesMemory) {
  const std::string part(1 << 20, 'x');
  const std::filesystem::path file = write(part + part + "and so on");
  ReceivedContent received = content(file);
  for (int i = 0; i < 70; ++i) received.append(part);
  received.append("end");
  received.finish();
  const Bytes bytes = received.content();
  ASSERT_EQ(bytes.size(), 70 * part.size() + 3);
  EXPECT_EQ(as_text(bytes.first(part.size())), part);
  EXPECT_EQ(as_text(bytes.last(4)), "xend");
  EXPECT_TRUE(std::filesystem::is_empty(directory_.path() / "tmp"));
}

}  // namespace
}  // namespace mgit
