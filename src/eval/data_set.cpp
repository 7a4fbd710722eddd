#include "eval/data_set.h"

#include "base/mapped_file.h"
#include "format/format_table.h"
#include "mgit/format.h"

namespace mgit {
namespace {

TensorData tensor_of(const std::shared_ptr<const MappedFile>& file, const ParsedCheckpoint& parsed,
                     std::string_view name, const std::string& where, bool required) {
  for (const StoredTensor& tensor : parsed.tensors)
    if (tensor.info.name == name)
      return {{tensor.info.dtype, tensor.info.shape,
               file->bytes().subspan(tensor.offset, tensor.length)},
              file};
  if (!required) return {};
  throw MissingError("has no tensor \"" + std::string(name) + "\"", where,
                     "a data file is a safetensors file with \"input\" and \"target\"");
}

}  // namespace

DataSet read_data_set(const std::filesystem::path& path, bool labelled) {
  const auto file = std::make_shared<const MappedFile>(path);
  if (looks_like_manifest(as_text(file->bytes())))
    throw MissingError("only its manifest is here, not the data", path.string(),
                       "'mgit checkout -- " + path.filename().string() + "' brings it");
  const ParsedCheckpoint parsed = parse_checkpoint(file->bytes(), path.string());
  if (parsed.format != kSafetensors)
    throw Error("is not a safetensors file", path.string(),
                "a data file is a safetensors file with \"input\" and \"target\"");
  return {tensor_of(file, parsed, "input", path.string(), true),
          tensor_of(file, parsed, "target", path.string(), labelled)};
}

}  // namespace mgit
