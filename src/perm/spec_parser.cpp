#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <set>

#include "perm/line_reader.h"
#include "perm/spec_file.h"

namespace mgit::speclang {
namespace {

constexpr int kMaxDepth = 64;
constexpr std::size_t kMaxIndexes = 64;
constexpr std::size_t kMaxCaptures = 16;

/// Parses one text, which outlives it. For one run; linear in the text. Throws Error that names
/// the line.
class Parser {
 public:
  Parser(std::string_view text, std::string_view name, const NetworkConfig& config)
      : text_(text), config_(config) {
    file_.name = name;
  }

  SpecFile run() {
    std::uint32_t number = 0;
    for (std::size_t begin = 0; begin < text_.size();) {
      const std::size_t end = std::min(text_.find('\n', begin), text_.size());
      LineReader line(file_.name, text_.substr(begin, end - begin), ++number);
      if (!line.done()) parse_line(line);
      begin = end + 1;
    }
    if (!header_)
      LineReader(file_.name, {}, 1).fail("not a spec file", "it begins with 'mgit-perm 1'");
    return std::move(file_);
  }

 private:
  void parse_line(LineReader& line) {
    if (!header_) return parse_header(line);
    const Position start = line.position();
    if (line.accept_word("perm")) {
      parse_perm(line);
    } else if (line.accept_word("index")) {
      parse_index(line, start);
    } else if (line.accept_word("let")) {
      parse_let(line);
    } else if (line.accept_word("config")) {
      parse_config(line);
    } else if (line.accept_word("arch")) {
      line.skip_space();
      file_.architecture = line.peek() == '"' ? line.quoted() : line.bare("#", "a name");
    } else if (line.accept_word("skip")) {
      parse_skip(line);
    } else if (line.accept_word("pin")) {
      parse_pin(line);
    } else if (line.accept_word("same")) {
      parse_same(line);
    } else if (line.accept_word("alias")) {
      parse_alias(line);
    } else if (line.accept_word("source")) {
      while (!line.done()) line.bare("#", "a word");
      not_yet("'source'", start);
    } else {
      parse_tensor(line);
    }
    if (!line.done()) line.fail("unexpected text at the end of the line");
  }

  void parse_header(LineReader& line) {
    const Position start = line.position();
    if (!line.accept_word("mgit-perm"))
      line.fail("not a spec file", "it begins with 'mgit-perm 1'");
    if (line.number("the version") != 1)
      line.fail_at(start, "this spec is of a newer version than this mgit knows");
    if (!line.done()) line.fail("unexpected text at the end of the line");
    header_ = true;
  }

  void not_yet(const std::string& what, Position position) {
    file_.unsupported.push_back({what, position});
  }

  /// A number, or the name of one from `let`.
  std::uint64_t size(LineReader& line) {
    line.skip_space();
    const char c = line.peek();
    if (c >= '0' && c <= '9') return line.number("a size");
    const Position start = line.position();
    const std::string name = line.identifier("a size");
    const auto found = constants_.find(name);
    if (found == constants_.end())
      line.fail_at(start, fmt::format("'{}' is not a number defined by 'let'", name));
    return found->second;
  }

  std::vector<std::uint64_t> size_list(LineReader& line, const char* after) {
    line.expect('[', after);
    std::vector<std::uint64_t> sizes;
    do {
      sizes.push_back(size(line));
    } while (line.accept(','));
    line.expect(']', "the sizes");
    return sizes;
  }

  void parse_perm(LineReader& line) {
    PermLine perm;
    perm.name = line.group_name();
    for (const Piece& piece : perm.name.pieces)
      if (const auto* reference = std::get_if<Reference>(&piece);
          reference != nullptr && reference->step != Reference::Step::kSelf)
        line.fail_at(reference->position, "a declaration captures with {name} alone");
    if (line.accept(':')) {
      const Position start = line.position();
      perm.size = size(line);
      if (*perm.size == 0 || *perm.size > UINT32_MAX)
        line.fail_at(start, "a group has between 1 and 4294967295 units");
    }
    for (;;) {
      line.skip_space();
      const Position start = line.position();
      if (line.accept_word("in")) {
        if (perm.outer) line.fail_at(start, "a group is a family of one other group");
        perm.outer = line.group_name();
        check_references(line, *perm.outer, captures_of(perm.name));
      } else if (line.accept_word("within")) {
        parse_within(line, start, perm);
      } else if (line.accept_word("signed")) {
        not_yet("'signed'", start);
      } else if (line.accept_word("rot2")) {
        if (!line.accept_word("half") && !line.accept_word("adjacent"))
          line.fail("expected 'half' or 'adjacent' after 'rot2'");
        not_yet("'rot2'", start);
      } else {
        break;
      }
    }
    file_.perms.push_back(std::move(perm));
  }

