// A parsed spec file: what the text says, before any network is known.
//
// Plain values. parse_spec_file() knows the whole grammar of docs/specs.md; what binding does not
// do yet is kept here with its position, so that it can be refused rather than ignored.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "mgit/base.h"
#include "mgit/perm.h"

namespace mgit::speclang {

struct Position {
  std::uint32_t line = 0;
  std::uint32_t column = 0;
};

/// `{c}`, `{c.prev}`, `{c-1}`, `{c<n}`: a number (or a listed text) that the line's captures
/// decide.
struct Reference {
  enum class Step : std::uint8_t { kSelf, kPrev, kNext, kFirst, kLast, kOffset, kBefore, kAfter };
  std::string index;
  Step step = Step::kSelf;
  std::int64_t offset = 0;  // kOffset
  std::string other;        // kBefore, kAfter
  Position position;
};

struct AnyText {};
struct Choice {
  std::vector<std::string> texts;  // longest first
};
using Piece = std::variant<std::string, AnyText, Choice, Reference>;

/// A tensor name or group name with captures.
struct Pattern {
  std::vector<Piece> pieces;
  std::string source;  // as written
  Position position;

  /// The text itself if nothing in it is left open.
  const std::string* literal() const;
};

/// `where KEY` or `unless KEY`.
struct Condition {
  bool present = true;
  Pattern key;
};

/// A layout expression of one axis.
struct Layout {
  enum class Kind : std::uint8_t { kFixed, kGroup, kSum, kProduct, kRepeat };
  Kind kind = Kind::kFixed;
  std::optional<std::uint64_t> size;  // kFixed: `_:n`
  std::uint64_t count = 1;            // kRepeat
  Pattern name;                       // kGroup
  std::vector<Layout> parts;
  Position position;
};

/// Something the grammar has and binding does not support yet.
struct Unsupported {
  std::string what;
  Position position;
};

/// `perm NAME[:size] [in OUTER] [within [a, b, …]]`.
struct PermLine {
  Pattern name;
  std::optional<std::uint64_t> size;
  std::optional<Pattern> outer;
  std::vector<std::uint64_t> cells;  // units move inside of these neighbouring cells alone
};

/// `index c in PATTERN [rank N]`, or `index p = a, b, c`.
struct IndexLine {
  std::string name;
  std::optional<Pattern> pattern;
  std::optional<std::uint64_t> rank;
  std::vector<std::string> texts;
  std::vector<std::string> depends;  // the other captures of the pattern
  Position position;
};

struct TensorLine {
  Pattern key;
  bool skip = false;
  std::vector<std::uint64_t> shape;  // `as`: what to read the tensor as; empty: as it is
  std::vector<Layout> axes;
  bool match = true;
  std::vector<Condition> conditions;
};

/// `alias KEY = KEY`: a tensor that has the layout of another, because it is that tensor.
struct AliasLine {
  Pattern key;
  Pattern as;
};

struct PinLine {
  Pattern name;
  std::vector<Condition> conditions;
};

struct SameLine {
  Pattern name;
  Pattern as;
  std::vector<Condition> conditions;
};

struct SpecFile {
  std::string name;  // for messages
  std::string architecture = "custom";
  std::vector<PermLine> perms;
  std::vector<IndexLine> indexes;
  std::vector<TensorLine> tensors;  // `skip` lines among them: the first that applies wins
  std::vector<AliasLine> aliases;
  std::vector<PinLine> pins;
  std::vector<SameLine> sames;
  std::vector<Unsupported> unsupported;
  bool uses_config = false;
  std::vector<std::string> misfits;  // what the network's config does not say, or says otherwise

  const IndexLine* index(std::string_view index_name) const;
  /// "name:line:column".
  std::string where(Position position) const;
};

/// Throws Error at "name:line:column".
SpecFile parse_spec_file(std::string_view text, std::string_view name,
                         const NetworkConfig& config = {});

/// Capture names of a pattern, in order.
std::vector<std::string> captures_of(const Pattern& pattern);

}  // namespace mgit::speclang
