#include "workflow/merge_driver.h"

#include <fmt/format.h>

#include "base/os.h"
#include "mgit/format.h"

namespace mgit {
namespace {

bool same_shape(const Manifest& a, const Manifest& b) {
  if (a.format != b.format || a.size != b.size || a.tensors.size() != b.tensors.size())
    return false;
  for (std::size_t i = 0; i < a.tensors.size(); ++i)
    if (a.tensors[i].info != b.tensors[i].info) return false;
  return true;
}

/// base -> theirs applied to ours, for one object name.
std::optional<Digest> pick(const Digest& base, const Digest& ours, const Digest& theirs) {
  if (ours == theirs || base == theirs) return ours;
  if (base == ours) return theirs;
  return std::nullopt;
}

}  // namespace

bool merge_manifests(const std::filesystem::path& base, const std::filesystem::path& ours,
                     const std::filesystem::path& theirs, const std::string& path,
                     std::string& conflict) {
  const std::string base_text = os::read_file(base);
  const std::string our_text = os::read_file(ours);
  const std::string their_text = os::read_file(theirs);
  for (const std::string* text : {&base_text, &our_text, &their_text}) {
    if (looks_like_manifest(*text)) continue;
    conflict = "not a checkpoint of mgit's on every side";
    return false;
  }
  const Manifest from = parse_manifest(base_text, path);
  Manifest result = parse_manifest(our_text, path);
  const Manifest to = parse_manifest(their_text, path);
  if (!same_shape(from, result) || !same_shape(from, to)) {
    conflict = "the network itself changed";
    return false;
  }
  const auto layout = pick(from.layout, result.layout, to.layout);
  if (!layout) {
    conflict = "the header changed on both sides";
    return false;
  }
  result.layout = *layout;
  std::size_t both = 0;
  std::string first;
  for (std::size_t i = 0; i < result.tensors.size(); ++i) {
    ManifestTensor& tensor = result.tensors[i];
    if (const auto object = pick(from.tensors[i].object, tensor.object, to.tensors[i].object)) {
      tensor.object = *object;
    } else if (both++ == 0) {
      first = tensor.info.name;
    }
  }
  if (both > 0) {
    conflict = fmt::format("{} of {} tensors changed on both sides, first {}", both,
                           result.tensors.size(), first);
    return false;
  }
  os::write_file(ours, as_bytes(manifest_text(result)));
  return true;
}

}  // namespace mgit