  void parse_within(LineReader& line, Position start, PermLine& perm) {
    perm.cells = size_list(line, "'within'");
    std::uint64_t sum = 0;
    for (const std::uint64_t cell : perm.cells)
      if (cell == 0 || __builtin_add_overflow(sum, cell, &sum))
        line.fail_at(start, "a cell has at least one unit, and all together can be counted");
    if (perm.size && *perm.size != sum)
      line.fail_at(start, fmt::format("the cells have {} units, the group {}", sum, *perm.size));
    perm.size = sum;
  }

  void parse_alias(LineReader& line) {
    AliasLine alias;
    alias.key = line.key("a tensor's name");
    check_key(line, alias.key);
    line.expect('=', "the name");
    alias.as = line.exact_key("a tensor's name");
    check_references(line, alias.as, captures_of(alias.key));
    file_.aliases.push_back(std::move(alias));
  }

  void parse_index(LineReader& line, Position start) {
    IndexLine index;
    index.position = start;
    line.skip_space();
    const Position name_start = line.position();
    index.name = line.identifier("the index's name");
    if (file_.index(index.name) != nullptr)
      line.fail_at(name_start, fmt::format("index '{}' is declared twice", index.name));
    if (later_.contains(index.name))
      line.fail_at(name_start,
                   fmt::format("'{}' must be declared before another index uses it", index.name));
    if (file_.indexes.size() == kMaxIndexes) line.fail_at(start, "too many indexes");
    if (line.accept('=')) {
      do {
        line.skip_space();
        index.texts.push_back(line.peek() == '"' ? line.quoted() : line.bare(",#", "a text"));
      } while (line.accept(','));
      std::stable_sort(index.texts.begin(), index.texts.end(),
                       [](const auto& a, const auto& b) { return a.size() > b.size(); });
    } else if (line.accept_word("in")) {
      index.pattern = line.key("a tensor's name");
      for (const std::string& capture : captures_of(*index.pattern))
        if (capture != index.name) index.depends.push_back(capture);
      if (captures_of(*index.pattern).size() == index.depends.size())
        line.fail_at(index.pattern->position,
                     fmt::format("{{{}}} is not in this name", index.name));
      check_key(line, *index.pattern);
      for (const Piece& piece : index.pattern->pieces)
        if (const auto* reference = std::get_if<Reference>(&piece))
          later_.emplace(reference->index, reference->position);
      if (line.accept_word("rank")) index.rank = line.number("a rank");
    } else {
      line.fail("expected 'in' or '=' after the index's name");
    }
    file_.indexes.push_back(std::move(index));
  }

  void parse_let(LineReader& line) {
    line.skip_space();
    const Position start = line.position();
    const std::string name = line.identifier("a name");
    line.expect('=', "the name");
    std::uint64_t value = alternatives(line);
    for (;;) {
      const bool times = line.accept('*');
      if (!times && !line.accept('/')) break;
      const std::uint64_t by = alternatives(line);
      if (times ? __builtin_mul_overflow(value, by, &value) : by == 0 || value % by != 0) {
        file_.misfits.push_back(fmt::format("{} is no whole number: {} {} {}", name, value,
                                            times ? "times" : "by", by));
        value = 1;
      } else if (!times) {
        value /= by;
      }
    }
    if (!constants_.emplace(name, value).second)
      line.fail_at(start, fmt::format("'{}' is named twice", name));
  }

