#include "format/npy.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "base/wire.h"
#include "format/stored_tensors.h"

namespace mgit {
namespace {

constexpr std::string_view kNpyMagic("\x93NUMPY", 6);
constexpr std::size_t kNpyMaximumRank = 64;
constexpr std::uint64_t kMaximumHeader = std::uint64_t{1} << 20;
constexpr unsigned kNpyMaximumDepth = 32;

struct NpyHeader {
  std::string descr;  // empty: a structure
  bool fortran = false;
  Shape shape;
};

/// The literal of the header: {'descr': …, 'fortran_order': …, 'shape': (…)}, keys in any order,
/// strings without escapes.
class LiteralReader {
 public:
  explicit LiteralReader(std::string_view text) : rest_(text) {}

  NpyHeader read() {
    NpyHeader header;
    bool seen[3] = {};
    expect('{');
    while (!accept('}')) {
      const std::string_view key = string();
      expect(':');
      const std::size_t index = key == "descr" ? 0 : key == "fortran_order" ? 1 : 2;
      if ((index == 2 && key != "shape") || seen[index]) fail("an unknown or repeated key");
      seen[index] = true;
      if (index == 0) header.descr = descr();
      if (index == 1) header.fortran = boolean();
      if (index == 2) header.shape = shape();
      if (!accept(',')) {
        expect('}');
        break;
      }
    }
    skip_spaces();
    if (!rest_.empty() || !seen[0] || !seen[1] || !seen[2]) fail("not the three keys");
    return header;
  }

 private:
  [[noreturn]] static void fail(const char* why) {
    throw CorruptError(std::string("broken npy header: ") + why);
  }

  void skip_spaces() {
    while (!rest_.empty() && (rest_.front() == ' ' || rest_.front() == '\n'))
      rest_.remove_prefix(1);
  }

  bool accept(char wanted) {
    skip_spaces();
    if (rest_.empty() || rest_.front() != wanted) return false;
    rest_.remove_prefix(1);
    return true;
  }

  void expect(char wanted) {
    if (!accept(wanted)) fail("not the literal that NumPy writes");
  }

  std::string_view string() {
    skip_spaces();
    const char quote = accept('"') ? '"' : '\'';
    if (quote == '\'') expect('\'');
    const auto end = rest_.find(quote);
    if (end == std::string_view::npos) fail("a string does not end");
    const std::string_view value = rest_.substr(0, end);
    if (value.find('\\') != std::string_view::npos) fail("an escape in a string");
    rest_.remove_prefix(end + 1);
    return value;
  }

  /// Of a structure only its extent matters.
  std::string descr() {
    skip_spaces();
    if (rest_.empty()) fail("no dtype");
    if (rest_.front() == '\'' || rest_.front() == '"') return std::string(string());
    skip_value(0);
    return {};
  }

  void skip_value(unsigned depth) {
    if (depth > kNpyMaximumDepth) fail("nested too deeply");
    for (const auto& [open, close] : {std::pair{'[', ']'}, std::pair{'(', ')'}}) {
      if (!accept(open)) continue;
      while (!accept(close)) {
        skip_value(depth + 1);
        if (!accept(',')) {
          expect(close);
          break;
        }
      }
      return;
    }
    if (!rest_.empty() && (rest_.front() == '\'' || rest_.front() == '"'))
      string();
    else
      number();
  }

  bool boolean() {
    skip_spaces();
    for (const std::string_view word : {"True", "False"}) {
      if (!rest_.starts_with(word)) continue;
      rest_.remove_prefix(word.size());
      return word == "True";
    }
    fail("fortran_order is neither True nor False");
  }

  std::uint64_t number() {
    skip_spaces();
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), value);
    if (error != std::errc()) fail("not a number of 64 bits");
    rest_.remove_prefix(static_cast<std::size_t>(end - rest_.data()));
    return value;
  }

  Shape shape() {
    Shape result;
    expect('(');
    while (!accept(')')) {
      result.push_back(number());
      if (result.size() > kNpyMaximumRank) fail("too many axes");
      if (!accept(',')) {
        expect(')');
        break;
      }
    }
    return result;
  }

  std::string_view rest_;
};

/// kBytes where no dtype has these values in this order of bytes.
DType dtype_of(std::string_view descr) {
  struct Row {
    std::string_view descr;
    DType dtype;
  };
  constexpr Row kRows[] = {
      {"|b1", DType::kBool}, {"|i1", DType::kI8},  {"|u1", DType::kU8},  {"<i2", DType::kI16},
      {"<u2", DType::kU16},  {"<i4", DType::kI32}, {"<u4", DType::kU32}, {"<i8", DType::kI64},
      {"<u8", DType::kU64},  {"<f2", DType::kF16}, {"<f4", DType::kF32}, {"<f8", DType::kF64},
      {"<c8", DType::kC64},
  };
  const auto* const row = std::find_if(std::begin(kRows), std::end(kRows),
                                       [descr](const Row& r) { return r.descr == descr; });
  return row == std::end(kRows) ? DType::kBytes : row->dtype;
}

/// Fortran order means nothing where at most one axis has a length.
bool is_reordered(const NpyHeader& header) {
  return header.fortran && std::count_if(header.shape.begin(), header.shape.end(),
                                         [](std::uint64_t length) { return length != 1; }) > 1;
}

}  // namespace

bool looks_like_npy(Bytes file) { return as_text(file).starts_with(kNpyMagic); }

std::vector<StoredTensor> parse_npy(Bytes file) {
  wire::Reader reader(file);
  reader.take(kNpyMagic.size());
  const std::uint8_t version = reader.u8();
  if (version < 1 || version > 3 || reader.u8() != 0) throw CorruptError("unknown npy version");
  std::uint64_t length = 0;
  if (version == 1) {
    length = reader.u8();
    length |= std::uint64_t{reader.u8()} << 8;
  } else {
    length = reader.u32();
  }
  if (length > kMaximumHeader) throw CorruptError("npy header too long");
  const NpyHeader header = LiteralReader(as_text(reader.take(length))).read();

  StoredTensor array;
  array.info = {"array", dtype_of(header.descr), header.shape};
  array.offset = file.size() - reader.rest().size();
  if (array.info.dtype == DType::kBytes || is_reordered(header))
    array.info = {"array", DType::kBytes, {reader.rest().size()}};
  array.length = length_of(array.info);
  return checked_tensors({std::move(array)}, file.size());
}

}  // namespace mgit
