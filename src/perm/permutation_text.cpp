// The object behind `Mgit-Permutation`: strict text, one way to write each permutation.
//
//   mgit-permutation 1
//   model model.safetensors
//   spec <sha256>
//   group H.fc1 512
//   17 3 0 …                     or: identity
//   group V.0 64 in H.0          a family: the units of all its members, in one line
//   group H.1 fixed 12           has families and cannot move: identity
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>

#include "mgit/perm.h"
#include "perm/line_reader.h"
#include "perm/quoting.h"

namespace mgit {
namespace {

constexpr std::string_view kHeader = "mgit-permutation 1";

class PermutationReader {
 public:
  PermutationReader(std::string_view text, std::string_view where) : text_(text), where_(where) {}

  std::vector<ModelPermutation> run() {
    if (take_line() != kHeader) fail("not a permutation");
    std::vector<ModelPermutation> models;
    while (!text_.empty()) models.push_back(model());
    return models;
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw CorruptError(what, fmt::format("{}:{}", where_, line_));
  }

  std::string_view take_line() {
    ++line_;
    const std::size_t end = text_.find('\n');
    if (end == std::string_view::npos) fail("the text ends in the middle of a line");
    const std::string_view line = text_.substr(0, end);
    text_.remove_prefix(end + 1);
    return line;
  }

  /// What follows `keyword` and a space.
  std::string_view field(std::string_view keyword) {
    const std::string_view line = take_line();
    if (!line.starts_with(keyword) || line.size() <= keyword.size() || line[keyword.size()] != ' ')
      fail(fmt::format("expected '{} …'", keyword));
    return line.substr(keyword.size() + 1);
  }

  ModelPermutation model() {
    ModelPermutation result;
    result.path = path(field("model"));
    const std::string_view hex = field("spec");
    const auto digest = Digest::from_hex(hex);
    if (!digest || digest->hex() != hex) fail("not a digest");
    result.spec = *digest;
    std::vector<std::string> outers;
    std::vector<std::pair<std::string_view, std::uint32_t>> lines;
    while (text_.starts_with("group ")) {
      std::string outer;
      result.groups.push_back(group(field("group"), outer));
      outers.push_back(std::move(outer));
      const std::string_view line = take_line();
      lines.emplace_back(line, line_);
    }
    resolve(outers, result.groups);
    for (std::uint32_t i = 0; i < lines.size(); ++i) {
      line_ = lines[i].second;
      result.permutation.groups.push_back(indices(lines[i].first, unit_count(result.groups, i)));
    }
    if (const auto fault = permutation_fault(result.groups, result.permutation)) fail(*fault);
    return result;
  }

  /// Outer groups by their names; members and units that can be counted.
  void resolve(const std::vector<std::string>& outers, std::vector<Group>& groups) const {
    std::map<std::string_view, std::uint32_t> numbers;
    for (std::uint32_t i = 0; i < groups.size(); ++i) numbers.emplace(groups[i].name, i);
    for (std::size_t i = 0; i < groups.size(); ++i) {
      if (outers[i].empty()) continue;
      const auto outer = numbers.find(outers[i]);
      if (outer == numbers.end()) fail("a family of a group that is not there");
      groups[i].outer = outer->second;
    }
    for (const Group& group : groups) {
      std::uint64_t units = group.size;
      std::size_t depth = 0;
      for (auto at = group.outer; at; at = groups[*at].outer)
        if (++depth > groups.size() || __builtin_mul_overflow(units, groups[*at].size, &units) ||
            units > UINT32_MAX)
          fail("a family of itself, or of too many units");
    }
  }

  std::string path(std::string_view text) {
    std::string result(text);
    if (text.starts_with('"')) {
      try {
        speclang::LineReader reader(where_, text, line_);
        result = reader.quoted();
      } catch (const Error& error) {
        fail(error.what());
      }
    }
    if (speclang::key_text(result) != text) fail("a path that is not written as mgit writes it");
    return result;
  }

  /// `NAME SIZE`, `NAME SIZE in OUTER` or `NAME fixed SIZE [in OUTER]`.
  Group group(std::string_view text, std::string& outer) {
    Group result;
    if (const std::size_t in = text.rfind(" in "); in != std::string_view::npos) {
      outer = text.substr(in + 4);
      text = text.substr(0, in);
    }
    const std::size_t space = text.rfind(' ');
    if (space == std::string_view::npos || space == 0) fail("expected a group's name and size");
    result.name = text.substr(0, space);
    result.size = number(text.substr(space + 1));
    if (constexpr std::string_view kFixed = " fixed"; result.name.ends_with(kFixed)) {
      result.name.resize(result.name.size() - kFixed.size());
      result.fixed = true;
    }
    return result;
  }

  std::uint32_t number(std::string_view text) const {
    std::uint32_t value = 0;
    const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (status != std::errc() || end != text.data() + text.size() ||
        (text.size() > 1 && text[0] == '0'))
      fail("not a number");
    return value;
  }

  Gather indices(std::string_view line, std::uint64_t size) const {
    Gather result;
    if (line == "identity") return result;
    result.reserve(std::min<std::size_t>(size, line.size()));
    while (result.size() <= size) {
      const std::size_t space = std::min(line.find(' '), line.size());
      result.push_back(number(line.substr(0, space)));
      if (space == line.size()) break;
      line.remove_prefix(space + 1);
    }
    if (result.size() != size) fail("a permutation of the wrong size");
    if (!is_bijection(result)) fail("not a permutation: an index is missing or repeated");
    if (is_identity(result)) fail("the identity is written 'identity'");
    return result;
  }

  std::string_view text_;
  std::string_view where_;
  std::uint32_t line_ = 0;
};

}  // namespace

std::string permutation_text(const std::vector<ModelPermutation>& models) {
  std::string text = fmt::format("{}\n", kHeader);
  for (const ModelPermutation& model : models) {
    if (model.permutation.groups.size() != model.groups.size())
      throw Error("this permutation is not of these groups", model.path);
    text += fmt::format("model {}\nspec {}\n", speclang::key_text(model.path), model.spec.hex());
    for (std::size_t i = 0; i < model.groups.size(); ++i) {
      const Gather& gather = model.permutation.groups[i];
      const Group& group = model.groups[i];
      text += fmt::format("group {}{} {}", group.name, group.fixed ? " fixed" : "", group.size);
      if (group.outer) text += " in " + model.groups.at(*group.outer).name;
      text += '\n';
      text += is_identity(gather) ? "identity" : fmt::format("{}", fmt::join(gather, " "));
      text += '\n';
    }
  }
  return text;
}

std::vector<ModelPermutation> parse_permutation(std::string_view text, std::string_view where) {
  return PermutationReader(text, where).run();
}

}  // namespace mgit
