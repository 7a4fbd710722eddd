// Patterns against the names of a network: captures, and the values that references stand for.
//
// Index values are found once per network; after construction everything is const.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "mgit/tensor.h"
#include "perm/spec_file.h"

namespace mgit::speclang {

/// What a capture holds: a text, and its number if it is one.
struct Value {
  std::string text;
  std::optional<std::uint64_t> number;
};

/// Captures of one line at one tensor; few, so searched linearly.
class Bindings {
 public:
  const Value* find(std::string_view name) const;
  void push(std::string name, Value value) {
    entries_.emplace_back(std::move(name), std::move(value));
  }
  void truncate(std::size_t size) { entries_.resize(size); }
  std::size_t size() const { return entries_.size(); }
  const std::vector<std::pair<std::string, Value>>& entries() const { return entries_; }

 private:
  std::vector<std::pair<std::string, Value>> entries_;
};

/// Why a name has no value.
enum class Absence : std::uint8_t {
  kNone,
  kNoMember,     // {c.prev} of the first: where a group is named, the axis is fixed there
  kInapplicable  // {c<n} before the first, a number below zero: the line does not apply
};

struct Evaluated {
  std::string text;
  Absence absence = Absence::kNone;
};

class Matcher {
 public:
  Matcher(const SpecFile& file, const std::vector<TensorInfo>& network);

  bool exists(std::string_view tensor) const { return names_.contains(tensor); }

  /// Captures of `key` against `pattern`, nullopt if it does not match. Deterministic: numbers and
  /// alternatives take as much as they can, `*` as little, and each choice stands once a later `*`
  /// is reached; so matching takes time bounded by the product of the lengths.
  std::optional<Bindings> match(const Pattern& pattern, std::string_view key) const;
  /// Captures of a name against the declaration of a group, where they stand for any number.
  std::optional<Bindings> match_declaration(const Pattern& pattern, std::string_view name) const;

  /// The text of a pattern without `*` and alternatives.
  Evaluated evaluate(const Pattern& pattern, const Bindings& bindings) const;
  bool holds(const std::vector<Condition>& conditions, const Bindings& bindings) const;

  /// Calls for every combination of values of the indexes the patterns range over. Each takes one
  /// from `budget`; throws Error at `position` when there is none left.
  void enumerate(const std::vector<const Pattern*>& patterns, Position position,
                 std::size_t& budget, const std::function<void(const Bindings&)>& visit) const;

 private:
  using Members = std::vector<std::uint64_t>;  // ascending
  struct Domain {
    std::map<std::vector<std::string>, Members> members;  // by the values it depends on
  };

  void collect(const IndexLine& index, const std::vector<TensorInfo>& network);
  const Members* members(const IndexLine& index, const Bindings& bindings) const;
  bool in_domain(const std::string& name, const Value& value, const Bindings& bindings) const;
  std::optional<Bindings> scan(const Pattern& pattern, std::string_view text, bool domains) const;
  std::optional<std::size_t> take(const Piece& piece, std::string_view rest,
                                  Bindings& bindings) const;
  std::optional<std::size_t> capture(const Reference& reference, std::string_view rest,
                                     Bindings& bindings) const;
  Evaluated value(const Reference& reference, const Bindings& bindings) const;
  Evaluated neighbour(const Reference& reference, const Members& members,
                      const Bindings& bindings) const;

  const SpecFile& file_;
  std::unordered_set<std::string_view> names_;
  std::unordered_map<std::string, Domain> domains_;
};

}  // namespace mgit::speclang
