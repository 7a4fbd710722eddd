#include "perm/line_fold.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

namespace mgit::speclang {
namespace {

constexpr std::size_t kMaxFolded = 6;      // numbers of a name
constexpr std::int64_t kMaxOffset = 64;    // of `{i-1}`
constexpr std::size_t kSeeds = 4;          // lines from which a loop is guessed
constexpr std::size_t kOthers = 12;        // lines with which each of them is compared
constexpr std::size_t kLeast = 3;          // lines that become one
constexpr std::size_t kLeastOfBlocks = 2;  // where the numbers are those of blocks: `h.0.`

/// What stands for a number of the rest.
struct Slot {
  std::optional<std::size_t> capture;
  std::int64_t value = 0;  // or what is added to the capture
};

/// One line with captures. Keeps pointers into the line that it was made from.
struct Loop {
  const FoldableLine* from = nullptr;
  bool loose = false;
  std::vector<bool> captured;  // by number of the name; the others are as in `from`
  std::vector<Slot> slots;     // by number of the rest
  const std::vector<std::string>* where = nullptr;  // the name of a tensor that must be there
  const NumberedNames::Numbers* present = nullptr;

  const NumberedLayouts& rest() const { return loose ? *from->loose : from->rest; }

  std::int64_t value(const Slot& slot, const FoldableLine& at) const {
    return slot.value +
           (slot.capture ? static_cast<std::int64_t>(at.name.numbers[*slot.capture]) : 0);
  }

  bool matches(const FoldableLine& line) const {
    if (from->rank && line.rank && *from->rank != *line.rank) return false;
    for (std::size_t i = 0; i < captured.size(); ++i)
      if (!captured[i] && line.name.numbers[i] != from->name.numbers[i]) return false;
    if (present != nullptr && !present->contains(line.name.numbers)) return false;
    return std::all_of(slots.begin(), slots.end(),
                       [&](const Slot& slot) { return value(slot, line) >= 0; });
  }

  /// Of a line that it matches: whether it says the same.
  bool right(const FoldableLine& line) const {
    if (line.head != from->head || line.rank != from->rank) return false;
    if (loose && !line.loose) return false;
    const Numbered& said = loose ? line.loose->parts : line.rest.parts;
    if (said.texts != rest().parts.texts) return false;
    for (std::size_t i = 0; i < slots.size(); ++i)
      if (value(slots[i], line) != static_cast<std::int64_t>(said.numbers[i])) return false;
    return true;
  }

  /// A name with the numbers of the line's own.
  std::string name(const std::vector<std::string>& texts) const {
    std::string result = texts.front();
    for (std::size_t i = 0; i < captured.size(); ++i) {
      result += captured[i] ? "{" + letter(i) + "}" : std::to_string(from->name.numbers[i]);
      result += texts[i + 1];
    }
    return result;
  }

  std::string letter(std::size_t number) const {
    const auto before = captured.begin() + static_cast<std::ptrdiff_t>(number);
    return std::string(1, static_cast<char>('i' + std::count(captured.begin(), before, true)));
  }

  std::string text() const;
};

std::string Loop::text() const {
  std::string result = from->head + name(from->name.texts);
  const Numbered& parts = rest().parts;
  result += parts.texts.front();
  for (std::size_t i = 0; i < slots.size(); ++i) {
    const Slot& slot = slots[i];
    if (!slot.capture)
      result += std::to_string(slot.value);
    else if (slot.value == 0)
      result += "{" + letter(*slot.capture) + "}";
    else
      result += fmt::format("{{{}{:+}}}", letter(*slot.capture), slot.value);
    result += parts.texts[i + 1];
  }
  return where == nullptr ? result : result + " where " + name(*where);
}

/// Guesses loops from two lines, and keeps the one that is right for most.
class Folder {
 public:
  Folder(const std::vector<FoldableLine>& family, const NumberedNames& network)
      : family_(family), beside_(network.beside(family.front().name)) {
    remaining_.resize(family.size());
    std::iota(remaining_.begin(), remaining_.end(), std::size_t{0});
    const std::vector<std::uint64_t>& first = family.front().name.numbers;
    for (std::size_t i = 0; i < first.size(); ++i)
      varying_.push_back(std::any_of(family.begin(), family.end(), [&](const FoldableLine& line) {
        return line.name.numbers[i] != first[i];
      }));
  }

