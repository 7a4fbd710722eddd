#include "format/safetensors.h"
#include "mgit/format.h"

namespace mgit {
namespace {

ParsedCheckpoint whole_file(Bytes file) {
  StoredTensor everything{{"", DType::kU8, {file.size()}}, 0, file.size()};
  return {"whole", file.size(), {std::move(everything)}};
}

}  // namespace

ParsedCheckpoint parse_checkpoint(Bytes file, std::string_view path) {
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
