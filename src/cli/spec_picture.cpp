#include "cli/spec_picture.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <map>
#include <set>

#include "base/words.h"
#include "mgit/format.h"
#include "perm/natural_order.h"

namespace mgit::cli {
namespace {

constexpr std::array<const char*, 10> kColors = {"#1f77b4", "#d62728", "#2ca02c", "#9467bd",
                                                 "#ff7f0e", "#17789f", "#8c564b", "#c2388f",
                                                 "#6b7a00", "#4b5563"};
constexpr std::size_t kRow = 18;   // pixels between rows
constexpr std::size_t kLane = 12;  // and between lines
constexpr std::size_t kEdge = 12;
constexpr double kLetter = 7.3;  // width of one in the font

/// A tensor that carries groups.
struct Row {
  const SpecTensor* tensor;
  std::string layout;                                   // "H*Q, R"
  std::vector<std::pair<std::size_t, std::size_t>> at;  // group and axis, each once
};

/// What stands behind the names in the canonical text, tensor by tensor.
std::vector<std::string> layouts_of(const Spec& spec) {
  const std::string text = spec_text(spec);
  std::vector<std::string> lines;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = text.find('\n', begin);
    lines.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  lines.erase(lines.begin(), lines.end() - static_cast<std::ptrdiff_t>(spec.tensors.size()));
  for (std::string& line : lines) {
    const std::size_t colon = line.rfind(": ");
    line.erase(0, colon == std::string::npos ? line.size() : colon + 2);
    if (line.ends_with(" !nomatch")) line.erase(line.rfind(' '));
  }
  return lines;
}

std::vector<Row> rows_of(const Spec& spec) {
  const std::vector<std::string> layouts = layouts_of(spec);
  std::vector<Row> rows;
  for (std::size_t i = 0; i < spec.tensors.size(); ++i) {
    Row row{&spec.tensors[i], layouts[i], {}};
    for (std::size_t axis = 0; axis < row.tensor->axes.size(); ++axis) {
      std::set<std::size_t> groups;
      for (const Occurrence& each : row.tensor->axes[axis].occurrences) groups.insert(each.group);
      for (const std::size_t group : groups) row.at.emplace_back(group, axis);
    }
    if (!row.at.empty()) rows.push_back(std::move(row));
  }
  std::stable_sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) {
    return speclang::natural_less(a.tensor->name, b.tensor->name);
  });
  return rows;
}

std::string dot_text(const std::string& text) {
  std::string result;
  for (const char letter : text) {
    if (letter == '"' || letter == '\\') result += '\\';
    result += letter;
  }
  return result;
}

std::string units(const Spec& spec, const Group& group) {
  std::string text = fmt::format("{} units", group.size);
  if (group.outer) text += " in each of " + spec.groups[*group.outer].name;
  return group.fixed ? text + ", fixed" : text;
}

/// Where a group is drawn.
struct Line {
  std::size_t first = std::numeric_limits<std::size_t>::max();
  std::size_t last = 0;
  std::size_t lane = 0;
  const char* color = kColors[0];
};

/// Lines side by side; one goes on where another ended above it.
std::vector<Line> lines_of(const Spec& spec, const std::vector<Row>& rows) {
  std::vector<Line> lines(spec.groups.size());
  for (std::size_t row = 0; row < rows.size(); ++row)
    for (const auto& [group, axis] : rows[row].at) {
      lines[group].first = std::min(lines[group].first, row);
      lines[group].last = row;
    }
  std::vector<std::size_t> order;
  for (std::size_t group = 0; group < lines.size(); ++group)
    if (lines[group].first < rows.size()) order.push_back(group);
  std::stable_sort(order.begin(), order.end(),
                   [&](auto a, auto b) { return lines[a].first < lines[b].first; });
  std::vector<std::size_t> ends;  // of the last line in each lane
  std::size_t colors = 0;
  for (const std::size_t group : order) {
    Line& line = lines[group];
    while (line.lane < ends.size() && ends[line.lane] >= line.first) ++line.lane;
    if (line.lane == ends.size()) ends.push_back(0);
    ends[line.lane] = line.last;
    line.color = kColors[colors++ % kColors.size()];
  }
  return lines;
}

/// The layout with the names of groups in their colors; where one stands first, with its size.
std::string colored(const Spec& spec, const std::map<std::string, std::size_t>& numbers,
                    const Row& row, const std::vector<Line>& lines, std::size_t number) {
  std::string text;
  std::set<std::size_t> said;
  const auto in_name = [](char letter) {
    return std::isalnum(static_cast<unsigned char>(letter)) != 0 || letter == '_' || letter == '.';
  };
  for (std::size_t begin = 0; begin < row.layout.size();) {
    std::size_t end = begin;
    while (end < row.layout.size() && in_name(row.layout[end])) ++end;
    const std::string word = row.layout.substr(begin, std::max(end, begin + 1) - begin);
    begin += word.size();
    // "2xH" is a repetition.
    const std::size_t times = word.find_first_not_of("0123456789");
    const bool repeated = times != std::string::npos && times > 0 && word[times] == 'x';
    const std::string name = repeated ? word.substr(times + 1) : word;
    const auto found = numbers.find(name);
    if (found == numbers.end()) {
      text += xml_text(word);
      continue;
    }
    const Line& line = lines[found->second];
    const bool with_size = line.first == number && said.insert(found->second).second;
    text += fmt::format("{}<tspan fill=\"{}\">{}</tspan>",
                        word.substr(0, word.size() - name.size()), line.color, xml_text(name));
    if (with_size)
      text += fmt::format("<tspan fill=\"#888\">:{}</tspan>", spec.groups[found->second].size);
  }
  return text;
}

}  // namespace

