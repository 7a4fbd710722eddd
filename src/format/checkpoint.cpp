#include <algorithm>

#include "base/wire.h"
#include "format/chunks.h"
#include "format/detect.h"
#include "format/gguf.h"
#include "format/npy.h"
#include "format/npz.h"
#include "format/onnx.h"
#include "format/safetensors.h"
#include "format/torch.h"
#include "format/zip.h"
#include "mgit/format.h"

namespace mgit {
namespace {

/// Gaps up to here stand in the layout.
constexpr std::uint64_t kLargestGap = std::uint64_t{64} << 10;

void cut(Bytes file, std::uint64_t begin, std::uint64_t end, std::vector<StoredChunk>& chunks) {
  for (const std::uint64_t length : cut_by_content(file.subspan(begin, end - begin))) {
    chunks.push_back({begin, length});
    begin += length;
  }
}

ParsedCheckpoint whole_file(Bytes file) {
  ParsedCheckpoint whole{"whole", file.size(), {}, {}};
  cut(file, 0, file.size(), whole.chunks);
  return whole;
}

ParsedCheckpoint with_chunks(Bytes file, ParsedCheckpoint parsed) {
  // The checksums of an archive that is rewritten stand in its gaps (zip_layout.h).
  if (parsed.format == "pytorch") return parsed;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> taken;
  for (const StoredTensor& tensor : parsed.tensors)
    taken.emplace_back(tensor.offset, tensor.offset + tensor.length);
  taken.emplace_back(file.size(), file.size());
  std::sort(taken.begin(), taken.end());
  std::uint64_t at = 0;
  for (const auto& [begin, end] : taken) {
    if (begin > at && begin - at > kLargestGap) cut(file, at, begin, parsed.chunks);
    at = std::max(at, end);
  }
  return parsed;
}

ParsedCheckpoint parse_archive(Bytes file, const std::vector<ZipEntry>& entries) {
  if (auto torch = parse_torch(file, entries)) return *std::move(torch);
  if (!looks_like_npz(entries)) return parse_zip(file, entries);
  try {
    return {"npz", file.size(), parse_npz(file, entries), {}};
  } catch (const CorruptError&) {
    return parse_zip(file, entries);
  } catch (const wire::Malformed&) {
    return parse_zip(file, entries);
  }
}

/// By its content: the formats with a magic first.
std::optional<ParsedCheckpoint> parse_container(Bytes file) {
  const std::uint64_t size = file.size();
  try {
    if (looks_like_zip(file)) return parse_archive(file, read_zip(file));
    if (looks_like_gguf(file)) return ParsedCheckpoint{"gguf", size, parse_gguf(file), {}};
    if (looks_like_npy(file)) return ParsedCheckpoint{"npy", size, parse_npy(file), {}};
  } catch (const CorruptError&) {
    return std::nullopt;
  } catch (const wire::Malformed&) {
    return std::nullopt;
  }
  if (auto torch = parse_torch_legacy(file)) return torch;
  if (auto tensors = parse_onnx(file))
    return ParsedCheckpoint{"onnx", size, *std::move(tensors), {}};
  return std::nullopt;
}

/// nullopt: no parser knows it.
std::optional<ParsedCheckpoint> parse_known(Bytes file, std::string_view path) {
  try {
    return ParsedCheckpoint{"safetensors", file.size(), parse_safetensors(file), {}};
  } catch (const CorruptError& error) {
    if (path.ends_with(".safetensors"))
      throw CorruptError(error.what(), std::string(path),
                         "the file is damaged or not a safetensors file; write it again, or give "
                         "it another name to keep it as it is");
  }
  try {
    return parse_container(file);
  } catch (const Error& error) {
    throw Error(error.what(), std::string(path), error.hint());
  }
}

}  // namespace

ParsedCheckpoint parse_checkpoint(Bytes file, std::string_view path) {
  std::optional<ParsedCheckpoint> parsed = parse_known(file, path);
  return parsed ? with_chunks(file, *std::move(parsed)) : whole_file(file);
}

bool holds_tensors(Bytes file, std::string_view path) {
  try {
    const auto parsed = parse_known(file, path);
    return parsed && is_model_format(parsed->format);
  } catch (const Error&) {
    return path.ends_with(".safetensors");
  }
}

std::vector<std::string> external_files(Bytes file) { return onnx_external_files(file); }

}  // namespace mgit
