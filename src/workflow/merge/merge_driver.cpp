#include "workflow/merge/merge_driver.h"

#include <fmt/format.h>

#include <array>

#include "base/os.h"
#include "format/format_table.h"
#include "git/lfs.h"
#include "merge/tensor_role.h"
#include "mgit/store.h"
#include "model/model_spec.h"
#include "model/rewrite_checkpoint.h"

namespace mgit {
namespace {

bool same_shape(const Manifest& a, const Manifest& b) {
  if (a.format != b.format || a.size != b.size || a.tensors.size() != b.tensors.size())
    return false;
  for (std::size_t i = 0; i < a.tensors.size(); ++i)
    if (a.tensors[i].info != b.tensors[i].info || a.tensors[i].placement != b.tensors[i].placement)
      return false;
  return true;
}

/// base -> theirs applied to ours, for one object name.
std::optional<Digest> pick(const Digest& base, const Digest& ours, const Digest& theirs) {
  if (ours == theirs || base == theirs) return ours;
  if (base == ours) return theirs;
  return std::nullopt;
}

/// The side whose file the result is written in; nullopt if both changed more than values.
std::optional<Manifest> pick_frame(const Store& store, const Manifest& base, const Manifest& ours,
                                   const Manifest& theirs) {
  if (same_frame(base, ours)) return theirs;
  if (same_but_values(store, ours, theirs) || same_but_values(store, base, theirs)) return ours;
  if (same_but_values(store, base, ours)) return theirs;
  return std::nullopt;
}

/// `frame` with the tensors of `tensors`: what the container says about its contents is made anew.
Manifest written_in(Workspace& repository, const Manifest& frame, const Manifest& tensors,
                    const std::string& path) {
  repository.need(frame, path);
  const auto batch = repository.store().begin();
  TensorRewrite rewrite;
  rewrite.content = [&](std::size_t i) -> std::optional<TensorData> {
    if (tensors.tensors[i].object == frame.tensors[i].object) return std::nullopt;
    return read_tensor(repository.store(), tensors.tensors[i]);
  };
  Manifest result = rewrite_checkpoint(repository.store(), *batch, frame, rewrite);
  batch->commit();
  return result;
}

/// Why a text cannot be merged; empty for a manifest.
std::string no_manifest(std::string_view side, const std::string& text, const std::string& path) {
  if (looks_like_manifest(text)) return {};
  if (text.empty()) return fmt::format("{} is an empty file", side);
  return fmt::format(
      "{} is no manifest, but a file that git holds whole; if it is a checkpoint, on its branch: "
      "mgit track {}, git add --renormalize {}, git commit",
      side, path, path);
}

/// A checkpoint that somebody committed without mgit, in place of its manifest: it is taken into
/// the store, coded against the base. Any other text stays as it is.
std::string taken_in(Workspace& repository, std::string text, const std::string& base_text,
                     const std::string& path) {
  if (text.empty() || looks_like_manifest(text) || parse_lfs_pointer(text) ||
      !looks_like_manifest(base_text))
    return text;
  const auto batch = repository.store().begin();
  const Manifest manifest =
      add_checkpoint(*batch, as_bytes(text), path, parse_manifest(base_text, path));
  if (manifest.format == kWholeFile) return text;
  batch->commit();
  return manifest_text(manifest);
}

/// Codes and scales that would come from both sides; empty if none do.
std::string torn_unit(const Manifest& base, const Manifest& ours, const Manifest& theirs) {
  const std::array<const Manifest*, 2> sides{&ours, &theirs};
  const auto content = [&](std::size_t side, std::size_t tensor) {
    return sides[side]->tensors[tensor].object;
  };
  const auto decides = [&](std::size_t side, std::size_t tensor) {
    return content(side, tensor) != base.tensors[tensor].object;
  };
  const RoleVerdict verdict =
      settle_roles(TensorRoles(infos_of(base)), {sides.size(), decides, content});
  return verdict.conflicts.empty() ? std::string() : verdict.conflicts.front();
}

bool merge_texts(Workspace& repository, const std::string& base_text, const std::string& our_text,
                 const std::string& their_text, const std::filesystem::path& ours,
                 const std::string& path, std::string& conflict) {
  for (const auto& [side, text] :
       {std::pair("ours", &our_text), {"theirs", &their_text}, {"the base", &base_text}}) {
    conflict = no_manifest(side, *text, path);
    if (!conflict.empty()) return false;
  }
  const Manifest from = parse_manifest(base_text, path);
  Manifest result = parse_manifest(our_text, path);
  const Manifest to = parse_manifest(their_text, path);
  if (result.format == kWholeFile && to.format == kWholeFile) {
    conflict = "unknown format, changed on both sides";
    return false;
  }
  if (!same_shape(from, result) || !same_shape(from, to)) {
    conflict = "the network itself changed";
    return false;
  }
  const std::optional<Manifest> frame = pick_frame(repository.store(), from, result, to);
  if (!frame) {
    conflict = "the header changed on both sides";
    return false;
  }
  conflict = torn_unit(from, result, to);
  if (!conflict.empty()) return false;
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
  if (same_frame(from, result) || same_frame(from, to) || same_frame(result, to)) {
    result.layout = frame->layout;
    result.chunks = frame->chunks;
  } else {
    result = written_in(repository, *frame, result, path);
  }
  os::write_file(ours, as_bytes(manifest_text(result)));
  return true;
}

}  // namespace

bool merge_manifests(Workspace& repository, const std::filesystem::path& base,
                     const std::filesystem::path& ours, const std::filesystem::path& theirs,
                     const std::string& path, std::string& conflict) {
  try {
    const std::string base_text = os::read_file(base);
    return merge_texts(
        repository, base_text, taken_in(repository, os::read_file(ours), base_text, path),
        taken_in(repository, os::read_file(theirs), base_text, path), ours, path, conflict);
  } catch (const Error& error) {  // damaged, or its objects are nowhere: somebody has to choose
    conflict = error.where().empty() || error.where() == path ? error.what()
                                                              : error.where() + ": " + error.what();
    return false;
  }
}

}  // namespace mgit
