#include "format/textconv_line.h"

#include <gtest/gtest.h>

#include "mgit/tensor.h"

namespace mgit {
namespace {

const Digest kDigest = sha256(as_bytes("some bytes"));

TEST(TextconvLine, KnowsWhatItWrites) {
  std::string text;
  for (const char* name : {"fc1.weight", "a name with blanks", "norm", "bytes", "é\n\"", "x 12"})
    for (const Shape& shape : {Shape{}, Shape{3}, Shape{16, 8}, Shape{0, 7}})
      for (const char* norm : {"-", "0", "1.5", "1.25e-07", "inf", "nan", "-nan"}) {
        text += textconv_line({name, DType::kF32, shape}, kDigest, norm);
        EXPECT_TRUE(is_textconv(text)) << text;
      }
  text += textconv_line(4096, kDigest);
  EXPECT_TRUE(is_textconv(text));
  EXPECT_TRUE(is_textconv(textconv_line(0, kDigest)));
  EXPECT_TRUE(is_textconv(textconv_lines_of_unreadable("ends early", 12, kDigest)));
}

TEST(TextconvLine, KnowsNothingElse) {
  const std::string line = textconv_line({"w", DType::kF32, {2}}, kDigest, "1");
  EXPECT_FALSE(is_textconv(""));
  EXPECT_FALSE(is_textconv("\n"));
  EXPECT_FALSE(is_textconv(line.substr(0, line.size() - 1)));  // git hands over whole texts
  EXPECT_FALSE(is_textconv(line + "more\n"));
  EXPECT_FALSE(is_textconv(line + "\n"));
  EXPECT_FALSE(is_textconv("F32 2 0123456789ab norm 1\n"));
  EXPECT_FALSE(is_textconv("w F99 2 0123456789ab norm 1\n"));
  EXPECT_FALSE(is_textconv("w F32 2 0123456789a norm 1\n"));
  EXPECT_FALSE(is_textconv("w F32 2 0123456789ab norm\n"));
  EXPECT_FALSE(is_textconv("bytes 12\n"));
  EXPECT_FALSE(is_textconv("bytes  0123456789ab\n"));
  EXPECT_FALSE(is_textconv("mgit checkpoint 1\nformat safetensors\n"));
  EXPECT_FALSE(is_textconv("version https://git-lfs.github.com/spec/v1\n"));
}

}  // namespace
}  // namespace mgit
