#include <algorithm>

#include <fmt/format.h>

#include "base/wire.h"
#include "format/chunks.h"
#include "format/detect.h"
#include "format/format_table.h"
#include "format/onnx.h"
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
  ParsedCheckpoint whole{std::string(kWholeFile), file.size(), {}, {}};
  cut(file, 0, file.size(), whole.chunks);
  return whole;
}

ParsedCheckpoint with_chunks(Bytes file, ParsedCheckpoint parsed) {
  // The checksums of an archive that is rewritten stand in its gaps (zip_layout.h).
  if (rewriting_of(parsed.format) == Rewriting::kChecksums) return parsed;
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

/// nullopt: the file is of another format, or damaged.
std::optional<ParsedCheckpoint> parse_as(const Format& format, Bytes file, std::string_view path) {
  if (format.parse == nullptr || !format.looks_like(file)) return std::nullopt;
  try {
    std::optional<ParsedCheckpoint> parsed = format.parse(file);
    if (parsed) parsed->format = format.name;
    return parsed;
  } catch (const CorruptError& error) {
    if (!format.strict_ending.empty() && path.ends_with(format.strict_ending))
      throw CorruptError(error.what(), std::string(path),
                         fmt::format("the file is damaged or not a {} file; write it again, or "
                                     "give it another name to keep it as it is",
                                     format.name));
    return std::nullopt;
  } catch (const wire::Malformed&) {
    return std::nullopt;
  } catch (const Error& error) {
    throw Error(error.what(), std::string(path), error.hint());
  }
}

/// nullopt: no parser knows it.
std::optional<ParsedCheckpoint> parse_known(Bytes file, std::string_view path) {
  for (const Format& format : formats())
    if (auto parsed = parse_as(format, file, path)) return parsed;
  return std::nullopt;
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
    return std::any_of(formats().begin(), formats().end(), [&](const Format& format) {
      return !format.strict_ending.empty() && path.ends_with(format.strict_ending);
    });
  }
}

std::vector<std::string> external_files(Bytes file) { return onnx_external_files(file); }

}  // namespace mgit