  /// A loop that is chosen later stands before those that were chosen earlier: it must be right
  /// for what they cover, and those need not be for what it takes from them.
  std::vector<std::string> run() {
    std::vector<std::string> lines;
    while (remaining_.size() > 1 && guess()) {
      lines.push_back(best_->text());
      std::erase_if(remaining_, [&](std::size_t line) {
        const bool takes = best_->matches(family_[line]) && best_->right(family_[line]);
        if (takes) covered_.push_back(line);
        return takes;
      });
    }
    for (auto line = remaining_.rbegin(); line != remaining_.rend(); ++line)
      lines.push_back(family_[*line].text);
    std::reverse(lines.begin(), lines.end());
    return lines;
  }

 private:
  bool guess() {
    best_.reset();
    count_ = 0;
    for (const std::size_t seed : sample(kSeeds))
      for (const std::size_t other : sample(kOthers))
        if (seed != other) guess_from(family_[seed], family_[other]);
    return best_.has_value();
  }

  /// Some of the lines that are left, from the first to the last, with neighbours of the first.
  std::vector<std::size_t> sample(std::size_t most) const {
    std::vector<std::size_t> result;
    const std::size_t count = remaining_.size();
    for (std::size_t i = 0; i < std::min(most / 2, count); ++i) result.push_back(remaining_[i]);
    for (std::size_t i = 1; i <= most - most / 2; ++i)
      result.push_back(remaining_[(count - 1) * i / (most - most / 2)]);
    std::sort(result.begin(), result.end());
    result.erase(std::unique(result.begin(), result.end()), result.end());
    return result;
  }

  void guess_from(const FoldableLine& seed, const FoldableLine& other) {
    if (seed.head != other.head || seed.rank != other.rank) return;
    const std::size_t count = seed.name.numbers.size();
    std::vector<std::vector<bool>> choices{varying_};
    std::vector<bool> differing(count);
    for (std::size_t i = 0; i < count; ++i) {
      differing[i] = seed.name.numbers[i] != other.name.numbers[i];
      if (differing[i] || !varying_[i]) continue;
      choices.push_back(varying_);
      choices.back()[i] = false;
    }
    choices.push_back(std::move(differing));
    for (const bool loose : {false, true})
      for (const auto& captured : choices)
        for (const bool literals : {false, true})
          if (auto loop = make(seed, other, captured, loose, literals)) weigh(*std::move(loop));
  }

  /// `literals`: a number that is the same in both lines is that number, rather than a capture.
  static std::optional<Loop> make(const FoldableLine& seed, const FoldableLine& other,
                                  const std::vector<bool>& captured, bool loose, bool literals) {
    if (loose && !(seed.loose && other.loose)) return std::nullopt;
    Loop loop{&seed, loose, captured, {}};
    const NumberedLayouts& mine = loop.rest();
    const NumberedLayouts& theirs = loose ? *other.loose : other.rest;
    if (mine.parts.texts != theirs.parts.texts) return std::nullopt;
    for (std::size_t i = 0; i < mine.parts.numbers.size(); ++i) {
      const auto slot = slot_for(seed, other, captured, mine.ordinals[i], mine.parts.numbers[i],
                                 theirs.parts.numbers[i], literals);
      if (!slot) return std::nullopt;
      loop.slots.push_back(*slot);
    }
    return loop;
  }

  static std::optional<Slot> slot_for(const FoldableLine& seed, const FoldableLine& other,
                                      const std::vector<bool>& captured, std::size_t ordinal,
                                      std::uint64_t mine, std::uint64_t theirs, bool literals) {
    const Slot literal{std::nullopt, static_cast<std::int64_t>(mine)};
    if (literals && mine == theirs) return literal;
    std::optional<Slot> shifted;
    std::optional<Slot> equal;
    for (std::size_t i = 0; i < captured.size(); ++i) {
      if (!captured[i]) continue;
      const auto offset = static_cast<std::int64_t>(mine - seed.name.numbers[i]);
      if (offset != static_cast<std::int64_t>(theirs - other.name.numbers[i])) continue;
      if (offset == 0 && (!equal || i == ordinal)) equal = Slot{i, 0};
      if (!shifted && std::abs(offset) <= kMaxOffset) shifted = Slot{i, offset};
    }
    if (equal) return equal;
    if (mine == theirs) return literal;
    return seed.head.empty() ? shifted : std::nullopt;  // a declaration has no neighbours
  }

