#include "perm/spec_folding.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "mgit/perm.h"
#include "mgit/spec_folding.h"
#include "perm/characters.h"
#include "perm/line_fold.h"

namespace mgit {
namespace speclang {
namespace {

constexpr std::size_t kMaxPinIndexes = 32;

/// Folds one text. For one run.
class TextFolder {
 public:
  /// nullopt: something is in it that is not understood.
  std::optional<std::string> run(std::string_view text) {
    while (!text.empty()) {
      const std::size_t end = std::min(text.find('\n'), text.size());
      if (!read(text.substr(0, end))) return std::nullopt;
      text.remove_prefix(std::min(end + 1, text.size()));
    }
    loosen_groups();
    std::string result = fmt::format("{}\n", fmt::join(head_, "\n"));
    const std::vector<std::string> pins = pin_lines();
    for (const std::string& line : folded(groups_)) result += line + '\n';
    for (const std::string& line : pins) result += line + '\n';
    for (const std::string& line : folded(tensors_)) result += line + '\n';
    return result;
  }

 private:
  bool read(std::string_view line) {
    if (head_.size() < 2 && (line.starts_with("mgit-perm ") || line.starts_with("arch "))) {
      head_.emplace_back(line);
      return true;
    }
    if (line.starts_with("perm ")) return read_group(line);
    if (line.starts_with("pin ")) {
      pins_.emplace_back(line.substr(4));
      return is_name(pins_.back());
    }
    const std::string_view head = line.starts_with("skip ") ? line.substr(0, 5) : "";
    return read_tensor(line, head);
  }

  static bool is_name(std::string_view text) {
    return std::all_of(text.begin(), text.end(), is_group_name);
  }

  /// `perm NAME:SIZE` or `perm NAME:SIZE in NAME`.
  bool read_group(std::string_view line) {
    FoldableLine group{std::string(line), "perm ", {}, {}, {}, {}};
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) return false;
    const std::string_view name = line.substr(5, colon - 5);
    group.name.add(name);
    std::size_t end = colon + 1;
    while (end < line.size() && is_digit(line[end])) ++end;
    std::string_view outer = line.substr(end);
    if (!outer.empty() && !outer.starts_with(" in ")) return false;
    auto rest = numbered_layouts(outer.substr(std::min<std::size_t>(4, outer.size())));
    if (!rest || end == colon + 1 || !is_name(name)) return false;
    if (!outer.empty()) rest->parts.texts.front().insert(0, " in ");
    group.loose = *rest;
    rest->parts.texts.front().insert(0, line.substr(colon, end - colon));
    group.rest = *std::move(rest);
    group_names_.emplace_back(name);
    groups_.push_back(std::move(group));
    return true;
  }

  bool read_tensor(std::string_view line, std::string_view head) {
    FoldableLine tensor{std::string(line), std::string(head), {}, {}, {}, {}};
    const std::string_view body = line.substr(head.size());
    if (body.starts_with('"')) {
      tensors_.push_back(std::move(tensor));  // literal: no loop could have its name
      tensors_.back().name.add(body);
      tensors_.back().name.numbers.clear();
      tensors_.back().name.texts = {std::string(body)};
      return true;
    }
    const std::size_t end = std::min(body.find_first_of(": *{}\"#"), body.size());
    tensor.name.add(body.substr(0, end));
    names_.emplace_back(body.substr(0, end));
    if (end == body.size()) {
      tensors_.push_back(std::move(tensor));
      return !head.empty();
    }
    if (body[end] != ':' || !head.empty()) return false;
    constexpr std::string_view kFlag = " !nomatch";
    std::string_view layouts = body.substr(end + 1);
    const bool match = !layouts.ends_with(kFlag);
    if (!match) layouts.remove_suffix(kFlag.size());
    auto rest = numbered_layouts(layouts);
    if (!rest) return false;
    tensor.rank = layouts.empty() ? 0 : 1 + std::count(layouts.begin(), layouts.end(), ',');
    note_axes(layouts);
    rest->parts.texts.front().insert(0, ":");
    if (!match) rest->parts.texts.back() += kFlag;
    tensor.rest = *std::move(rest);
    tensors_.push_back(std::move(tensor));
    return true;
  }

  /// Axes on which a group stands alone tell its size.
  void note_axes(std::string_view layouts) {
    while (!layouts.empty()) {
      const std::size_t end = std::min(layouts.find(','), layouts.size());
      std::string_view axis = layouts.substr(0, end);
      while (axis.starts_with(' ')) axis.remove_prefix(1);
      alone_.insert(std::string(axis));
      layouts.remove_prefix(std::min(end + 1, layouts.size()));
    }
  }

  void loosen_groups() {
    for (std::size_t i = 0; i < groups_.size(); ++i)
      if (!alone_.contains(group_names_[i])) groups_[i].loose.reset();
  }