  /// `12`, `heads`, `config.n_head`, and what to take where the config does not say, or says 0:
  /// `a | b`.
  std::uint64_t alternatives(LineReader& line) {
    std::optional<std::uint64_t> value;
    std::string missing;
    do {
      line.skip_space();
      const std::optional<std::string> key = config_key(line);
      if (!key) {
        const std::uint64_t number = size(line);
        if (!value) value = number;
        continue;
      }
      if (missing.empty()) missing = *key;
      const auto found = config_.find(*key);
      if (!value && found != config_.end()) value = number_of(found->second);
    } while (line.accept('|'));
    if (!value) file_.misfits.push_back(fmt::format("no config.json beside it says {}", missing));
    return value.value_or(1);
  }

  static std::optional<std::uint64_t> number_of(const std::string& text) {
    std::uint64_t value = 0;
    const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), value);
    const bool whole = status == std::errc() && end == text.data() + text.size();
    return whole && value > 0 ? std::optional(value) : std::nullopt;
  }

  /// `config.KEY`, if that comes next.
  std::optional<std::string> config_key(LineReader& line) {
    LineReader ahead = line;
    constexpr std::string_view kConfig = "config.";
    const char c = line.peek();
    if (c != 'c') return std::nullopt;
    const std::string word = ahead.bare("|*/#", "a name");
    if (!word.starts_with(kConfig) || word.size() == kConfig.size()) return std::nullopt;
    line = ahead;
    file_.uses_config = true;
    return word.substr(kConfig.size());
  }

  /// `config KEY = text, text`: the file is for networks whose config says one of them.
  void parse_config(LineReader& line) {
    file_.uses_config = true;
    line.skip_space();
    const std::string key = line.bare("=#", "a key of config.json");
    line.expect('=', "the key");
    std::vector<std::string> texts;
    do {
      line.skip_space();
      texts.push_back(line.peek() == '"' ? line.quoted() : line.bare(",#", "a text"));
    } while (line.accept(','));
    const auto found = config_.find(key);
    if (found == config_.end()) {
      file_.misfits.push_back(fmt::format("no config.json beside it says {}", key));
    } else if (std::find(texts.begin(), texts.end(), found->second) == texts.end()) {
      file_.misfits.push_back(fmt::format("config.json says {} = {}, not {}", key, found->second,
                                          fmt::join(texts, " or ")));
    }
  }

  void parse_skip(LineReader& line) {
    TensorLine tensor;
    tensor.skip = true;
    tensor.match = false;
    tensor.key = line.key("a tensor's name");
    check_key(line, tensor.key);
    tensor.conditions = parse_conditions(line, captures_of(tensor.key));
    if (!line.done()) {
      not_yet("a policy after 'skip'", line.position());
      line.bare("#", "a policy");
    }
    file_.tensors.push_back(std::move(tensor));
  }

  void parse_pin(LineReader& line) {
    PinLine pin;
    pin.name = line.group_name();
    pin.conditions = parse_conditions(line, enumerated(line, {&pin.name}));
    file_.pins.push_back(std::move(pin));
  }

  void parse_same(LineReader& line) {
    SameLine same;
    same.name = line.group_name();
    line.expect('=', "the group's name");
    same.as = line.group_name();
    same.conditions = parse_conditions(line, enumerated(line, {&same.name, &same.as}));
    file_.sames.push_back(std::move(same));
  }

  void parse_tensor(LineReader& line) {
    TensorLine tensor;
    tensor.key = line.key("a tensor's name");
    check_key(line, tensor.key);
    const std::vector<std::string> captures = captures_of(tensor.key);
    line.skip_space();
    if (line.accept_word("as")) tensor.shape = size_list(line, "'as'");
    line.expect(':', "the tensor's name");
    if (!at_end_of_axes(line)) {
      do {
        tensor.axes.push_back(parse_sum(line, captures, 0));
      } while (line.accept(','));
    }
    if (!tensor.shape.empty() && tensor.shape.size() != tensor.axes.size())
      line.fail_at(tensor.key.position, fmt::format("read as {} axes, the line has {}",
                                                    tensor.shape.size(), tensor.axes.size()));
    parse_flags(line, tensor);
    tensor.conditions = parse_conditions(line, captures);
    file_.tensors.push_back(std::move(tensor));
  }

