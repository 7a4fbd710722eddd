// The groups of a spec file as its lines name them: declared, numbered, cut into cells, families of
// each other, made one, pinned.
#pragma once

#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "perm/layout.h"
#include "perm/matching.h"
#include "perm/spec_file.h"

namespace mgit::speclang {

/// For one binding; keeps references to its arguments. Errors name the place in the file.
class GroupTable {
 public:
  /// Numbers what is declared by a plain name. Throws Error for a group that is declared twice, is
  /// a family of itself, or of one with cells.
  GroupTable(const SpecFile& file, const Matcher& matcher);

  /// The number of a group. Throws Error at `position` if nothing declares it.
  std::uint32_t intern(const std::string& name, Position position);
  /// The cells of a group, in whose place they stand on every axis; the group itself if it has
  /// none.
  std::vector<std::uint32_t> cells_of(std::uint32_t group) const;
  /// Makes one of two; a reason why not, or nullopt.
  std::optional<std::string> unite(std::uint32_t group, std::uint32_t into);
  void pin(std::uint32_t group);

  std::size_t count() const { return sizes_.count(); }
  const std::string& name(std::uint32_t group) const { return names_[group]; }
  const PermLine& declaration(std::uint32_t group) const { return *declarations_[group]; }
  /// The group of that name, which there is.
  std::uint32_t number(const std::string& name) const { return numbers_.at(name); }
  GroupSizes& sizes() { return sizes_; }
  const GroupSizes& sizes() const { return sizes_; }
  /// Sizes are known: neither pinned nor of one unit.
  bool can_move(std::uint32_t group) const;
  /// Sizes are known. By root: is a group that can move a family of it?
  std::vector<bool> with_families() const;
  /// Groups, or cells of them, that a plain name declares.
  std::vector<std::uint32_t> declared() const;

 private:
  std::uint32_t add(const std::string& name, const PermLine& perm);
  void add_cells(std::uint32_t group);
  void set_outer(std::uint32_t group, const Bindings& bindings);
  const PermLine* find(const std::string& name, Bindings& bindings) const;
  std::optional<std::string> unite_one(std::uint32_t group, std::uint32_t into);

  const SpecFile& file_;
  const Matcher& matcher_;
  std::unordered_map<std::string, const PermLine*> literal_;
  std::vector<const PermLine*> patterns_;
  GroupSizes sizes_;
  std::unordered_map<std::string, std::uint32_t> numbers_;
  std::vector<std::string> names_;
  std::vector<const PermLine*> declarations_;                            // by group
  std::unordered_map<std::uint32_t, std::vector<std::uint32_t>> cells_;  // of `within`
};

}  // namespace mgit::speclang
