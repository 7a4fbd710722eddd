// Lines of one family, that differ in numbers alone, as few lines with captures.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "perm/numbered.h"

namespace mgit::speclang {

/// One line of a spec, in pieces: `head` ("perm ", "skip " or nothing), a name, and the rest.
struct FoldableLine {
  std::string text;  // all of it
  std::string head;
  Numbered name;
  NumberedLayouts rest;
  std::optional<NumberedLayouts> loose;  // of a group whose size follows: the rest without it
  std::optional<std::size_t> rank;       // of a tensor's line: it is for tensors of this rank alone
};

/// Tensors by what their names have in common, and the numbers of each: for conditions.
class NumberedNames {
 public:
  using Numbers = std::set<std::vector<std::uint64_t>>;
  void add(std::string_view name);
  /// Those that begin as `name` does and have as many numbers.
  std::vector<std::pair<const std::vector<std::string>*, const Numbers*>> beside(
      const Numbered& name) const;

 private:
  std::map<std::vector<std::string>, Numbers> by_texts_;
};

/// The text of lines that say of each name in `family` what its own line says, where the first that
/// matches wins. All have the same texts in their names, and are of tensors or of groups. Where
/// names alone do not tell lines apart, tensors beside them may.
std::vector<std::string> fold_lines(const std::vector<FoldableLine>& family,
                                    const NumberedNames& network);

}  // namespace mgit::speclang
