#include "format/safetensors.h"
#include "format/torch.h"
#include "mgit/format.h"

namespace mgit {
namespace {

ParsedCheckpoint whole_file(Bytes file) {
  StoredTensor everything{{"", DType::kU8, {file.size()}}, 0, file.size()};
  return {"whole", file.size(), {std::move(everything)}};
}

/// Files of other formats, which need no name to be known.
std::optional<ParsedCheckpoint> parse_container(Bytes file) {
  if (!looks_like_zip(file)) return parse_torch_legacy(file);
  try {
    const std::vector<ZipEntry> entries = read_zip(file);
    if (auto torch = parse_torch(file, entries)) return torch;
    return parse_zip(file, entries);
  } catch (const CorruptError&) {
    return std::nullopt;
  }
}

}  // namespace

ParsedCheckpoint parse_checkpoint(Bytes file, std::string_view path) {
  try {
    if (auto container = parse_container(file)) return *std::move(container);
  } catch (const Error& error) {
    throw Error(error.what(), std::string(path), error.hint());
  }
  try {
    return {"safetensors", file.size(), parse_safetensors(file)};
  } catch (const CorruptError& error) {
    if (path.ends_with(".safetensors"))
      throw CorruptError(error.what(), std::string(path),
                         "the file is damaged or not a safetensors file; write it again, or give "
                         "it another name to keep it as it is");
    return whole_file(file);
  }
}

}  // namespace mgit