  /// Families stand where the first of their lines stood.
  std::vector<std::string> folded(const std::vector<FoldableLine>& lines) const {
    std::map<std::vector<std::string>, std::size_t> numbers;
    std::vector<std::vector<FoldableLine>> families;
    for (const FoldableLine& line : lines) {
      const auto [at, fresh] = numbers.emplace(line.name.texts, families.size());
      if (fresh) families.emplace_back();
      families[at->second].push_back(line);
    }
    NumberedNames network;
    for (const std::string& name : names_) network.add(name);
    std::vector<std::string> result;
    for (const auto& family : families)
      for (std::string& line : fold_lines(family, network)) result.push_back(std::move(line));
    return result;
  }

  /// A name with a place for one of its numbers, in front of it and behind it.
  using Frame = std::pair<std::string, std::string>;
  using Frames = std::map<Frame, std::set<std::uint64_t>>;

  static std::vector<std::pair<Frame, std::uint64_t>> frames_of(std::string_view name) {
    Numbered parts;
    parts.add(name);
    std::vector<std::pair<Frame, std::uint64_t>> result;
    for (std::size_t open = 0; open < parts.numbers.size(); ++open) {
      Frame frame;
      for (std::size_t i = 0; i < parts.texts.size(); ++i) {
        std::string& side = i <= open ? frame.first : frame.second;
        side += parts.texts[i];
        if (i < parts.numbers.size() && i != open) side += std::to_string(parts.numbers[i]);
      }
      result.emplace_back(std::move(frame), parts.numbers[open]);
    }
    return result;
  }

  static Frames frames_of(const std::vector<std::string>& names) {
    Frames frames;
    for (const std::string& name : names)
      for (const auto& [frame, number] : frames_of(name)) frames[frame].insert(number);
    return frames;
  }

  /// A pin ranges over an index: the numbers of tensors, if those are the ones of the groups.
  std::vector<std::string> pin_lines() const {
    const Frames pinned = frames_of(pins_);
    const Frames named = pinned.empty() ? Frames() : frames_of(names_);
    std::map<Frame, std::string> indexes;
    std::set<std::string> done;
    std::vector<std::string> lines;
    for (const std::string& name : pins_) {
      if (done.contains(name)) continue;
      std::string line = "pin " + name;
      for (const auto& [frame, number] : frames_of(name)) {
        const std::set<std::uint64_t>& numbers = pinned.at(frame);
        const auto ranged = numbers.size() < 2 ? named.end() : index_for(frame, numbers, named);
        if (ranged == named.end()) continue;
        auto index = indexes.find(ranged->first);
        if (index == indexes.end()) {
          if (indexes.size() == kMaxPinIndexes) continue;
          const std::string letter =
              indexes.empty() ? "p" : "p" + std::to_string(indexes.size() + 1);
          lines.push_back(fmt::format("index {} in {}{{{}}}{}", letter, ranged->first.first, letter,
                                      ranged->first.second));
          index = indexes.emplace(ranged->first, letter).first;
        }
        line = fmt::format("pin {}{{{}}}{}", frame.first, index->second, frame.second);
        for (const std::uint64_t other : numbers)
          done.insert(frame.first + std::to_string(other) + frame.second);
        break;
      }
      lines.push_back(line);
    }
    return lines;
  }

  /// Of those that fit, the one that begins most as the group does.
  static Frames::const_iterator index_for(const Frame& group, const std::set<std::uint64_t>& wanted,
                                          const Frames& named) {
    auto best = named.end();
    std::size_t longest = 0;
    for (auto at = named.begin(); at != named.end(); ++at) {
      if (at->second != wanted) continue;
      const std::string a = group.first + '0' + group.second;
      const std::string b = at->first.first + '0' + at->first.second;
      const auto common = static_cast<std::size_t>(
          std::mismatch(a.begin(), a.end(), b.begin(), b.end()).first - a.begin());
      if (best != named.end() && common <= longest) continue;
      best = at;
      longest = common;
    }
    return best;
  }

  std::vector<std::string> head_;
  std::vector<FoldableLine> groups_;
  std::vector<std::string> group_names_;  // parallel to groups_
  std::vector<std::string> pins_;
  std::vector<FoldableLine> tensors_;
  std::vector<std::string> names_;  // of tensors, if not in quotes
  std::set<std::string> alone_;
};

}  // namespace

std::optional<std::string> folded_text(const std::string& text) { return TextFolder().run(text); }

}  // namespace speclang

namespace {

/// What is a quarter shorter at most is easier to read as it was.
bool hardly_shorter(const std::string& folded, const std::string& text) {
  const auto lines = [](const std::string& of) { return std::count(of.begin(), of.end(), '\n'); };
  return lines(folded) * 4 > lines(text) * 3;
}

}  // namespace

std::string fold_spec(const std::string& text, const std::vector<TensorInfo>& network) {
  std::optional<std::string> folded = speclang::folded_text(text);
  if (!folded || hardly_shorter(*folded, text)) return text;
  try {
    if (bind_spec(*folded, "folded", network) == bind_spec(text, "explicit", network))
      return *std::move(folded);
  } catch (const Error&) {
    // What is wrong with the text itself is said where it is bound.
  }
  return text;
}

}  // namespace mgit
