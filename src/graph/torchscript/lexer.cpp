#include "graph/torchscript/lexer.h"

#include <charconv>
#include <limits>

#include <fmt/format.h>

#include "mgit/base.h"

namespace mgit::torchscript {

namespace {

constexpr std::size_t kDeepest = 200;  // of brackets and of indentation

bool begins_name(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

class Lexer {
 public:
  explicit Lexer(std::string_view text) : text_(text) {}

  std::vector<Token> run() {
    while (at_ < text_.size()) {
      if (at_line_start_ && brackets_ == 0) indentation();
      if (at_ < text_.size()) step();
    }
    if (!tokens_.empty() && tokens_.back().kind != Token::Kind::kNewline)
      add(Token::Kind::kNewline);
    for (; indents_.size() > 1; indents_.pop_back()) add(Token::Kind::kDedent);
    add(Token::Kind::kEnd);
    return std::move(tokens_);
  }

 private:
  Token& add(Token::Kind kind, std::string text = {}) {
    tokens_.push_back({kind, std::move(text), 0, 0, line_});
    return tokens_.back();
  }

  void skip_comment() {
    while (at_ < text_.size() && text_[at_] != '\n') ++at_;
  }

  /// Blank lines and comments have none.
  void indentation() {
    const std::size_t begin = at_;
    while (at_ < text_.size() && text_[at_] == ' ') ++at_;
    const std::size_t width = at_ - begin;
    at_line_start_ = false;
    if (at_ == text_.size() || text_[at_] == '\n' || text_[at_] == '#' || text_[at_] == '\r')
      return;
    if (width > indents_.back()) {
      if (indents_.size() > kDeepest) refuse_line(line_, "it is nested too deeply");
      indents_.push_back(width);
      add(Token::Kind::kIndent);
    }
    for (; width < indents_.back(); indents_.pop_back()) add(Token::Kind::kDedent);
    if (width != indents_.back()) refuse_line(line_, "its indentation fits no line before");
  }

  void step() {
    const char c = text_[at_];
    if (c == '\n') {
      newline();
    } else if (c == ' ' || c == '\r' || c == '\t') {
      ++at_;
    } else if (c == '#') {
      skip_comment();
    } else if (begins_name(c)) {
      name();
    } else if (is_digit(c) || (c == '.' && at_ + 1 < text_.size() && is_digit(text_[at_ + 1]))) {
      number();
    } else if (c == '"' || c == '\'') {
      quoted();
    } else {
      sign();
    }
  }

  void newline() {
    const bool blank = tokens_.empty() || tokens_.back().kind == Token::Kind::kNewline ||
                       tokens_.back().kind == Token::Kind::kDedent;
    if (brackets_ == 0 && !blank) add(Token::Kind::kNewline);
    at_line_start_ = brackets_ == 0;
    ++at_;
    ++line_;
  }

  void name() {
    const std::size_t begin = at_;
    while (at_ < text_.size() && (begins_name(text_[at_]) || is_digit(text_[at_]))) ++at_;
    add(Token::Kind::kName, std::string(text_.substr(begin, at_ - begin)));
  }

  void number() {
    const std::size_t begin = at_;
    bool whole = true;
    while (at_ < text_.size()) {
      const char c = text_[at_];
      const bool exponent = c == 'e' || c == 'E';
      if (!is_digit(c) && c != '.' && !exponent) break;
      whole = whole && is_digit(c);
      ++at_;
      if (exponent && at_ < text_.size() && (text_[at_] == '-' || text_[at_] == '+')) ++at_;
    }
    const char* const first = text_.data() + begin;
    const char* const last = text_.data() + at_;
    Token& token = add(whole ? Token::Kind::kInteger : Token::Kind::kFloat);
    const auto [end, error] = whole ? std::from_chars(first, last, token.integer)
                                    : std::from_chars(first, last, token.real);
    if (error == std::errc::result_out_of_range && !whole)
      token.real = std::numeric_limits<double>::infinity();
    else if (error != std::errc() || end != last)
      refuse_line(line_, "a number that cannot be read");
  }

  void quoted() {
    const char quote = text_[at_++];
    std::string value;
    while (at_ < text_.size() && text_[at_] != quote) {
      if (text_[at_] == '\n') break;
      value += text_[at_] == '\\' ? escape() : text_[at_++];
    }
    if (at_ == text_.size() || text_[at_] != quote) refuse_line(line_, "a text without an end");
    ++at_;
    add(Token::Kind::kText, std::move(value));
  }

  char escape() {
    if (++at_ == text_.size()) return '\\';
    const char c = text_[at_++];
    if (c == 'n') return '\n';
    if (c == 't') return '\t';
    if (c == 'r') return '\r';
    const int base = c == 'x' ? 16 : is_digit(c) ? 8 : 0;
    if (base == 0) return c;
    unsigned code = 0;
    const std::size_t begin = base == 16 ? at_ : at_ - 1;
    const char* const last = text_.data() + std::min(begin + (base == 16 ? 2 : 3), text_.size());
    at_ = static_cast<std::size_t>(std::from_chars(text_.data() + begin, last, code, base).ptr -
                                   text_.data());
    return static_cast<char>(code);
  }

  void sign() {
    const char c = text_[at_];
    if (text_.substr(at_, 2) == "->") {
      add(Token::Kind::kSign, "->");
      at_ += 2;
      return;
    }
    constexpr std::string_view kSigns = "()[]{},:=.-+*/@;<>!";
    if (kSigns.find(c) == std::string_view::npos) refuse_line(line_, "an unknown character");
    if (c == '(' || c == '[' || c == '{') ++brackets_;
    if (c == ')' || c == ']' || c == '}') {
      if (brackets_ == 0) refuse_line(line_, "a bracket that nothing opens");
      --brackets_;
    }
    if (brackets_ > kDeepest) refuse_line(line_, "it is nested too deeply");
    add(Token::Kind::kSign, std::string(1, c));
    ++at_;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::size_t line_ = 1;
  std::size_t brackets_ = 0;
  bool at_line_start_ = true;
  std::vector<std::size_t> indents_{0};
  std::vector<Token> tokens_;
};

}  // namespace

void refuse_line(std::size_t line, const std::string& what) {
  throw CorruptError(fmt::format("line {}: {}", line, what));
}

std::vector<Token> tokens_of(std::string_view text) { return Lexer(text).run(); }

}  // namespace mgit::torchscript