  static bool at_end_of_axes(LineReader& line) {
    if (line.done() || line.peek() == '!') return true;
    LineReader ahead = line;
    return ahead.accept_word("where") || ahead.accept_word("unless");
  }

  void parse_flags(LineReader& line, TensorLine& tensor) {
    for (;;) {
      line.skip_space();
      const Position start = line.position();
      if (line.peek() != '!') return;
      const std::string flag = line.bare("#", "a flag");
      if (flag == "!nomatch") {
        tensor.match = false;
      } else if (flag.starts_with("!w=")) {
        not_yet("a weight ('!w=')", start);
      } else {
        line.fail_at(start, fmt::format("unknown flag '{}'", flag), "known is !nomatch");
      }
    }
  }

  Layout parse_sum(LineReader& line, const std::vector<std::string>& captures, int depth) {
    return parse_list(line, captures, depth, Layout::Kind::kSum);
  }

  /// A sum of products or a product of factors; one part alone stands for itself.
  Layout parse_list(LineReader& line, const std::vector<std::string>& captures, int depth,
                    Layout::Kind kind) {
    const bool sum = kind == Layout::Kind::kSum;
    Layout layout;
    layout.kind = kind;
    line.skip_space();
    layout.position = line.position();
    do {
      layout.parts.push_back(sum ? parse_list(line, captures, depth, Layout::Kind::kProduct)
                                 : parse_factor(line, captures, depth));
    } while (line.accept(sum ? '+' : '*'));
    if (layout.parts.size() > 1) return layout;
    Layout only = std::move(layout.parts.front());
    return only;
  }

  Layout parse_factor(LineReader& line, const std::vector<std::string>& captures, int depth) {
    if (depth > kMaxDepth) line.fail("too deeply nested");
    Layout layout;
    line.skip_space();
    layout.position = line.position();
    const char c = line.peek();
    if (line.accept('(')) {
      layout = parse_sum(line, captures, depth + 1);
      line.expect(')', "the layout in parentheses");
    } else if (line.accept('_')) {
      if (line.accept(':')) layout.size = size(line);
    } else if (c >= '0' && c <= '9') {
      layout.kind = Layout::Kind::kRepeat;
      layout.count = line.number("a count");
      if (layout.count == 0) line.fail_at(layout.position, "nothing can be repeated 0 times");
      line.expect('x', "a number (as in 4xP)");
      layout.parts.push_back(parse_factor(line, captures, depth + 1));
    } else {
      layout.kind = Layout::Kind::kGroup;
      layout.name = line.group_name();
      check_references(line, layout.name, captures);
    }
    return layout;
  }

  std::vector<Condition> parse_conditions(LineReader& line,
                                          const std::vector<std::string>& captures) {
    std::vector<Condition> conditions;
    for (;;) {
      const bool where = line.accept_word("where");
      if (!where && !line.accept_word("unless")) return conditions;
      Condition condition{where, line.exact_key("a tensor's name")};
      check_references(line, condition.key, captures);
      conditions.push_back(std::move(condition));
    }
  }

  /// A key captures with plain references; the others need what was captured to their left.
  void check_key(LineReader& line, const Pattern& key) {
    std::vector<std::string> seen;
    bool open = false;  // the piece before was a number of open length
    for (const Piece& piece : key.pieces) {
      const auto* reference = std::get_if<Reference>(&piece);
      const bool capture = reference != nullptr && reference->step == Reference::Step::kSelf;
      if (reference != nullptr && !capture) check_reference(line, *reference, seen);
      if (capture) {
        if (std::find(seen.begin(), seen.end(), reference->index) != seen.end())
          line.fail_at(reference->position,
                       fmt::format("{{{}}} is captured twice", reference->index));
        const IndexLine* index = file_.index(reference->index);
        const bool number = index == nullptr || index->pattern.has_value();
        if (number && open)
          line.fail_at(reference->position, "two numbers touch: their border cannot be told");
        open = number;
        if (seen.size() == kMaxCaptures) line.fail_at(reference->position, "too many captures");
        seen.push_back(reference->index);
      } else {
        open = false;
      }
    }
  }

