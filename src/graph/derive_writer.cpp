#include "graph/derive_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "graph/derive_families.h"
#include "perm/natural_order.h"

namespace mgit::derivation {
namespace {

/// A tensor's name as a line begins with it: in quotes if a pattern could be read into it.
std::string key_text(const std::string& name) {
  const bool plain = !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-' || c == '/';
  });
  if (plain) return name;
  std::string text = "\"";
  for (const char c : name) {
    if (c == '"' || c == '\\') text += '\\';
    if (static_cast<unsigned char>(c) < ' ' || c == '\x7f') {
      text += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    } else {
      text += c;
    }
  }
  return text + "\"";
}

std::string group_name(std::string tensor) {
  for (const std::string_view suffix : {".weight", ".bias", ".kernel"})
    if (tensor.ends_with(suffix)) {
      tensor.resize(tensor.size() - suffix.size());
      break;
    }
  for (char& c : tensor)
    if (!std::isalnum(static_cast<unsigned char>(c)) && c != '_' && c != '.') c = '_';
  if (tensor.empty() || !std::isalpha(static_cast<unsigned char>(tensor.front())))
    tensor = "g" + tensor;
  return tensor == "where" || tensor == "unless" ? tensor + "_" : tensor;
}

/// Writes one spec. For one run.
class Writer {
 public:
  Writer(Interpreter& interpreter, const std::vector<DerivedTensor>& tensors)
      : terms_(interpreter.terms()), tensors_(tensors) {
    std::vector<Layout> layouts;
    for (const DerivedTensor& tensor : tensors) layouts.push_back(tensor.layout);
    outer_ = find_families(interpreter, layouts);
  }

  std::string run(const std::vector<std::string>& skipped) {
    find_groups();
    name_groups();
    std::string text = "mgit-perm 1\narch derived\n";
    for (const Term atom : order_) {
      text += fmt::format("perm {}:{}", names_.at(atom), *terms_.size(atom));
      if (const auto outer = outer_.find(atom); outer != outer_.end())
        text += " in " + names_.at(outer->second);
      text += '\n';
    }
    for (const Term atom : order_)
      if (terms_.is_fixed(atom)) text += "pin " + names_.at(atom) + '\n';
    std::map<std::string, std::string, decltype(&speclang::natural_less)> lines(
        &speclang::natural_less);
    for (const DerivedTensor& tensor : tensors_) lines.emplace(tensor.name, line(tensor));
    for (const std::string& name : skipped) lines.emplace(name, "skip " + key_text(name));
    for (const auto& [name, line] : lines) text += line + '\n';
    return text;
  }

  /// Of the groups that were written.
  double freedom() const {
    double all = 0;
    for (const Term atom : order_) {
      if (terms_.is_fixed(atom)) continue;
      double members = 1;
      for (auto outer = outer_.find(atom); outer != outer_.end();
           outer = outer_.find(outer->second))
        members *= static_cast<double>(terms_.size(outer->second).value_or(1));
      all += members * std::lgamma(static_cast<double>(terms_.size(atom).value_or(1)) + 1);
    }
    return all;
  }

 private:
  /// What the binder asks of a group: one tensor makes its units, another one reads them; and of a
  /// family or an inner part of a product, that it stands in two places.
  struct Join {
    std::set<const DerivedTensor*> tensors;
    bool produced = false;
    bool consumed = false;
    bool inner = true;
    std::size_t places = 0;

    bool plain() const { return produced && consumed && tensors.size() > 1; }
  };

  void find_groups() {
    const std::map<Term, Join> joins = find_joins();
    const auto add = [&](bool families) {
      for (const auto& [atom, join] : joins) {
        const bool lenient = join.inner || outer_.contains(atom);
        if (families != lenient) continue;
        if (lenient ? join.places > 1 : join.plain()) groups_.insert(atom);
      }
    };
    add(true);
    // Outer groups are needed by their families, whether they move or not.
    const std::set<Term> moving = groups_;
    for (const Term atom : moving)
      for (auto outer = outer_.find(atom); outer != outer_.end();
           outer = outer_.find(outer->second))
        groups_.insert(outer->second);
    add(false);
  }

  std::map<Term, Join> find_joins() {
    std::map<std::string, const DerivedTensor*> by_name;
    for (const DerivedTensor& tensor : tensors_) by_name.emplace(tensor.name, &tensor);
    std::map<Term, Join> joins;
    for (const DerivedTensor& tensor : tensors_) {
      const std::size_t rank = tensor.layout.dims.size();
      if (rank < 2) continue;
      const DerivedTensor* bias = bias_of(by_name, tensor);
      const std::set<Term> made = bias == nullptr ? std::set<Term>() : atoms_of(*bias);
      for (std::size_t axis = 0; axis < rank; ++axis)
        for (const Place& place : places_of(terms_, tensor.layout.dims[axis])) {
          if (terms_.is_fixed(place.atom)) continue;
          Join& join = joins[place.atom];
          join.tensors.insert(&tensor);
          const bool makes = made.contains(place.atom);
          join.produced = join.produced || axis == 0 || makes || (!bias && axis + 1 == rank);
          join.consumed = join.consumed || axis > 0 || (bias && !makes);
          join.inner = join.inner && place.slower > 0;
          ++join.places;
        }
    }
    return joins;
  }

