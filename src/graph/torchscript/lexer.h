// TorchScript's source text as tokens, Python's way: lines and their indentation are tokens, except
// inside of brackets.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace mgit::torchscript {

struct Token {
  enum class Kind : std::uint8_t {
    kName,
    kInteger,
    kFloat,
    kText,  // text: what it stands for
    kSign,  // one character, or "->"
    kNewline,
    kIndent,
    kDedent,
    kEnd
  };
  Kind kind = Kind::kEnd;
  std::string text;
  std::int64_t integer = 0;
  double real = 0;
  std::size_t line = 0;
};

/// Ends with kEnd. Throws CorruptError.
std::vector<Token> tokens_of(std::string_view text);

[[noreturn]] void refuse_line(std::size_t line, const std::string& what);

}  // namespace mgit::torchscript
