// Checking a store: packs byte by byte, the index against the packs, chains of bases, contents.
//
// Repairs nothing and opens the index only to look. May run beside writers and gc.
#pragma once

#include <filesystem>
#include <unordered_set>

#include "store/index.h"

namespace mgit {

enum class FsckDepth {
  kHeaders,    // record headers, index, bases: one page per record is read
  kChecksums,  // and every byte of the packs is compared with its checksum
  kContents,   // and every object is decoded and compared with its name
};

struct StoreProblem {
  std::optional<Digest> object;  // whose record or row it is, where that is known
  std::string pack;              // file name; empty for the index
  std::uint64_t offset = 0;
  std::string what;

  /// "object …, pack …, offset …: what", as far as known.
  std::string line() const;
};

struct StoreCheck {
  std::uint64_t objects = 0;
  std::uint64_t bytes = 0;  // of the objects
  std::vector<StoreProblem> problems;
  std::unordered_set<Digest> readable;  // sound as far as was looked
  bool contains(const Digest& object) const { return readable.contains(object); }
};

StoreCheck check_store(const std::filesystem::path& store, FsckDepth depth);

}  // namespace mgit
