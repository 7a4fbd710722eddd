#include "format/outline.h"

#include "base/wire.h"
#include "format/safetensors.h"
#include "format/torch.h"
#include "format/zip.h"

namespace mgit {

std::optional<Outline> outline_of(Bytes file, std::string_view format) {
  try {
    if (format == "safetensors") return outline_safetensors(file);
    if (format == "pytorch") return outline_torch(file, read_zip(file));
    if (format == "pytorch-legacy") return outline_torch_legacy(file);
  } catch (const Error&) {
    return std::nullopt;
  } catch (const wire::Malformed&) {
    return std::nullopt;
  }
  return std::nullopt;
}

}  // namespace mgit
