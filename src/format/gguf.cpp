#include "format/gguf.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/wire.h"
#include "format/stored_tensors.h"

namespace mgit {
namespace {

constexpr std::string_view kGgufMagic = "GGUF";
constexpr std::uint32_t kGgufMaximumRank = 8;  // ggml itself has 4
constexpr unsigned kGgufMaximumDepth = 8;      // arrays in arrays
constexpr std::uint64_t kUsualAlignment = 32;

enum ValueType : std::uint32_t { kUint32 = 4, kString = 8, kArray = 9 };

/// Of a value of fixed size; 0 for strings, arrays and types that do not exist.
std::uint64_t value_size(std::uint32_t type) {
  constexpr std::uint8_t kSizes[] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
  return type < std::size(kSizes) ? kSizes[type] : 0;
}

struct TypeRow {
  std::uint32_t type;
  DType dtype;
};

// enum ggml_type. Q8_1 (9) is left out: it never stands in files, and its size has changed.
constexpr TypeRow kTypes[] = {
    {0, DType::kF32},    {1, DType::kF16},     {2, DType::kQ4_0},   {3, DType::kQ4_1},
    {6, DType::kQ5_0},   {7, DType::kQ5_1},    {8, DType::kQ8_0},   {10, DType::kQ2_K},
    {11, DType::kQ3_K},  {12, DType::kQ4_K},   {13, DType::kQ5_K},  {14, DType::kQ6_K},
    {15, DType::kQ8_K},  {16, DType::kIq2Xxs}, {17, DType::kIq2Xs}, {18, DType::kIq3Xxs},
    {19, DType::kIq1S},  {20, DType::kIq4Nl},  {21, DType::kIq3S},  {22, DType::kIq2S},
    {23, DType::kIq4Xs}, {24, DType::kI8},     {25, DType::kI16},   {26, DType::kI32},
    {27, DType::kI64},   {28, DType::kF64},    {29, DType::kIq1M},  {30, DType::kBF16},
    {34, DType::kTq1_0}, {35, DType::kTq2_0},  {39, DType::kMxfp4}, {40, DType::kNvfp4},
    {41, DType::kQ1_0},
};

DType dtype_of(std::uint32_t type) {
  const auto* const row = std::find_if(std::begin(kTypes), std::end(kTypes),
                                       [type](const TypeRow& r) { return r.type == type; });
  if (row == std::end(kTypes)) throw CorruptError(fmt::format("unknown tensor type {}", type));
  return row->dtype;
}

/// One pass over a header. Owns nothing: the file outlives it. Throws CorruptError for whatever is
/// not GGUF.
class GgufReader {
 public:
  explicit GgufReader(Bytes file) : file_(file), reader_(file) {}

  std::vector<StoredTensor> read() {
    reader_.take(kGgufMagic.size());
    const std::uint32_t version = reader_.u32();
    if (version != 2 && version != 3) throw CorruptError(fmt::format("GGUF version {}", version));
    const std::uint64_t tensors = reader_.u64();
    const std::uint64_t pairs = reader_.u64();
    for (std::uint64_t i = 0; i < pairs; ++i) pair();
    std::vector<StoredTensor> table;
    for (std::uint64_t i = 0; i < tensors; ++i) table.push_back(tensor());
    place(table);
    return checked_tensors(std::move(table), file_.size());
  }

 private:
  std::string_view string() { return as_text(reader_.take(reader_.u64())); }

  void pair() {
    const std::string_view key = string();
    const std::uint32_t type = reader_.u32();
    if (key != "general.alignment") {
      skip(type, 0);
      return;
    }
    if (type != kUint32) throw CorruptError("general.alignment is not an unsigned number");
    alignment_ = reader_.u32();
    if (alignment_ == 0) throw CorruptError("general.alignment is zero");
  }

  void skip(std::uint32_t type, unsigned depth) {
    if (type == kString) {
      string();
    } else if (type == kArray) {
      if (depth == kGgufMaximumDepth) throw CorruptError("arrays nested too deeply");
      const std::uint32_t element = reader_.u32();
      const std::uint64_t count = reader_.u64();
      if (const std::uint64_t size = value_size(element); size != 0) {
        if (count > reader_.rest().size() / size) throw CorruptError("truncated array");
        reader_.take(count * size);
      } else {
        for (std::uint64_t i = 0; i < count; ++i) skip(element, depth + 1);
      }
    } else if (const std::uint64_t size = value_size(type); size != 0) {
      reader_.take(size);
    } else {
      throw CorruptError(fmt::format("unknown type {} of metadata", type));
    }
  }

  /// Its offset counts from the start of the data, which is not known yet.
  StoredTensor tensor() {
    StoredTensor tensor;
    tensor.info.name = string();
    const std::uint32_t rank = reader_.u32();
    if (rank > kGgufMaximumRank) throw CorruptError(fmt::format("a tensor of rank {}", rank));
    for (std::uint32_t i = 0; i < rank; ++i) tensor.info.shape.push_back(reader_.u64());
    // ggml names the fastest axis first.
    std::reverse(tensor.info.shape.begin(), tensor.info.shape.end());
    tensor.info.dtype = dtype_of(reader_.u32());
    tensor.offset = reader_.u64();
    tensor.length = length_of(tensor.info);
    return tensor;
  }

  void place(std::vector<StoredTensor>& table) const {
    const std::uint64_t end = file_.size() - reader_.rest().size();
    const std::uint64_t start = (end + alignment_ - 1) / alignment_ * alignment_;
    for (StoredTensor& tensor : table)
      if (tensor.offset % alignment_ != 0 ||
          __builtin_add_overflow(tensor.offset, start, &tensor.offset))
        throw CorruptError("offset of tensor " + quote_name(tensor.info.name) + " is impossible");
  }

  Bytes file_;
  wire::Reader reader_;
  std::uint64_t alignment_ = kUsualAlignment;
};

}  // namespace

bool looks_like_gguf(Bytes file) { return as_text(file).starts_with(kGgufMagic); }

std::vector<StoredTensor> parse_gguf(Bytes file) { return GgufReader(file).read(); }

}  // namespace mgit
