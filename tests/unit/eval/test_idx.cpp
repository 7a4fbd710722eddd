#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include <cstring>
#include <fstream>

#include "eval/idx.h"
#include "support/support.h"

namespace mgit {
namespace {

namespace fs = std::filesystem;

std::string big_endian(std::uint32_t value) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(value >> shift & 0xFFU);
  return bytes;
}

std::string idx_text(const std::vector<std::uint32_t>& shape, const std::string& values) {
  std::string text = big_endian(0x0800U + static_cast<std::uint32_t>(shape.size()));
  for (const std::uint32_t extent : shape) text += big_endian(extent);
  return text + values;
}

class Idx : public ::testing::Test {
 protected:
  fs::path write(const std::string& name, const std::string& text) {
    const fs::path path = directory_.path() / name;
    std::ofstream(path, std::ios::binary) << text;
    return path;
  }
  fs::path write_gzip(const std::string& name, const std::string& text) {
    const fs::path path = directory_.path() / name;
    gzFile file = ::gzopen(path.c_str(), "wb");
    ::gzwrite(file, text.data(), static_cast<unsigned>(text.size()));
    ::gzclose(file);
    return path;
  }

  testing::TemporaryDirectory directory_;
};

TEST_F(Idx, ReadsPlainAndGzippedFiles) {
  const std::string text = idx_text({2, 3}, "abcdef");
  for (const fs::path& path : {write("plain", text), write_gzip("packed.gz", text)}) {
    const IdxArray array = read_idx(path);
    EXPECT_EQ(array.shape, (Shape{2, 3}));
    EXPECT_EQ(as_text(array.values), "abcdef");
  }
}

TEST_F(Idx, RefusesWhatIsNotWhatItsHeaderSays) {
  EXPECT_THROW(read_idx(directory_.path() / "absent"), MissingError);
  EXPECT_THROW(read_idx(write("empty", "")), CorruptError);
  EXPECT_THROW(read_idx(write("header", idx_text({2, 3}, "").substr(0, 9))), CorruptError);
  EXPECT_THROW(read_idx(write("short", idx_text({2, 3}, "abcde"))), CorruptError);
  EXPECT_THROW(read_idx(write("long", idx_text({2, 3}, "abcdefg"))), CorruptError);
  EXPECT_THROW(read_idx(write("floats", big_endian(0x0D01) + big_endian(1) + "abcd")),
               CorruptError);
  EXPECT_THROW(read_idx(write("rank", big_endian(0x0800))), CorruptError);
  EXPECT_THROW(read_idx(write("text", "this is no idx file")), CorruptError);
}

TEST_F(Idx, AHugeClaimCostsNoMemory) {
  EXPECT_THROW(read_idx(write("huge", idx_text({0xFFFFFFFF, 0xFFFFFFFF}, "abc"))), CorruptError);
  EXPECT_THROW(read_idx(write("overflow", idx_text({0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF}, "abc"))),
               CorruptError);
}

TEST_F(Idx, DamagedGzipIsAnError) {
  const fs::path path = write_gzip("damaged.gz", idx_text({4, 4}, "0123456789abcdef"));
  fs::resize_file(path, fs::file_size(path) - 12);
  EXPECT_THROW(read_idx(path), CorruptError);
}

TEST_F(Idx, EveryTruncationIsRefused) {
  const std::string text = idx_text({3, 2, 2}, "abcdefghijkl");
  for (std::size_t length = 0; length < text.size(); ++length)
    EXPECT_THROW(read_idx(write("cut", text.substr(0, length))), CorruptError) << length;
}

TEST_F(Idx, MnistBecomesNormalisedPicturesAndTargets) {
  write("t10k-images-idx3-ubyte", idx_text({2, 1, 2}, std::string("\x00\xFF\x80\x00", 4)));
  write_gzip("t10k-labels-idx1-ubyte.gz", idx_text({2}, std::string("\x07\x02", 2)));
  const MemoryModel data = read_mnist(directory_.path(), "t10k");
  const TensorData input = data.read("input");
  EXPECT_EQ(input.view.shape, (Shape{2, 1, 1, 2}));
  std::vector<float> pixels(4);
  to_float(input.view, pixels);
  EXPECT_FLOAT_EQ(pixels[0], -0.1307F / 0.3081F);
  EXPECT_FLOAT_EQ(pixels[1], (1 - 0.1307F) / 0.3081F);
  std::int64_t targets[2];
  std::memcpy(targets, data.read("target").view.data.data(), sizeof(targets));
  EXPECT_EQ(targets[0], 7);
  EXPECT_EQ(targets[1], 2);
}

TEST_F(Idx, MnistPairsThatDoNotBelongTogetherAreRefused) {
  write("train-images-idx3-ubyte", idx_text({2, 1, 1}, "ab"));
  EXPECT_THROW(read_mnist(directory_.path(), "train"), MissingError);
  write("train-labels-idx1-ubyte", idx_text({3}, "abc"));
  EXPECT_THROW(read_mnist(directory_.path(), "train"), CorruptError);
}

}  // namespace
}  // namespace mgit
