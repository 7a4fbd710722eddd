// The canonical text of a bound spec. It is hashed into commits: it may never change for a given
// spec, so whatever is added to the language has to leave it alone where it is not used.
#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "mgit/perm.h"
#include "perm/quoting.h"

namespace mgit {
namespace {

/// A range of an axis and the places in it.
struct Range {
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
  std::vector<Occurrence> places;
};

/// Writes the layout expression whose places these are. The inverse of speclang::places().
class LayoutWriter {
 public:
  LayoutWriter(const Spec& spec, const std::string& tensor) : spec_(spec), tensor_(tensor) {}

  std::string axis(const SpecAxis& axis) const {
    if (axis.occurrences.empty()) return "_";
    return write({0, axis.length, axis.occurrences}).text;
  }

 private:
  enum class Level { kFactor, kProduct, kSum };
  struct Text {
    std::string text;
    Level level = Level::kFactor;
  };

  std::uint64_t size(const Occurrence& place) const { return spec_.groups.at(place.group).size; }
  std::uint64_t span(const Occurrence& place) const {
    return place.outer * size(place) * place.inner;
  }
  std::uint64_t end(const Occurrence& place) const { return place.offset + span(place); }

  Text write(Range range) const {
    if (range.places.empty()) return {fmt::format("_:{}", range.length)};
    const auto whole =
        std::find_if(range.places.begin(), range.places.end(), [&](const Occurrence& place) {
          return place.offset == range.offset && span(place) == range.length;
        });
    return whole == range.places.end() ? sum(range) : product(range);
  }

  /// Neighbouring parts, none of which reaches into another.
  Text sum(Range& range) const {
    Text result{{}, Level::kSum};
    std::uint64_t at = range.offset;
    for (std::size_t i = 0; i < range.places.size();) {
      Range part{range.places[i].offset, 0, {}};
      std::uint64_t part_end = part.offset;
      while (i < range.places.size() &&
             (part.places.empty() || range.places[i].offset < part_end)) {
        part_end = std::max(part_end, end(range.places[i]));
        part.places.push_back(range.places[i++]);
      }
      part.length = part_end - part.offset;
      if (part.length >= range.length) refuse();
      if (part.offset > at) append(result.text, fmt::format("_:{}", part.offset - at));
      append(result.text, write(part).text);
      at = part_end;
    }
    const std::uint64_t range_end = range.offset + range.length;
    if (at < range_end) append(result.text, fmt::format("_:{}", range_end - at));
    return result;
  }

  static void append(std::string& text, const std::string& part) {
    text += (text.empty() ? "" : "+") + part;
  }

  /// The slowest group that fills the range, and what each of its units holds.
  Text product(const Range& range) const {
    Occurrence slowest;
    bool found = false;
    for (const Occurrence& place : range.places) {
      if (place.offset != range.offset || span(place) != range.length) continue;
      if (!found || place.outer * size(place) < slowest.outer * size(slowest)) slowest = place;
      found = true;
    }
    const std::uint64_t copies = slowest.outer * size(slowest);
    Range inner{range.offset, slowest.inner, {}};
    bool skipped = false;
    for (Occurrence place : range.places) {
      if (!skipped && place == slowest) {
        skipped = true;
        continue;
      }
      if (place.offset == range.offset && span(place) == range.length) {
        if (place.outer % copies != 0) refuse();
        place.outer /= copies;
      } else if (place.offset >= range.offset + slowest.inner) {
        continue;  // a repetition of what the first unit holds
      }
      if (end(place) > inner.offset + inner.length) refuse();
      inner.places.push_back(place);
    }
    std::string text = spec_.groups.at(slowest.group).name;
    if (slowest.outer > 1) text = fmt::format("{}x{}", slowest.outer, text);
    if (slowest.inner == 1) return {text, Level::kFactor};
    const Text rest = write(inner);
    text += rest.level == Level::kSum ? "*(" + rest.text + ")" : "*" + rest.text;
    return {text, Level::kProduct};
  }

  [[noreturn]] void refuse() const {
    throw Error("the groups on an axis do not form a layout", tensor_);
  }

  const Spec& spec_;
  const std::string& tensor_;
};

bool is_fixed(const SpecTensor& tensor) {
  return std::all_of(tensor.axes.begin(), tensor.axes.end(),
                     [](const SpecAxis& axis) { return axis.occurrences.empty(); });
}

std::string tensor_line(const Spec& spec, const SpecTensor& tensor) {
  const std::string key = speclang::key_text(tensor.name);
  if (!tensor.match && is_fixed(tensor)) return "skip " + key + "\n";
  const LayoutWriter writer(spec, tensor.name);
  std::string line = key;
  if (tensor.reshaped) line += fmt::format(" as [{}]", fmt::join(tensor.shape(), ", "));
  line += ':';
  for (std::size_t i = 0; i < tensor.axes.size(); ++i)
    line += (i > 0 ? ", " : " ") + writer.axis(tensor.axes[i]);
  return line + (tensor.match ? "\n" : " !nomatch\n");
}

}  // namespace

std::string spec_text(const Spec& spec) {
  std::string text = "mgit-perm 1\n";
  if (spec.architecture != "custom") text += "arch " + speclang::key_text(spec.architecture) + "\n";
  for (const Group& group : spec.groups) {
    text += fmt::format("perm {}:{}", group.name, group.size);
    if (group.outer) text += " in " + spec.groups.at(*group.outer).name;
    text += '\n';
  }
  for (const Group& group : spec.groups)
    if (group.fixed) text += fmt::format("pin {}\n", group.name);
  for (const SpecTensor& tensor : spec.tensors) text += tensor_line(spec, tensor);
  return text;
}

}  // namespace mgit
