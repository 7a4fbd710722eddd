#include "eval/idx.h"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>

#include "eval/labelled_images.h"

namespace mgit {
namespace {

constexpr unsigned kUnsignedByte = 0x08;
constexpr unsigned kMaxRank = 4;
constexpr float kMnistMean = 0.1307F;
constexpr float kMnistDeviation = 0.3081F;

/// Reads plain files, too: zlib passes them through.
class GzipReader {
 public:
  explicit GzipReader(const std::filesystem::path& path)
      : path_(path.string()), file_(::gzopen(path.c_str(), "rb"), ::gzclose) {
    if (!file_) throw MissingError("cannot be opened", path_);
  }

  /// Bytes read: fewer than asked for only at the end.
  std::size_t read(std::span<std::byte> out) {
    const int n = ::gzread(file_.get(), out.data(), static_cast<unsigned>(out.size()));
    if (n < 0) throw CorruptError("is damaged: " + error(), path_);
    return static_cast<std::size_t>(n);
  }

  std::uint32_t big_endian() {
    std::array<std::byte, 4> bytes{};
    if (read(bytes) != bytes.size()) throw CorruptError("ends within its header", path_);
    std::uint32_t value = 0;
    for (const std::byte byte : bytes) value = value << 8U | std::to_integer<std::uint32_t>(byte);
    return value;
  }

 private:
  std::string error() const {
    int number = 0;
    return ::gzerror(file_.get(), &number);
  }

  std::string path_;
  std::unique_ptr<gzFile_s, int (*)(gzFile_s*)> file_;
};

Shape read_header(GzipReader& reader, const std::string& where) {
  const std::uint32_t magic = reader.big_endian();
  const unsigned rank = magic & 0xFFU;
  if (magic >> 16U != 0 || (magic >> 8U & 0xFFU) != kUnsignedByte || rank == 0 || rank > kMaxRank)
    throw CorruptError("is not an idx file of unsigned bytes", where);
  Shape shape;
  for (unsigned axis = 0; axis < rank; ++axis) shape.push_back(reader.big_endian());
  return shape;
}

/// The file `name`, or `name`.gz.
std::filesystem::path find_idx(const std::filesystem::path& directory, const std::string& name) {
  for (const std::string& candidate : {name, name + ".gz"})
    if (std::filesystem::is_regular_file(directory / candidate)) return directory / candidate;
  throw MissingError("there is no such file, nor " + name + ".gz", (directory / name).string(),
                     "MNIST comes as train-* and t10k-*, images-idx3-ubyte and labels-idx1-ubyte");
}

}  // namespace

IdxArray read_idx(const std::filesystem::path& path) {
  constexpr std::uint64_t kChunk = 1U << 20U;
  const std::string where = path.string();
  GzipReader reader(path);
  IdxArray array{read_header(reader, where), {}};
  const std::optional<std::uint64_t> count = element_count(array.shape);
  if (!count) throw CorruptError("claims an impossible size " + shape_text(array.shape), where);
  while (array.values.size() < *count) {
    const std::size_t have = array.values.size();
    array.values.resize(have + std::min<std::uint64_t>(kChunk, *count - have));
    const std::size_t read = reader.read(std::span(array.values).subspan(have));
    if (have + read < array.values.size())
      throw CorruptError(fmt::format("ends after {} of its {} values", have + read, *count), where);
  }
  std::array<std::byte, 1> beyond{};
  if (reader.read(beyond) != 0) throw CorruptError("has bytes after its last value", where);
  return array;
}

MemoryModel read_mnist(const std::filesystem::path& directory, const std::string& stem) {
  const std::filesystem::path image_path = find_idx(directory, stem + "-images-idx3-ubyte");
  const IdxArray images = read_idx(image_path);
  const IdxArray labels = read_idx(find_idx(directory, stem + "-labels-idx1-ubyte"));
  if (images.shape.size() != 3 || labels.shape.size() != 1 ||
      images.shape.front() != labels.shape.front())
    throw CorruptError("images and labels differ in number", image_path.string());
  std::vector<float> pixels(images.values.size());
  std::transform(images.values.begin(), images.values.end(), pixels.begin(), [](std::byte value) {
    return (static_cast<float>(value) / 255 - kMnistMean) / kMnistDeviation;
  });
  std::vector<std::int64_t> targets(labels.values.size());
  std::transform(labels.values.begin(), labels.values.end(), targets.begin(),
                 [](std::byte value) { return std::to_integer<std::int64_t>(value); });
  return labelled_images(pixels, targets, images.shape[1], images.shape[2]);
}

}  // namespace mgit
