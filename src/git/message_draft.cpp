#include "git/message_draft.h"

#include <cstdlib>

namespace mgit {
namespace {

constexpr std::string_view kScissors = " ------------------------ >8 ------------------------";
/// Those that git chooses from for core.commentChar = auto.
constexpr std::string_view kCommentCharacters = "#;@!$%^&|:";

std::string_view without_line_end(std::string_view line) {
  return line.substr(0, line.find_last_not_of(" \t\r\n") + 1);
}

std::string last_comment(std::string_view draft) {
  const std::string_view text = without_line_end(draft);
  const std::size_t line = text.rfind('\n') + 1;  // npos + 1 is 0
  const bool comment =
      line < text.size() && kCommentCharacters.find(text[line]) != std::string_view::npos;
  return comment ? std::string(1, text[line]) : "#";
}

/// Where the scissors line begins; the draft's size if it has none.
std::size_t find_scissors(std::string_view draft, const std::string& comment) {
  for (std::size_t at = 0; at < draft.size();) {
    const std::size_t end = std::min(draft.find('\n', at), draft.size());
    const std::string_view line = without_line_end(draft.substr(at, end - at));
    if (line.starts_with(comment) && line.substr(comment.size()) == kScissors) return at;
    at = end + 1;
  }
  return draft.size();
}

/// Where the blank and comment lines at the end begin.
std::size_t find_remarks(std::string_view draft, const std::string& comment) {
  std::size_t begin = draft.size();
  while (begin > 0) {
    const std::size_t line = begin < 2 ? 0 : draft.rfind('\n', begin - 2) + 1;
    const std::string_view text = draft.substr(line, begin - line);
    if (!without_line_end(text).empty() && !text.starts_with(comment)) break;
    begin = line;
  }
  return begin;
}

}  // namespace

DraftRules draft_rules(const Repository& repository) {
  DraftRules rules;
  for (const char* key : {"core.commentString", "core.commentChar"})
    if (const auto value = repository.config(key); value && !value->empty()) {
      rules.comment = *value;
      break;
    }
  const char* editor = std::getenv("GIT_EDITOR");
  rules.edited = editor == nullptr || std::string_view(editor) != ":";
  return rules;
}

std::string add_trailers(std::string_view draft, const std::vector<Trailer>& trailers,
                         const DraftRules& rules) {
  const std::string comment = rules.comment == "auto" ? last_comment(draft) : rules.comment;
  std::string_view text = draft.substr(0, find_scissors(draft, comment));
  if (rules.edited) text = text.substr(0, find_remarks(text, comment));
  if (without_line_end(text).empty()) return std::string(draft);
  const std::string_view rest = draft.substr(text.size());
  const bool apart = !rest.empty() && !rest.starts_with('\n') && !rest.starts_with("\r\n");
  return with_trailers(text, trailers) + (apart ? "\n" : "") + std::string(rest);
}

}  // namespace mgit