  void weigh(Loop loop) {
    std::vector<std::size_t> takes;
    std::copy_if(remaining_.begin(), remaining_.end(), std::back_inserter(takes), [&](auto line) {
      return loop.matches(family_[line]) && loop.right(family_[line]);
    });
    if (takes.size() <= count_) return;
    settle(loop, takes);
    if (takes.size() < (of_blocks(loop) ? kLeastOfBlocks : kLeast)) return;
    if (!tell_apart(loop, takes)) return;
    best_ = std::move(loop);
    count_ = takes.size();
  }

  /// A number that is one and the same in all lines that the loop takes is that number.
  void settle(Loop& loop, const std::vector<std::size_t>& takes) const {
    const std::vector<std::uint64_t>& first = family_[takes.front()].name.numbers;
    loop.from = &family_[takes.front()];
    for (std::size_t i = 0; i < first.size(); ++i) {
      const bool constant = std::all_of(takes.begin(), takes.end(), [&](std::size_t line) {
        return family_[line].name.numbers[i] == first[i];
      });
      if (!loop.captured[i] || !constant) continue;
      loop.captured[i] = false;
      for (Slot& slot : loop.slots)
        if (slot.capture == i)
          slot = {std::nullopt, slot.value + static_cast<std::int64_t>(first[i])};
    }
  }

  /// Gives the loop a condition, if it needs one so that it leaves alone what is covered and that
  /// it would be wrong for. False: nothing beside its lines tells them apart.
  bool tell_apart(Loop& loop, const std::vector<std::size_t>& takes) const {
    std::vector<std::size_t> wrong;
    std::copy_if(covered_.begin(), covered_.end(), std::back_inserter(wrong), [&](auto line) {
      return loop.matches(family_[line]) && !loop.right(family_[line]);
    });
    if (wrong.empty()) return true;
    if (!family_.front().rank) return false;  // of groups
    for (const auto& [texts, present] : beside_) {
      const auto there = [&, present = present](std::size_t line) {
        return present->contains(family_[line].name.numbers);
      };
      if (!std::all_of(takes.begin(), takes.end(), there)) continue;
      if (std::any_of(wrong.begin(), wrong.end(), there)) continue;
      loop.where = texts;
      loop.present = present;
      return true;
    }
    return false;
  }

  static bool of_blocks(const Loop& loop) {
    const std::vector<std::string>& texts = loop.from->name.texts;
    for (std::size_t i = 0; i < loop.captured.size(); ++i)
      if (loop.captured[i] && ((!texts[i].empty() && !texts[i].ends_with('.')) ||
                               (!texts[i + 1].empty() && !texts[i + 1].starts_with('.'))))
        return false;
    return true;
  }

  const std::vector<FoldableLine>& family_;
  const std::vector<std::pair<const std::vector<std::string>*, const NumberedNames::Numbers*>>
      beside_;
  std::vector<bool> varying_;  // by number of the name
  std::vector<std::size_t> remaining_;
  std::vector<std::size_t> covered_;
  std::optional<Loop> best_;
  std::size_t count_ = 0;
};

}  // namespace

void NumberedNames::add(std::string_view name) {
  Numbered parts;
  parts.add(name);
  by_texts_[std::move(parts.texts)].insert(std::move(parts.numbers));
}

std::vector<std::pair<const std::vector<std::string>*, const NumberedNames::Numbers*>>
NumberedNames::beside(const Numbered& name) const {
  std::vector<std::pair<const std::vector<std::string>*, const Numbers*>> result;
  for (const auto& [texts, numbers] : by_texts_)
    if (texts.size() == name.texts.size() && texts.front() == name.texts.front())
      result.emplace_back(&texts, &numbers);
  return result;
}

std::vector<std::string> fold_lines(const std::vector<FoldableLine>& family,
                                    const NumberedNames& network) {
  const std::size_t numbers = family.front().name.numbers.size();
  if (family.size() > 1 && numbers <= kMaxFolded) return Folder(family, network).run();
  std::vector<std::string> lines(family.size());
  std::transform(family.begin(), family.end(), lines.begin(),
                 [](const FoldableLine& line) { return line.text; });
  return lines;
}

}  // namespace mgit::speclang
