// A checkpoint as lines of text, for git's own diff.
#include <fmt/format.h>

#include <cmath>

#include "base/mapped_file.h"
#include "base/threads.h"
#include "base/words.h"
#include "git/lfs.h"
#include "mgit/format.h"
#include "mgit/store.h"
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

std::string line_of(const TensorInfo& info, const Digest& object, const std::string& norm) {
  return fmt::format("{} {} {} {} norm {}\n", quote_name(info.name), dtype_name(info.dtype),
                     shape_text(info.shape), object.hex().substr(0, 12), norm);
}

std::string line_of(const ManifestChunk& chunk) {
  return fmt::format("bytes {} {}\n", chunk.length, chunk.object.hex().substr(0, 12));
}

std::string joined(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += line;
  return text;
}

std::string textconv_of_manifest(const Manifest& manifest, const Repository* repository) {
  std::vector<std::string> lines(manifest.tensors.size());
  parallel_for(lines.size(), [&](std::size_t i) {
    const ManifestTensor& tensor = manifest.tensors[i];
    std::string norm = "-";
    if (repository != nullptr && repository->store().contains(tensor.object))
      norm = norm_text(read_tensor(repository->store(), tensor).view);
    lines[i] = line_of(tensor.info, tensor.object, norm);
  });
  for (const ManifestChunk& chunk : manifest.chunks) lines.push_back(line_of(chunk));
  return joined(lines);
}

}  // namespace

std::string textconv(const std::string& file, const Repository* repository) {
  const MappedFile mapped(file);
  const Bytes bytes = mapped.bytes();
  if (looks_like_manifest(as_text(bytes)))
    return textconv_of_manifest(parse_manifest(as_text(bytes), file), repository);
  if (parse_lfs_pointer(as_text(bytes))) return std::string(as_text(bytes));
  ParsedCheckpoint parsed;
  try {
    parsed = parse_checkpoint(bytes, file);
  } catch (const CorruptError& error) {  // git has it from before mgit, and wants to show it
    return fmt::format("not a checkpoint that can be read: {}\n{}, {}\n", error.what(),
                       size_text(bytes.size()), sha256(bytes).hex().substr(0, 12));
  }
  const std::unique_ptr<TensorSource> source = open_checkpoint_file(file);
  std::vector<std::string> lines(parsed.tensors.size());
  parallel_for(lines.size(), [&](std::size_t i) {
    const StoredTensor& tensor = parsed.tensors[i];
    const Bytes data = bytes.subspan(tensor.offset, tensor.length);
    lines[i] = line_of(tensor.info, sha256(data), norm_text(source->read(tensor.info.name).view));
  });
  for (const ManifestChunk& chunk : chunks_of(bytes, parsed)) lines.push_back(line_of(chunk));
  return joined(lines);
}

}  // namespace mgit
