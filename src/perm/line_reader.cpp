#include "perm/line_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "perm/characters.h"

namespace mgit::speclang {
namespace {

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r'; }

/// A character as a message can show it.
std::string shown(char c) {
  if (c == '\0') return "the end of the line";
  if (c < ' ' || c > '~') return fmt::format("byte 0x{:02x}", static_cast<unsigned char>(c));
  return fmt::format("'{}'", c);
}

void append_text(Pattern& pattern, char c) {
  if (pattern.pieces.empty() || !std::holds_alternative<std::string>(pattern.pieces.back()))
    pattern.pieces.emplace_back(std::string());
  std::get<std::string>(pattern.pieces.back()) += c;
}

}  // namespace

void LineReader::fail_at(Position position, const std::string& what,
                         const std::string& hint) const {
  throw Error(what, fmt::format("{}:{}:{}", file_, position.line, position.column), hint);
}

void LineReader::fail(const std::string& what, const std::string& hint) const {
  fail_at(position(), what, hint);
}

void LineReader::skip_space() {
  while (is_space(peek())) ++at_;
  if (peek() == '#') at_ = line_.size();
}

bool LineReader::done() {
  skip_space();
  return at_ == line_.size();
}

bool LineReader::accept(char c) {
  skip_space();
  if (at_ == line_.size() || line_[at_] != c) return false;
  ++at_;
  return true;
}

void LineReader::expect(char c, const char* after) {
  if (!accept(c)) fail(fmt::format("expected '{}' after {}, found {}", c, after, shown(peek())));
}

bool LineReader::accept_word(std::string_view word) {
  skip_space();
  const std::string_view rest = line_.substr(at_);
  if (!rest.starts_with(word)) return false;
  if (rest.size() > word.size() && !is_space(rest[word.size()])) return false;
  at_ += word.size();
  return true;
}

std::uint64_t LineReader::number(const char* what) {
  skip_space();
  const char* begin = line_.data() + at_;
  std::uint64_t value = 0;
  const auto [end, status] = std::from_chars(begin, line_.data() + line_.size(), value);
  if (end == begin) fail(fmt::format("expected {}, found {}", what, shown(peek())));
  if (status != std::errc()) fail(fmt::format("{} is too large", what));
  at_ += static_cast<std::size_t>(end - begin);
  return value;
}

std::string LineReader::identifier(const char* what) {
  skip_space();
  if (!is_letter(peek())) fail(fmt::format("expected {}, found {}", what, shown(peek())));
  const std::size_t begin = at_;
  while (is_word(peek())) ++at_;
  return std::string(line_.substr(begin, at_ - begin));
}

std::string LineReader::quoted() {
  expect('"', "the space");
  std::string text;
  while (peek() != '"') {
    if (at_ == line_.size()) fail("this quote has no end");
    char c = line_[at_++];
    if (c != '\\') {
      text += c;
      continue;
    }
    c = peek();
    ++at_;
    constexpr std::string_view kEscapes = "\"\\ntr";
    constexpr std::string_view kMeanings = "\"\\\n\t\r";
    if (const auto escape = kEscapes.find(c); c != '\0' && escape != std::string_view::npos) {
      text += kMeanings[escape];
      continue;
    }
    unsigned value = 0;
    const std::string_view digits = c == 'x' ? line_.substr(at_, 2) : std::string_view();
    const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
    if (digits.size() != 2 || parsed.ptr != digits.data() + 2) {
      --at_;
      fail("unknown escape in a quoted name", "known are \\\" \\\\ \\n \\t \\r \\xNN");
    }
    text += static_cast<char>(value);
    at_ += 2;
  }
  ++at_;
  return text;
}

std::string LineReader::bare(std::string_view stops, const char* what) {
  skip_space();
  const std::size_t begin = at_;
  while (at_ < line_.size() && !is_space(peek()) && stops.find(peek()) == std::string_view::npos)
    ++at_;
  if (at_ == begin) fail(fmt::format("expected {}, found {}", what, shown(peek())));
  return std::string(line_.substr(begin, at_ - begin));
}

Pattern LineReader::key(const char* what) {
  skip_space();
  Pattern pattern;
  pattern.position = position();
  const std::size_t begin = at_;
  if (peek() == '"') {
    pattern.pieces.emplace_back(quoted());
    pattern.source = line_.substr(begin, at_ - begin);
    return pattern;
  }
  while (at_ < line_.size() && !is_space(peek()) && peek() != ':' && peek() != '#') {
    const char c = peek();
    if (c == '{') {
      pattern.pieces.push_back(braces(true));
    } else if (c == '*') {
      ++at_;
      if (!pattern.pieces.empty() && std::holds_alternative<AnyText>(pattern.pieces.back()))
        continue;
      pattern.pieces.emplace_back(AnyText());
    } else if (c == '}' || c == '"') {
      fail(fmt::format("a {} in a name", shown(c)), "names with odd characters go into quotes");
    } else {
      append_text(pattern, c);
      ++at_;
    }
  }
  if (pattern.pieces.empty()) fail(fmt::format("expected {}, found {}", what, shown(peek())));
  pattern.source = line_.substr(begin, at_ - begin);
  return pattern;
}

Pattern LineReader::exact_key(const char* what) {
  Pattern pattern = key(what);
  for (const Piece& piece : pattern.pieces)
    if (std::holds_alternative<AnyText>(piece) || std::holds_alternative<Choice>(piece))
      fail_at(pattern.position, "this must name one tensor: no '*' and no alternatives here");
  return pattern;
}

Pattern LineReader::group_name() {
  skip_space();
  Pattern pattern;
  pattern.position = position();
  const std::size_t begin = at_;
  if (!is_letter(peek())) fail(fmt::format("expected a group's name, found {}", shown(peek())));
  while (is_word(peek()) || peek() == '.' || peek() == '{') {
    if (peek() == '{') {
      pattern.pieces.push_back(braces(false));
    } else {
      append_text(pattern, peek());
      ++at_;
    }
  }
  pattern.source = line_.substr(begin, at_ - begin);
  if (pattern.source == "where" || pattern.source == "unless")
    fail_at(pattern.position, fmt::format("'{}' cannot be a group's name", pattern.source));
  return pattern;
}

Piece LineReader::braces(bool choices) {
  const Position start = position();
  const std::size_t end = line_.find('}', at_);
  if (end == std::string_view::npos) fail("this '{' has no '}'");
  const std::string_view inside = line_.substr(at_ + 1, end - at_ - 1);
  if (!choices || inside.find(',') == std::string_view::npos) {
    ++at_;
    Reference result = reference(start);
    if (peek() != '}') fail(fmt::format("unexpected {} in a reference", shown(peek())));
    ++at_;
    return result;
  }
  Choice choice;
  for (std::size_t begin = 0; begin <= inside.size();) {
    const std::size_t comma = std::min(inside.find(',', begin), inside.size());
    choice.texts.emplace_back(inside.substr(begin, comma - begin));
    begin = comma + 1;
  }
  std::stable_sort(choice.texts.begin(), choice.texts.end(),
                   [](const auto& a, const auto& b) { return a.size() > b.size(); });
  at_ = end + 1;
  return choice;
}

Reference LineReader::reference(Position start) {
  using Step = Reference::Step;
  Reference result;
  result.position = start;
  if (!is_letter(peek())) fail(fmt::format("expected an index, found {}", shown(peek())));
  result.index = identifier("an index");
  const char c = peek();
  if (c == '.') {
    ++at_;
    const Position word_start = position();
    const std::string word = identifier("prev, next, first or last");
    if (word == "prev") {
      result.step = Step::kPrev;
    } else if (word == "next") {
      result.step = Step::kNext;
    } else if (word == "first") {
      result.step = Step::kFirst;
    } else if (word == "last") {
      result.step = Step::kLast;
    } else {
      fail_at(word_start, fmt::format("'{}' is not prev, next, first or last", word));
    }
  } else if (c == '+' || c == '-') {
    ++at_;
    const std::uint64_t value = number("a number");
    if (value > 1'000'000) fail("this step is too large");
    result.step = Step::kOffset;
    result.offset = c == '+' ? static_cast<std::int64_t>(value) : -static_cast<std::int64_t>(value);
  } else if (c == '<' || c == '>') {
    ++at_;
    result.step = c == '<' ? Step::kBefore : Step::kAfter;
    result.other = identifier("an index");
  }
  return result;
}

}  // namespace mgit::speclang
