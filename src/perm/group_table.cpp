#include "perm/group_table.h"

#include <fmt/format.h>

namespace mgit::speclang {

GroupTable::GroupTable(const SpecFile& file, const Matcher& matcher)
    : file_(file), matcher_(matcher) {
  for (const PermLine& perm : file_.perms) {
    const std::string* name = perm.name.literal();
    if (name == nullptr) {
      patterns_.push_back(&perm);
    } else if (!literal_.emplace(*name, &perm).second) {
      throw Error(fmt::format("group '{}' is declared twice", *name),
                  file_.where(perm.name.position));
    }
  }
  for (const PermLine& perm : file_.perms)
    if (const std::string* name = perm.name.literal()) intern(*name, perm.name.position);
}

std::uint32_t GroupTable::intern(const std::string& name, Position position) {
  const auto [entry, fresh] = numbers_.try_emplace(name, 0U);
  if (!fresh) return entry->second;
  Bindings bindings;
  const PermLine* perm = find(name, bindings);
  if (perm == nullptr)
    throw Error(fmt::format("group '{}' is not declared", name), file_.where(position),
                fmt::format("perm {}", name));
  const std::uint32_t number = add(name, *perm);
  entry->second = number;
  if (perm->size) sizes_.set_size(number, *perm->size);
  add_cells(number);
  if (perm->outer) set_outer(number, bindings);
  return number;
}

std::uint32_t GroupTable::add(const std::string& name, const PermLine& perm) {
  names_.push_back(name);
  declarations_.push_back(&perm);
  return sizes_.add();
}

void GroupTable::add_cells(std::uint32_t group) {
  const PermLine& perm = declaration(group);
  for (std::size_t cell = 0; cell < perm.cells.size(); ++cell) {
    const std::string name = fmt::format("{}.{}", names_[group], cell);
    Bindings ignored;
    if (find(name, ignored) != nullptr)
      throw Error(fmt::format("group '{}' is declared, and a cell of '{}'", name, names_[group]),
                  file_.where(perm.name.position));
    const std::uint32_t part = add(name, perm);
    numbers_.emplace(name, part);
    sizes_.set_size(part, perm.cells[cell]);
    cells_[group].push_back(part);
  }
}

void GroupTable::set_outer(std::uint32_t group, const Bindings& bindings) {
  const Pattern& pattern = *declaration(group).outer;
  const std::string name = matcher_.evaluate(pattern, bindings).text;
  const std::uint32_t outer = intern(name, pattern.position);
  if (cells_.contains(outer))
    throw Error(fmt::format("'{}' has cells, and so no families", name),
                file_.where(pattern.position));
  sizes_.set_outer(group, outer);
  if (!sizes_.well_founded(group))
    throw Error(fmt::format("group '{}' is a family of itself", names_[group]),
                file_.where(pattern.position));
  for (const std::uint32_t cell : cells_of(group)) sizes_.set_outer(cell, outer);
}

const PermLine* GroupTable::find(const std::string& name, Bindings& bindings) const {
  if (const auto literal = literal_.find(name); literal != literal_.end()) return literal->second;
  for (const PermLine* perm : patterns_)
    if (auto found = matcher_.match_declaration(perm->name, name)) {
      bindings = *std::move(found);
      return perm;
    }
  return nullptr;
}

std::vector<std::uint32_t> GroupTable::cells_of(std::uint32_t group) const {
  const auto found = cells_.find(group);
  return found == cells_.end() ? std::vector<std::uint32_t>{group} : found->second;
}

std::optional<std::string> GroupTable::unite(std::uint32_t group, std::uint32_t into) {
  const std::vector<std::uint32_t> cells = cells_of(group);
  const std::vector<std::uint32_t> others = cells_of(into);
  if (cells.size() != others.size())
    return fmt::format("{} and {} have other cells", names_[group], names_[into]);
  for (std::size_t i = 0; i < cells.size(); ++i)
    if (auto reason = unite_one(cells[i], others[i])) return reason;
  return std::nullopt;
}

std::optional<std::string> GroupTable::unite_one(std::uint32_t group, std::uint32_t into) {
  if (sizes_.outer(group) != sizes_.outer(into))
    return fmt::format("{} and {} are not families of one group", names_[group], names_[into]);
  const auto a = sizes_.size(group);
  const auto b = sizes_.size(into);
  if (a && b && *a != *b)
    return fmt::format("{} has {} units, {} has {}", names_[group], *a, names_[into], *b);
  sizes_.unite(group, into);
  if (!sizes_.well_founded(into))
    return fmt::format("group {} is a family of itself", names_[into]);
  return std::nullopt;
}

void GroupTable::pin(std::uint32_t group) {
  for (const std::uint32_t cell : cells_of(group)) sizes_.pin(cell);
}

bool GroupTable::can_move(std::uint32_t group) const {
  return !sizes_.pinned(group) && sizes_.size(group) != 1U;
}

std::vector<bool> GroupTable::with_families() const {
  std::vector<bool> result(count());
  for (std::uint32_t group = 0; group < count(); ++group)
    if (can_move(group))
      for (auto at = sizes_.outer(group); at; at = sizes_.outer(*at)) result[*at] = true;
  return result;
}

std::vector<std::uint32_t> GroupTable::declared() const {
  std::vector<std::uint32_t> result;
  for (const PermLine& perm : file_.perms)
    if (const std::string* name = perm.name.literal())
      for (const std::uint32_t cell : cells_of(number(*name))) result.push_back(cell);
  return result;
}

}  // namespace mgit::speclang
