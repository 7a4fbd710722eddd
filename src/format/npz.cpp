#include "format/npz.h"

#include <algorithm>

#include "format/npy.h"
#include "format/stored_tensors.h"

namespace mgit {
namespace {

constexpr std::string_view kSuffix = ".npy";

}  // namespace

bool looks_like_npz(const std::vector<ZipEntry>& entries) {
  return !entries.empty() && std::all_of(entries.begin(), entries.end(), [](const ZipEntry& entry) {
    return entry.name.ends_with(kSuffix);
  });
}

std::vector<StoredTensor> parse_npz(Bytes file, const std::vector<ZipEntry>& entries) {
  std::vector<StoredTensor> tensors;
  for (const ZipEntry& entry : entries) {
    StoredTensor tensor;
    if (entry.stored()) {
      tensor = parse_npy(file.subspan(entry.offset, entry.length)).front();
      tensor.offset += entry.offset;
    } else {
      tensor = {{"", DType::kBytes, {entry.length}}, entry.offset, entry.length};
    }
    tensor.info.name = entry.name.substr(0, entry.name.size() - kSuffix.size());
    tensors.push_back(std::move(tensor));
  }
  return checked_tensors(std::move(tensors), file.size());
}

}  // namespace mgit