  void check_references(LineReader& line, const Pattern& pattern,
                        const std::vector<std::string>& captures) {
    for (const Piece& piece : pattern.pieces)
      if (const auto* reference = std::get_if<Reference>(&piece))
        check_reference(line, *reference, captures);
  }

  void check_reference(LineReader& line, const Reference& reference,
                       const std::vector<std::string>& captures) {
    using Step = Reference::Step;
    const auto need = [&](const std::string& name) {
      if (std::find(captures.begin(), captures.end(), name) == captures.end())
        line.fail_at(reference.position, fmt::format("{{{}}} is not captured here", name));
    };
    const Step step = reference.step;
    const bool relative = step == Step::kPrev || step == Step::kNext;
    if (step == Step::kSelf || step == Step::kOffset || relative) need(reference.index);
    const IndexLine* index = file_.index(reference.index);
    if (step != Step::kSelf && index != nullptr && !index->pattern)
      line.fail_at(reference.position, "a listed index has no neighbours");
    if (step == Step::kSelf || step == Step::kOffset) return;
    if (step == Step::kBefore || step == Step::kAfter) need(reference.other);
    if (index == nullptr)
      line.fail_at(reference.position, fmt::format("'{}' is not declared", reference.index),
                   fmt::format("index {} in …{{{}}}…", reference.index, reference.index));
    for (const std::string& other : index->depends) need(other);
  }

  /// What `same` and `pin` range over: every index their names refer to.
  std::vector<std::string> enumerated(LineReader& line, std::vector<const Pattern*> names) {
    using Step = Reference::Step;
    std::vector<std::string> result;
    for (const Pattern* name : names) {
      for (const Piece& piece : name->pieces) {
        const auto* reference = std::get_if<Reference>(&piece);
        if (reference == nullptr) continue;
        if (reference->step == Step::kBefore || reference->step == Step::kAfter)
          line.fail_at(reference->position, "'<' and '>' need a tensor's captures");
        const bool itself = reference->step != Step::kFirst && reference->step != Step::kLast;
        range_over(line, *reference, reference->index, itself, result);
      }
    }
    for (const Pattern* name : names) check_references(line, *name, result);
    return result;
  }

  /// Adds what an index depends on, then the index itself if wanted.
  void range_over(LineReader& line, const Reference& reference, const std::string& name,
                  bool itself, std::vector<std::string>& result) {
    if (std::find(result.begin(), result.end(), name) != result.end()) return;
    const IndexLine* index = file_.index(name);
    if (index == nullptr)
      line.fail_at(reference.position, fmt::format("'{}' is not declared", name),
                   fmt::format("index {} in …{{{}}}…", name, name));
    for (const std::string& other : index->depends)
      range_over(line, reference, other, true, result);
    if (!itself) return;
    if (result.size() == kMaxCaptures) line.fail_at(reference.position, "too many captures");
    result.push_back(name);
  }

  std::string_view text_;
  const NetworkConfig& config_;
  SpecFile file_;
  std::map<std::string, std::uint64_t> constants_;
  std::map<std::string, Position> later_;  // captures of index patterns, by first use
  bool header_ = false;
};

}  // namespace

const std::string* Pattern::literal() const {
  return pieces.size() == 1 ? std::get_if<std::string>(&pieces.front()) : nullptr;
}

const IndexLine* SpecFile::index(std::string_view index_name) const {
  for (const IndexLine& line : indexes)
    if (line.name == index_name) return &line;
  return nullptr;
}

std::string SpecFile::where(Position position) const {
  return fmt::format("{}:{}:{}", name, position.line, position.column);
}

std::vector<std::string> captures_of(const Pattern& pattern) {
  std::vector<std::string> result;
  for (const Piece& piece : pattern.pieces)
    if (const auto* reference = std::get_if<Reference>(&piece);
        reference != nullptr && reference->step == Reference::Step::kSelf)
      result.push_back(reference->index);
  return result;
}

SpecFile parse_spec_file(std::string_view text, std::string_view name,
                         const NetworkConfig& config) {
  return Parser(text, name, config).run();
}

}  // namespace mgit::speclang
