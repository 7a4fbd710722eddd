// Trailers, by the rules of git-interpret-trailers: the last paragraph, never the first one, if all
// its lines are trailers, or a quarter of them and one that git itself writes. Comment lines do not
// count.
#include <cctype>

#include "mgit/git.h"

namespace mgit {
namespace {

struct Line {
  std::string_view text;  // with its line end
  bool blank() const { return text.find_first_not_of(" \t\r\n") == std::string_view::npos; }
  bool comment() const { return text.starts_with('#'); }
  bool continuation() const { return !blank() && (text[0] == ' ' || text[0] == '\t'); }
};

std::vector<Line> lines_of(std::string_view message) {
  std::vector<Line> lines;
  while (!message.empty()) {
    const std::size_t end = message.find('\n');
    const std::size_t length = end == std::string_view::npos ? message.size() : end + 1;
    lines.push_back({message.substr(0, length)});
    message.remove_prefix(length);
  }
  return lines;
}

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

/// "Key: value"; the key has letters, digits and dashes.
std::optional<Trailer> trailer_in(std::string_view line) {
  std::size_t end = 0;
  while (end < line.size() &&
         (std::isalnum(static_cast<unsigned char>(line[end])) != 0 || line[end] == '-'))
    ++end;
  std::size_t colon = end;
  while (colon < line.size() && (line[colon] == ' ' || line[colon] == '\t')) ++colon;
  if (end == 0 || colon == line.size() || line[colon] != ':') return std::nullopt;
  return Trailer{std::string(line.substr(0, end)), std::string(trimmed(line.substr(colon + 1)))};
}

bool written_by_git(std::string_view line) {
  return line.starts_with("Signed-off-by: ") || line.starts_with("(cherry picked from commit ");
}

/// Lines [first, last) are the trailers; first == last if there are none, then `last` is the end of
/// the text, before trailing blank and comment lines.
struct Block {
  std::size_t first = 0;
  std::size_t last = 0;
};

bool is_trailer_block(const std::vector<Line>& lines, Block block) {
  std::size_t trailers = 0;
  std::size_t others = 0;
  bool recognised = false;
  bool after_trailer = false;
  for (std::size_t i = block.first; i < block.last; ++i) {
    const Line& line = lines[i];
    if (line.comment()) continue;
    if (line.continuation() && after_trailer) continue;
    recognised = recognised || written_by_git(line.text);
    after_trailer = written_by_git(line.text) || trailer_in(line.text).has_value();
    ++(after_trailer ? trailers : others);
  }
  return trailers > 0 && (others == 0 || (recognised && trailers * 3 >= others));
}

Block trailer_block(const std::vector<Line>& lines) {
  std::size_t end_of_title = 0;
  while (end_of_title < lines.size() &&
         (lines[end_of_title].comment() || !lines[end_of_title].blank()))
    ++end_of_title;
  Block block;
  block.last = lines.size();
  while (block.last > 0 && (lines[block.last - 1].blank() || lines[block.last - 1].comment()))
    --block.last;
  block.first = block.last;
  while (block.first > end_of_title && !lines[block.first - 1].blank()) --block.first;
  const bool preceded_by_blank = block.first > 0 && lines[block.first - 1].blank();
  if (block.last <= end_of_title || !preceded_by_blank || !is_trailer_block(lines, block))
    block.first = block.last;
  return block;
}

std::string joined(const std::vector<Line>& lines, std::size_t from, std::size_t to) {
  std::string text;
  for (std::size_t i = from; i < to; ++i) text += lines[i].text;
  return text;
}

/// A value of several lines continues with a space.
std::string trailer_line(const Trailer& trailer) {
  std::string line = trailer.key + ": ";
  for (const char c : trailer.value) line += c == '\n' ? std::string("\n ") : std::string(1, c);
  return line + "\n";
}

bool starts_with_ignoring_case(std::string_view text, std::string_view prefix) {
  return text.size() >= prefix.size() &&
         std::equal(prefix.begin(), prefix.end(), text.begin(), [](char a, char b) {
           return std::tolower(static_cast<unsigned char>(a)) ==
                  std::tolower(static_cast<unsigned char>(b));
         });
}

}  // namespace

std::string Commit::subject() const {
  std::string subject;
  for (const Line& line : lines_of(message)) {
    if (line.blank()) {
      if (subject.empty()) continue;
      break;
    }
    subject += (subject.empty() ? "" : " ") + std::string(trimmed(line.text));
  }
  return subject;
}

std::vector<Trailer> trailers_of(std::string_view message) {
  const std::vector<Line> lines = lines_of(message);
  const Block block = trailer_block(lines);
  std::vector<Trailer> trailers;
  bool open = false;  // a continuation line belongs to the last trailer
  for (std::size_t i = block.first; i < block.last; ++i) {
    if (lines[i].continuation()) {
      if (!open) continue;
      std::string& value = trailers.back().value;
      value += (value.empty() ? "" : " ") + std::string(trimmed(lines[i].text));
      continue;
    }
    auto trailer = trailer_in(lines[i].text);
    open = trailer.has_value();
    if (open) trailers.push_back(std::move(*trailer));
  }
  return trailers;
}

std::string with_trailers(std::string_view message, const std::vector<Trailer>& trailers) {
  if (trailers.empty()) return std::string(message);
  const std::vector<Line> lines = lines_of(message);
  const Block block = trailer_block(lines);
  const bool new_block = block.first == block.last;
  std::size_t end = block.last;
  if (new_block) {  // below all that looks like a comment: it may be none where this is read
    end = lines.size();
    while (end > 0 && lines[end - 1].blank()) --end;
  }
  std::string text = joined(lines, 0, end);
  if (!text.empty() && !text.ends_with('\n')) text += '\n';
  if (new_block) text += '\n';
  for (const Trailer& trailer : trailers) text += trailer_line(trailer);
  const std::string rest = joined(lines, end, lines.size());
  if (rest.find('#') != std::string::npos) text += rest.starts_with('#') ? "\n" + rest : rest;
  return text;
}

std::string without_trailers(std::string_view message, std::string_view prefix) {
  const std::vector<Line> lines = lines_of(message);
  const Block block = trailer_block(lines);
  std::string kept;
  bool dropping = false;
  for (std::size_t i = block.first; i < block.last; ++i) {
    if (!lines[i].continuation()) {
      const auto trailer = trailer_in(lines[i].text);
      dropping = trailer && starts_with_ignoring_case(trailer->key, prefix);
    }
    if (!dropping) kept += lines[i].text;
  }
  std::size_t body = block.first;
  if (kept.empty() && block.first != block.last)
    while (body > 0 && lines[body - 1].blank()) --body;
  return joined(lines, 0, body) + kept + joined(lines, block.last, lines.size());
}

}  // namespace mgit
