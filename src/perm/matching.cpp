#include "perm/matching.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "perm/characters.h"

namespace mgit::speclang {
namespace {

/// The canonical number at the beginning of `text`: no leading zeros, so that it prints as read.
std::optional<std::uint64_t> leading_number(std::string_view text, std::size_t& digits) {
  digits = 0;
  while (digits < text.size() && text[digits] >= '0' && text[digits] <= '9') ++digits;
  if (digits == 0 || digits > kMaxDigits || (digits > 1 && text[0] == '0')) return std::nullopt;
  std::uint64_t value = 0;
  std::from_chars(text.data(), text.data() + digits, value);
  return value;
}

template <typename Texts>
const std::string* longest_prefix(const Texts& texts, std::string_view of) {
  for (const std::string& text : texts)
    if (of.starts_with(text)) return &text;
  return nullptr;
}

}  // namespace

const Value* Bindings::find(std::string_view name) const {
  for (const auto& [key, value] : entries_)
    if (key == name) return &value;
  return nullptr;
}

Matcher::Matcher(const SpecFile& file, const std::vector<TensorInfo>& network) : file_(file) {
  for (const TensorInfo& tensor : network) names_.insert(tensor.name);
  for (const IndexLine& index : file.indexes)
    if (index.pattern) collect(index, network);
}

void Matcher::collect(const IndexLine& index, const std::vector<TensorInfo>& network) {
  Domain domain;
  for (const TensorInfo& tensor : network) {
    if (index.rank && *index.rank != tensor.rank()) continue;
    const auto bindings = scan(*index.pattern, tensor.name, true);
    if (!bindings) continue;
    std::vector<std::string> outer;
    for (const std::string& other : index.depends) outer.push_back(bindings->find(other)->text);
    domain.members[outer].push_back(*bindings->find(index.name)->number);
  }
  for (auto& [outer, members] : domain.members) {
    std::sort(members.begin(), members.end());
    members.erase(std::unique(members.begin(), members.end()), members.end());
  }
  domains_.emplace(index.name, std::move(domain));
}

const Matcher::Members* Matcher::members(const IndexLine& index, const Bindings& bindings) const {
  const auto domain = domains_.find(index.name);
  if (domain == domains_.end()) return nullptr;
  std::vector<std::string> outer;
  for (const std::string& other : index.depends) {
    const Value* value = bindings.find(other);
    if (value == nullptr) return nullptr;
    outer.push_back(value->text);
  }
  const auto found = domain->second.members.find(outer);
  return found == domain->second.members.end() ? nullptr : &found->second;
}

bool Matcher::in_domain(const std::string& name, const Value& value,
                        const Bindings& bindings) const {
  const IndexLine* index = file_.index(name);
  if (index == nullptr || !index->pattern || !domains_.contains(name)) return true;
  for (const std::string& other : index->depends)
    if (bindings.find(other) == nullptr) return true;  // the line does not say whose member it is
  const Members* all = members(*index, bindings);
  return all != nullptr && value.number &&
         std::binary_search(all->begin(), all->end(), *value.number);
}

std::optional<Bindings> Matcher::match(const Pattern& pattern, std::string_view key) const {
  return scan(pattern, key, true);
}

std::optional<Bindings> Matcher::match_declaration(const Pattern& pattern,
                                                   std::string_view name) const {
  return scan(pattern, name, false);
}

std::optional<Bindings> Matcher::scan(const Pattern& pattern, std::string_view text,
                                      bool domains) const {
  struct Retry {
    std::size_t piece, at, bindings;
  };
  Bindings bindings;
  std::optional<Retry> retry;
  std::size_t piece = 0;
  std::size_t at = 0;
  while (piece < pattern.pieces.size() || at < text.size()) {
    std::optional<std::size_t> taken;
    if (piece < pattern.pieces.size()) {
      if (std::holds_alternative<AnyText>(pattern.pieces[piece])) {
        retry = Retry{++piece, at, bindings.size()};
        continue;
      }
      taken = take(pattern.pieces[piece], text.substr(at), bindings);
    }
    if (taken) {
      at += *taken;
      ++piece;
      continue;
    }
    if (!retry || retry->at == text.size()) return std::nullopt;
    ++retry->at;
    piece = retry->piece;
    at = retry->at;
    bindings.truncate(retry->bindings);
  }
  if (domains)
    for (const auto& [name, value] : bindings.entries())
      if (!in_domain(name, value, bindings)) return std::nullopt;
  return bindings;
}

std::optional<std::size_t> Matcher::take(const Piece& piece, std::string_view rest,
                                         Bindings& bindings) const {
  if (const auto* text = std::get_if<std::string>(&piece))
    return rest.starts_with(*text) ? std::optional(text->size()) : std::nullopt;
  if (const auto* choice = std::get_if<Choice>(&piece)) {
    const std::string* text = longest_prefix(choice->texts, rest);
    return text != nullptr ? std::optional(text->size()) : std::nullopt;
  }
  const auto& reference = std::get<Reference>(piece);
  if (reference.step == Reference::Step::kSelf) return capture(reference, rest, bindings);
  const Evaluated wanted = value(reference, bindings);
  if (wanted.absence != Absence::kNone || !rest.starts_with(wanted.text)) return std::nullopt;
  return wanted.text.size();
}

std::optional<std::size_t> Matcher::capture(const Reference& reference, std::string_view rest,
                                            Bindings& bindings) const {
  const IndexLine* index = file_.index(reference.index);
  if (index != nullptr && !index->pattern) {
    const std::string* text = longest_prefix(index->texts, rest);
    if (text == nullptr) return std::nullopt;
    bindings.push(reference.index, {*text, std::nullopt});
    return text->size();
  }
  std::size_t digits = 0;
  const auto number = leading_number(rest, digits);
  if (!number) return std::nullopt;
  bindings.push(reference.index, {std::string(rest.substr(0, digits)), number});
  return digits;
}

Evaluated Matcher::value(const Reference& reference, const Bindings& bindings) const {
  using Step = Reference::Step;
  const Value* own = bindings.find(reference.index);
  if (reference.step == Step::kSelf)
    return own != nullptr ? Evaluated{own->text} : Evaluated{{}, Absence::kNoMember};
  if (reference.step == Step::kOffset) {
    if (own == nullptr || !own->number) return {{}, Absence::kInapplicable};
    const std::int64_t moved = static_cast<std::int64_t>(*own->number) + reference.offset;
    if (moved < 0) return {{}, Absence::kInapplicable};
    return {std::to_string(moved)};
  }
  const IndexLine* index = file_.index(reference.index);
  const Members* all = index != nullptr ? members(*index, bindings) : nullptr;
  if (all == nullptr) {
    const bool nearest = reference.step == Step::kBefore || reference.step == Step::kAfter;
    return {{}, nearest ? Absence::kInapplicable : Absence::kNoMember};
  }
  return neighbour(reference, *all, bindings);
}

Evaluated Matcher::neighbour(const Reference& reference, const Members& all,
                             const Bindings& bindings) const {
  using Step = Reference::Step;
  const Step step = reference.step;
  if (step == Step::kFirst) return {std::to_string(all.front())};
  if (step == Step::kLast) return {std::to_string(all.back())};
  const bool nearest = step == Step::kBefore || step == Step::kAfter;
  const Absence absence = nearest ? Absence::kInapplicable : Absence::kNoMember;
  const Value* from = bindings.find(nearest ? reference.other : reference.index);
  if (from == nullptr || !from->number) return {{}, absence};
  if (step == Step::kPrev || step == Step::kBefore) {
    const auto found = std::lower_bound(all.begin(), all.end(), *from->number);
    if (found == all.begin()) return {{}, absence};
    return {std::to_string(*std::prev(found))};
  }
  const auto found = std::upper_bound(all.begin(), all.end(), *from->number);
  if (found == all.end()) return {{}, absence};
  return {std::to_string(*found)};
}

Evaluated Matcher::evaluate(const Pattern& pattern, const Bindings& bindings) const {
  Evaluated result;
  for (const Piece& piece : pattern.pieces) {
    if (const auto* text = std::get_if<std::string>(&piece)) {
      result.text += *text;
      continue;
    }
    const Evaluated part = value(std::get<Reference>(piece), bindings);
    result.text += part.text;
    result.absence = std::max(result.absence, part.absence);
  }
  return result;
}

bool Matcher::holds(const std::vector<Condition>& conditions, const Bindings& bindings) const {
  for (const Condition& condition : conditions) {
    const Evaluated key = evaluate(condition.key, bindings);
    const bool present = key.absence == Absence::kNone && exists(key.text);
    if (present != condition.present) return false;
  }
  return true;
}

void Matcher::enumerate(const std::vector<const Pattern*>& patterns, Position position,
                        std::size_t& budget,
                        const std::function<void(const Bindings&)>& visit) const {
  std::vector<const IndexLine*> order;
  const std::function<void(const IndexLine*, bool)> range = [&](const IndexLine* index, bool self) {
    if (std::find(order.begin(), order.end(), index) != order.end()) return;
    for (const std::string& other : index->depends) range(file_.index(other), true);
    if (self) order.push_back(index);
  };
  for (const Pattern* pattern : patterns)
    for (const Piece& piece : pattern->pieces)
      if (const auto* reference = std::get_if<Reference>(&piece))
        range(file_.index(reference->index), reference->step != Reference::Step::kFirst &&
                                                 reference->step != Reference::Step::kLast);
  Bindings bindings;
  const std::function<void(std::size_t)> choose = [&](std::size_t depth) {
    if (budget-- == 0)
      throw Error("this line ranges over too many combinations", file_.where(position));
    if (depth == order.size()) return visit(bindings);
    const IndexLine& index = *order[depth];
    const auto with = [&](Value value) {
      bindings.push(index.name, std::move(value));
      choose(depth + 1);
      bindings.truncate(depth);
    };
    if (!index.pattern) {
      for (const std::string& text : index.texts) with({text, std::nullopt});
    } else if (const Members* all = members(index, bindings)) {
      for (const std::uint64_t number : *all) with({std::to_string(number), number});
    }
  };
  choose(0);
}

}  // namespace mgit::speclang
