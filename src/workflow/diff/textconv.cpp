// A checkpoint as lines of text, for git's own diff.
#include <fmt/format.h>

#include <cmath>

#include "base/mapped_file.h"
#include "base/threads.h"
#include "format/textconv_line.h"
#include "git/lfs.h"
#include "mgit/format.h"
#include "mgit/store.h"
#include "model/stored_outline.h"
#include "workflow/diff/diff_command.h"
#include "workflow/diff/diff_sides.h"

namespace mgit {
namespace {

std::string norm_text(const TensorView& tensor) {
  if (!is_arithmetic(tensor.dtype)) return "-";
  std::vector<double> values(element_count(tensor.shape).value_or(0));
  to_double(tensor, values);
  double sum = 0;
  for (const double value : values) sum += value * value;
  return fmt::format("{:.6g}", std::sqrt(sum));
}

std::string joined(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += line;
  return text;
}

/// "-" for what is not here, or damaged: fsck tells.
std::string stored_norm(const Store& store, const ManifestTensor& tensor) {
  try {
    return store.contains(tensor.object) ? norm_text(read_tensor(store, tensor).view) : "-";
  } catch (const CorruptError&) {
    return "-";
  }
}

/// Values that are no tensors; without the optimizer's lists of its parameters, which say nothing.
void add_values(const std::optional<Outline>& outline, std::vector<std::string>& lines) {
  if (!outline) return;
  for (const OutlineScalar& scalar : outline->scalars)
    if (scalar.name.find(".params.") == std::string::npos) lines.push_back(textconv_line(scalar));
}

std::string textconv_of_manifest(const Manifest& manifest, const Workspace* repository) {
  std::vector<std::string> lines(manifest.tensors.size());
  parallel_for(lines.size(), [&](std::size_t i) {
    const ManifestTensor& tensor = manifest.tensors[i];
    lines[i] =
        textconv_line(tensor.info, tensor.object,
                      repository != nullptr ? stored_norm(repository->store(), tensor) : "-");
  });
  for (const ManifestChunk& chunk : manifest.chunks)
    lines.push_back(textconv_line(chunk.length, chunk.object));
  if (repository != nullptr) add_values(stored_outline(repository->store(), manifest), lines);
  return joined(lines);
}

std::string textconv_of_file(Bytes bytes, const std::string& file) {
  const ParsedCheckpoint parsed = parse_checkpoint(bytes, file);
  const std::unique_ptr<TensorSource> source = open_checkpoint_file(file);
  std::vector<std::string> lines(parsed.tensors.size());
  parallel_for(lines.size(), [&](std::size_t i) {
    const StoredTensor& tensor = parsed.tensors[i];
    const Bytes data = bytes.subspan(tensor.offset, tensor.length);
    lines[i] =
        textconv_line(tensor.info, sha256(data), norm_text(source->read(tensor.info.name).view));
  });
  for (const ManifestChunk& chunk : chunks_of(bytes, parsed))
    lines.push_back(textconv_line(chunk.length, chunk.object));
  add_values(outline_of(bytes, parsed.format), lines);
  return joined(lines);
}

}  // namespace

std::string textconv(const std::string& file, const Workspace* repository) {
  const MappedFile mapped(file);
  const Bytes bytes = mapped.bytes();
  if (parse_lfs_pointer(as_text(bytes))) return std::string(as_text(bytes));
  try {
    return looks_like_manifest(as_text(bytes))
               ? textconv_of_manifest(parse_manifest(as_text(bytes), file), repository)
               : textconv_of_file(bytes, file);
  } catch (const CorruptError& error) {  // git has it from before mgit, and wants to show it
    return textconv_lines_of_unreadable(error.what(), bytes.size(), sha256(bytes));
  }
}

}  // namespace mgit