  static const DerivedTensor* bias_of(const std::map<std::string, const DerivedTensor*>& by_name,
                                      const DerivedTensor& tensor) {
    for (const std::string_view weight : {"weight", "kernel"}) {
      const std::size_t at = tensor.name.rfind(weight);
      if (at == std::string::npos) continue;
      std::string name = tensor.name;
      const auto found = by_name.find(name.replace(at, weight.size(), "bias"));
      if (found != by_name.end()) return found->second;
    }
    return nullptr;
  }

  std::set<Term> atoms_of(const DerivedTensor& tensor) {
    std::set<Term> all;
    for (const Term dim : tensor.layout.dims)
      for (const Term atom : terms_.atoms(dim)) all.insert(atom);
    return all;
  }

  /// In the order in which the tensors have them; tensors that are no vectors give the names.
  void name_groups() {
    std::set<Term> with_families;
    for (const auto& [atom, outer] : outer_)
      if (groups_.contains(atom)) with_families.insert(outer);
    std::set<std::string> taken;
    for (const bool vectors : {false, true})
      for (const DerivedTensor& tensor : tensors_) {
        if ((tensor.layout.dims.size() < 2) != vectors) continue;
        for (const Term dim : tensor.layout.dims)
          for (const Term atom : terms_.atoms(dim)) {
            if (!groups_.contains(atom) || names_.contains(atom)) continue;
            std::string name = group_name(tensor.name);
            if (with_families.contains(atom)) {
              name += ".blocks";
            } else if (outer_.contains(atom)) {
              name += ".units";
            } else if (!terms_.is_atom(dim)) {
              name += ".part";
            }
            std::string free = name;
            for (int number = 2; !taken.insert(free).second; ++number)
              free = fmt::format("{}.{}", name, number);
            names_.emplace(atom, std::move(free));
            order_.push_back(atom);
          }
      }
  }

  bool shown(Term atom) const { return groups_.contains(atom); }

  /// Whether nothing of it has a name.
  bool plain(Term term) {
    const std::vector<Term> inside = terms_.atoms(term);
    return std::none_of(inside.begin(), inside.end(), [&](Term atom) { return shown(atom); });
  }

  std::string factor_text(Term factor) {
    if (terms_.is_atom(factor)) return names_.at(factor);
    return "(" + sum_text(factor) + ")";
  }

  /// Neighbours that stay as they are become one.
  std::vector<std::string> factor_texts(Term segment) {
    std::vector<std::string> parts;
    std::uint64_t fixed = 1;
    const auto flush = [&] {
      if (fixed > 1) parts.push_back(fmt::format("_:{}", fixed));
      fixed = 1;
    };
    for (const Term factor : terms_.factors(segment)) {
      if (plain(factor)) {
        fixed *= terms_.size(factor).value_or(1);
      } else {
        flush();
        parts.push_back(factor_text(factor));
      }
    }
    flush();
    return parts;
  }

  std::string sum_text(Term term) {
    std::vector<std::string> parts;
    std::uint64_t fixed = 0;
    const auto flush = [&] {
      if (fixed > 0) parts.push_back(fmt::format("_:{}", fixed));
      fixed = 0;
    };
    for (const Term segment : terms_.segments(term)) {
      if (plain(segment)) {
        fixed += terms_.size(segment).value_or(0);
      } else {
        flush();
        parts.push_back(fmt::format("{}", fmt::join(factor_texts(segment), "*")));
      }
    }
    flush();
    return fmt::format("{}", fmt::join(parts, "+"));
  }

  std::string line(const DerivedTensor& tensor) {
    std::vector<std::string> axes;
    for (const Term dim : tensor.layout.dims) axes.push_back(plain(dim) ? "_" : sum_text(dim));
    std::string text = key_text(tensor.name) + ':';
    if (!axes.empty()) text += fmt::format(" {}", fmt::join(axes, ", "));
    return text + (tensor.match ? "" : " !nomatch");
  }

  Terms& terms_;
  const std::vector<DerivedTensor>& tensors_;
  std::map<Term, Term> outer_;
  std::set<Term> groups_;
  std::map<Term, std::string> names_;
  std::vector<Term> order_;
};

}  // namespace

WrittenSpec write_spec(Interpreter& interpreter, const std::vector<DerivedTensor>& tensors,
                       const std::vector<std::string>& skipped) {
  Writer writer(interpreter, tensors);
  WrittenSpec spec;
  spec.text = writer.run(skipped);
  spec.freedom = writer.freedom();
  return spec;
}

}  // namespace mgit::derivation
