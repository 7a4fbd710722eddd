// Reads one line of a spec file, character by character. Throws Error at "file:line:column".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "perm/spec_file.h"

namespace mgit::speclang {

class LineReader {
 public:
  LineReader(std::string_view file, std::string_view line, std::uint32_t number)
      : file_(file), line_(line), number_(number) {}

  Position position() const { return {number_, static_cast<std::uint32_t>(at_ + 1)}; }
  [[noreturn]] void fail(const std::string& what, const std::string& hint = {}) const;
  [[noreturn]] void fail_at(Position position, const std::string& what,
                            const std::string& hint = {}) const;

  /// Spaces, tabs, and a comment up to the end of the line.
  void skip_space();
  /// True at the end, comments skipped.
  bool done();
  char peek() const { return at_ < line_.size() ? line_[at_] : '\0'; }
  /// Takes `c` if it comes next; spaces before it are skipped.
  bool accept(char c);
  void expect(char c, const char* after);
  /// Takes `word` if it comes next as a whole word; spaces before it are skipped.
  bool accept_word(std::string_view word);

  std::uint64_t number(const char* what);
  /// Letters, digits and `_`, not beginning with a digit.
  std::string identifier(const char* what);
  /// A `"…"` with \" \\ \n \t \r \xNN.
  std::string quoted();
  /// Everything up to a space, or one of `stops`.
  std::string bare(std::string_view stops, const char* what);

  /// A tensor name: quoted and literal, or bare with `*`, `{i}` and `{a,b}`.
  Pattern key(const char* what);
  /// A pattern with neither `*` nor `{a,b}`: a name that the captures determine.
  Pattern exact_key(const char* what);
  /// A group name.
  Pattern group_name();

 private:
  Piece braces(bool choices);
  Reference reference(Position position);

  std::string_view file_;
  std::string_view line_;
  std::uint32_t number_;
  std::size_t at_ = 0;
};

}  // namespace mgit::speclang
