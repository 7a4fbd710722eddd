// The text behind Mgit-Permutation: whatever parses is written back byte for byte.
#include "fuzz.h"
#include "mgit/perm.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace mgit;
  const std::string_view text = as_text(fuzz::bytes_of(data, size));
  try {
    const auto models = parse_permutation(text, "fuzz");
    fuzz::require(permutation_text(models) == text, "one permutation has one text");
    for (const ModelPermutation& model : models)
      fuzz::require(compose(model.permutation, inverse(model.permutation)).identity(),
                    "the inverse undoes it");
  } catch (const CorruptError&) {
  }
  return 0;
}