std::string spec_dot(const Spec& spec) {
  std::string text = fmt::format(
      "digraph \"{}\" {{\n  rankdir=LR;\n  node [fontname=\"monospace\"];\n"
      "  edge [dir=none, fontname=\"monospace\"];\n",
      dot_text(quote_name(spec.architecture)));
  const std::vector<Row> rows = rows_of(spec);
  const std::vector<Line> lines = lines_of(spec, rows);
  for (std::size_t i = 0; i < spec.groups.size(); ++i)
    text += fmt::format("  g{} [shape=ellipse, color=\"{}\", penwidth=2, label=\"{}\\n{}\"{}];\n",
                        i, lines[i].color, dot_text(spec.groups[i].name),
                        units(spec, spec.groups[i]), spec.groups[i].outer ? ", style=dashed" : "");
  for (std::size_t i = 0; i < spec.groups.size(); ++i)
    if (spec.groups[i].outer)
      text +=
          fmt::format("  g{} -> g{} [style=dotted, constraint=false];\n", *spec.groups[i].outer, i);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    text += fmt::format("  t{} [shape=box, label=\"{}\\n{}\"];\n", i,
                        dot_text(quote_name(rows[i].tensor->name)), dot_text(rows[i].layout));
    for (const auto& [group, axis] : rows[i].at) {
      const std::string ends =
          axis == 0 ? fmt::format("t{} -> g{}", i, group) : fmt::format("g{} -> t{}", group, i);
      text += fmt::format("  {} [color=\"{}\", label=\"{}\"];\n", ends, lines[group].color, axis);
    }
  }
  return text + "}\n";
}

std::string spec_svg(const Spec& spec) {
  const std::vector<Row> rows = rows_of(spec);
  const std::vector<Line> lines = lines_of(spec, rows);
  std::map<std::string, std::size_t> numbers;
  for (std::size_t i = 0; i < spec.groups.size(); ++i) numbers.emplace(spec.groups[i].name, i);
  std::vector<std::string> names;
  std::size_t name_letters = 0;
  std::size_t layout_letters = 20;
  std::size_t lanes = 0;
  for (const Row& row : rows) {
    names.push_back(quote_name(row.tensor->name));
    name_letters = std::max(name_letters, names.back().size());
    layout_letters = std::max(layout_letters, row.layout.size() + 8 * row.at.size());
    for (const auto& [group, axis] : row.at) lanes = std::max(lanes, lines[group].lane + 1);
  }
  const auto width_of = [](std::size_t letters) {
    return static_cast<std::size_t>(kLetter * static_cast<double>(letters));
  };
  const std::size_t left = kEdge + width_of(name_letters) + kLane;
  const std::size_t right = left + lanes * kLane + kLane;
  const auto x = [&](std::size_t group) { return left + lines[group].lane * kLane; };
  const auto y = [](std::size_t row) { return (row + 3) * kRow; };
  const ParameterCount parameters = count_parameters(spec);
  const std::size_t fixed = spec.tensors.size() - rows.size();
  const std::string heading =
      fmt::format("{}: {} groups, {} of {} parameters can move", quote_name(spec.architecture),
                  spec.groups.size(), parameters.movable, parameters.total);
  const std::size_t width =
      std::max(right + width_of(layout_letters), kEdge + width_of(heading.size())) + kEdge;
  std::string text = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{1}\" viewBox=\"0 0 {0} "
      "{1}\" font-family=\"monospace\" font-size=\"12\">\n"
      "<rect width=\"{0}\" height=\"{1}\" fill=\"white\"/>\n"
      "<text x=\"{2}\" y=\"{3}\" font-weight=\"bold\">{4}</text>\n",
      width, y(rows.size() + 1), kEdge, kRow + 4, xml_text(heading));
  for (std::size_t i = 0; i < spec.groups.size(); ++i) {
    if (lines[i].first >= rows.size()) continue;
    text += fmt::format(
        "<line x1=\"{0}\" y1=\"{1}\" x2=\"{0}\" y2=\"{2}\" stroke=\"{3}\" stroke-width=\"2\"{4}>"
        "<title>{5}: {6}</title></line>\n",
        x(i), y(lines[i].first), y(lines[i].last), lines[i].color,
        spec.groups[i].outer ? " stroke-dasharray=\"4 3\"" : "", xml_text(spec.groups[i].name),
        xml_text(units(spec, spec.groups[i])));
  }
  for (std::size_t row = 0; row < rows.size(); ++row) {
    text +=
        fmt::format("<text x=\"{}\" y=\"{}\">{}</text>\n", kEdge, y(row) + 4, xml_text(names[row]));
    for (const auto& [group, axis] : rows[row].at)
      text += fmt::format(
          "<circle cx=\"{}\" cy=\"{}\" r=\"4\" fill=\"{}\"><title>{}, axis {}</title></circle>\n",
          x(group), y(row), lines[group].color, xml_text(spec.groups[group].name), axis);
    text += fmt::format("<text x=\"{}\" y=\"{}\">{}</text>\n", right, y(row) + 4,
                        colored(spec, numbers, rows[row], lines, row));
  }
  if (fixed > 0)
    text += fmt::format(
        "<text x=\"{}\" y=\"{}\" fill=\"#888\">{} order</text>\n", kEdge, y(rows.size()) + 4,
        fixed == 1 ? "1 tensor keeps its" : fmt::format("{} tensors keep their", fixed));
  return text + "</svg>\n";
}

}  // namespace mgit::cli
