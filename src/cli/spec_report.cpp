#include "cli/spec_report.h"

#include <fmt/format.h>

#include <algorithm>

#include "model/model_spec.h"

namespace mgit::cli {
namespace {

constexpr std::size_t kColumns = 100;

std::string described(const Spec& spec, std::uint32_t number) {
  const Group& group = spec.groups[number];
  std::string text = fmt::format("{} ({} units", group.name, group.size);
  if (group.outer) text += " in each of " + spec.groups[*group.outer].name;
  return text + (group.fixed ? ", fixed)" : ")");
}

void list_places(const std::string& where, const std::vector<std::string>& places) {
  for (const std::string& place : places) fmt::print("    only in {}: {}\n", where, place);
}

}  // namespace

Json to_json(const Spec& spec) {
  const ParameterCount parameters = count_parameters(spec);
  Json json = {{"architecture", spec.architecture},
               {"proof", proof_name(spec.proof)},
               {"spec", sha256(as_bytes(spec_text(spec))).hex()},
               {"tensors", spec.tensors.size()},
               {"parameters", parameters.total},
               {"movable", parameters.movable},
               {"groups", Json::array()}};
  const std::vector<GroupMembers> members = group_members(spec);
  for (std::size_t g = 0; g < members.size(); ++g) {
    Json axes = Json::array();
    for (const auto& [tensor, axis] : members[g].axes)
      axes.push_back({{"tensor", tensor}, {"axis", axis}});
    const Group& group = spec.groups[g];
    Json entry = {{"name", group.name},
                  {"size", group.size},
                  {"parameters", members[g].parameters},
                  {"members", axes}};
    if (group.outer) entry["in"] = spec.groups[*group.outer].name;
    if (group.fixed) entry["fixed"] = true;
    json["groups"].push_back(std::move(entry));
  }
  return json;
}

void print_summary(const Spec& spec) {
  const ParameterCount parameters = count_parameters(spec);
  const double share = parameters.total == 0 ? 0.0
                                             : 100.0 * static_cast<double>(parameters.movable) /
                                                   static_cast<double>(parameters.total);
  fmt::print("architecture  {}\nproof         {}\n", spec.architecture, proof_name(spec.proof));
  if (const std::string place = weights_place(spec); !place.empty())
    fmt::print("weights       in '{}'\n", place);
  fmt::print("coverage      {} tensors, none left out\n", spec.tensors.size());
  fmt::print("groups        {}\n", spec.groups.size());
  fmt::print("can move      {:.1f} % of {} parameters\n", share, parameters.total);
}

void print_groups(const Spec& spec) {
  const std::vector<GroupMembers> members = group_members(spec);
  std::size_t width = 5;
  for (const Group& group : spec.groups) width = std::max(width, group.name.size());
  for (std::size_t g = 0; g < members.size(); ++g) {
    const Group& group = spec.groups[g];
    std::string note = group.fixed ? "  fixed, holds families" : "";
    if (group.outer) note += "  in each of " + spec.groups[*group.outer].name;
    fmt::print("\n{:<{}}  {:>6} units  {:>10} parameters{}\n", group.name, width, group.size,
               members[g].parameters, note);
    std::string line = "   ";
    for (const auto& [tensor, axis] : members[g].axes) {
      const std::string member = fmt::format(" {}:{}", tensor, axis);
      if (line.size() + member.size() > kColumns) {
        fmt::print("{}\n", line);
        line = "   ";
      }
      line += member;
    }
    fmt::print("{}\n", line);
  }
}

std::string derived_head(const std::string& graph, const ModelDerivation& found) {
  constexpr std::size_t kNamed = 3;
  const ParameterCount parameters = count_parameters(found.spec);
  std::string text = fmt::format("# from {}: {} groups; {} of {} parameters can move\n", graph,
                                 found.spec.groups.size(), parameters.movable, parameters.total);
  for (const std::string& op : found.derivation.unknown_operators)
    text += fmt::format("# unknown operator, all that it touches stays as it is: {}\n", op);
  if (!found.derivation.pins.empty()) text += "# what stays as it is:\n";
  for (const Pin& pin : found.derivation.pins) {
    const auto end =
        pin.tensors.begin() + static_cast<std::ptrdiff_t>(std::min(kNamed, pin.tensors.size()));
    text += fmt::format("#   {}{}: {}", pin.reason,
                        pin.op.empty() ? "" : fmt::format(" ({} in {})", pin.op, pin.where),
                        fmt::join(pin.tensors.begin(), end, ", "));
    if (pin.tensors.size() > kNamed)
      text += fmt::format(" and {} more", pin.tensors.size() - kNamed);
    text += '\n';
  }
  return text;
}

Json to_json(const SpecComparison& comparison, const Spec& a, const Spec& b) {
  Json json = {{"alike", comparison.alike}, {"differences", Json::array()}};
  for (const GroupDifference& each : comparison.differences) {
    Json entry = {{"only_a", each.only_a}, {"only_b", each.only_b}};
    if (each.a) entry["a"] = a.groups[*each.a].name;
    if (each.b) entry["b"] = b.groups[*each.b].name;
    json["differences"].push_back(std::move(entry));
  }
  return json;
}

void print_comparison(const SpecComparison& comparison, const NamedSpec& a, const NamedSpec& b) {
  fmt::print("{} {} alike\n", comparison.alike, comparison.alike == 1 ? "group" : "groups");
  for (const GroupDifference& each : comparison.differences) {
    if (each.a && each.b) {
      fmt::print("{} of {} is not {} of {}\n", described(a.spec, *each.a), a.name,
                 described(b.spec, *each.b), b.name);
    } else if (each.a) {
      fmt::print("{} is in {} alone\n", described(a.spec, *each.a), a.name);
    } else {
      fmt::print("{} is in {} alone\n", described(b.spec, *each.b), b.name);
    }
    list_places(a.name, each.only_a);
    list_places(b.name, each.only_b);
  }
}

}  // namespace mgit::cli
