#include "format/textconv_line.h"

#include <fmt/format.h>

#include <algorithm>

#include "mgit/tensor.h"

namespace mgit {
namespace {

constexpr std::size_t kDigits = 12;
constexpr std::string_view kBytes = "bytes ";
constexpr std::string_view kValue = "value ";
constexpr std::string_view kUnreadable = "not a checkpoint that can be read: ";

bool consists_of(std::string_view text, std::string_view letters) {
  return !text.empty() && text.find_first_not_of(letters) == std::string_view::npos;
}

bool is_digest(std::string_view text) {
  return text.size() == kDigits && consists_of(text, "0123456789abcdef");
}

/// Takes the last word away; names may hold blanks, so that lines are read from their end.
std::string_view take_last(std::string_view& line) {
  const std::size_t blank = line.rfind(' ');
  const std::string_view word = blank == std::string_view::npos ? line : line.substr(blank + 1);
  line = blank == std::string_view::npos ? std::string_view() : line.substr(0, blank);
  return word;
}

bool is_tensor_line(std::string_view line) {
  const std::string_view norm = take_last(line);
  if (!consists_of(norm, "0123456789.e+-infa") || take_last(line) != "norm" ||
      !is_digest(take_last(line)))
    return false;
  const std::string_view shape = take_last(line);
  return (shape == "scalar" || consists_of(shape, "0123456789,")) &&
         dtype_from_name(take_last(line)) && !line.empty();
}

bool is_bytes_line(std::string_view line) {
  if (!line.starts_with(kBytes)) return false;
  line.remove_prefix(kBytes.size());
  return is_digest(take_last(line)) && consists_of(line, "0123456789");
}

}  // namespace

std::string textconv_line(const TensorInfo& info, const Digest& object, std::string_view norm) {
  return fmt::format("{} {} {} {} norm {}\n", quote_name(info.name), dtype_name(info.dtype),
                     shape_text(info.shape), object.hex().substr(0, kDigits), norm);
}

std::string textconv_line(std::uint64_t length, const Digest& digest) {
  return fmt::format("{}{} {}\n", kBytes, length, digest.hex().substr(0, kDigits));
}

std::string textconv_line(const OutlineScalar& scalar) {
  return fmt::format("{}{} {}\n", kValue, quote_name(scalar.name), quote_name(scalar.value));
}

std::string textconv_lines_of_unreadable(std::string_view why, std::uint64_t length,
                                         const Digest& digest) {
  return fmt::format("{}{}\n", kUnreadable, why) + textconv_line(length, digest);
}

bool is_textconv(std::string_view text) {
  if (text.empty()) return false;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos) return false;
    const std::string_view line = text.substr(0, end);
    if (!is_tensor_line(line) && !is_bytes_line(line) && !line.starts_with(kValue) &&
        !line.starts_with(kUnreadable))
      return false;
    text.remove_prefix(end + 1);
  }
  return true;
}

}  // namespace mgit
