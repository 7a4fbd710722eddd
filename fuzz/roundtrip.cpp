// A file through the store: what add_checkpoint takes in, write_checkpoint gives back.
#include <algorithm>
#include <memory>

#include "fuzz.h"
#include "mgit/store.h"

namespace {

using namespace mgit;

constexpr unsigned kInputsPerStore = 500;

/// A store that starts anew now and then, so that later inputs are not slower.
Store& fresh_store() {
  static const fuzz::Scratch scratch;
  static std::unique_ptr<Store> store;
  static unsigned used = 0;
  if (!store || ++used == kInputsPerStore) {
    store.reset();
    scratch.clear();
    store = std::make_unique<Store>(scratch.path() / "mgit");
    used = 0;
  }
  return *store;
}

Manifest add(Store& store, Bytes file) {
  const auto batch = store.begin();
  Manifest manifest = add_checkpoint(*batch, file, "model");
  batch->commit();
  return manifest;
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Bytes file = fuzz::bytes_of(data, size);
  Store& store = fresh_store();
  const Manifest manifest = add(store, file);
  fuzz::require(parse_manifest(manifest_text(manifest), "fuzz") == manifest,
                "the manifest comes back from its text");
  fuzz::require(missing_objects(store, manifest).empty(), "every object is there");
  Buffer written;
  write_checkpoint(store, manifest,
                   [&](Bytes piece) { written.insert(written.end(), piece.begin(), piece.end()); });
  fuzz::require(std::ranges::equal(written, file), "the file comes back, byte for byte");
  return 0;
}
