#include "workflow/verify/finding.h"

#include <fmt/format.h>

#include "base/words.h"

namespace mgit {

std::string_view verdict_word(Verdict verdict) {
  switch (verdict) {
    case Verdict::kProven:
      return "proven";
    case Verdict::kFailed:
      return "FAILED";
    case Verdict::kMissing:
    case Verdict::kUnproved:
      break;
  }
  return "unchecked";
}

void require_same_checkpoint(const Manifest& found, const Manifest& expected,
                             const std::string& path, const std::string& as) {
  if (found == expected) return;
  std::string first;
  std::size_t others = 0;
  for (const ManifestTensor& tensor : found.tensors) {
    const ManifestTensor* wanted = expected.find(tensor.info.name);
    if (wanted != nullptr && *wanted == tensor) continue;
    if (first.empty())
      first = tensor.info.name;
    else
      ++others;
  }
  if (first.empty())
    throw NotProven(Verdict::kFailed,
                    fmt::format("{} is not {}: the file differs beside its tensors", path, as));
  throw NotProven(
      Verdict::kFailed,
      fmt::format("tensor {} is not what {} has{}", quote_name(first), as,
                  others == 0 ? "" : fmt::format(" (nor are {})", counted(others, "other"))),
      first);
}

}  // namespace mgit
