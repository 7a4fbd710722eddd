// Collecting garbage: unreachable objects go when they are old enough, packs are rewritten without
// dead records and small ones put together; where asked, tensors are coded anew, as small as can
// be.
//
// New packs are durable before the rows move to them in one transaction; old packs are unlinked
// last. Killed in between, the store holds some records twice until the next gc. Works beside
// readers and writers of other processes; store/lock.h says how.
#pragma once

#include <chrono>
#include <functional>
#include <unordered_set>

#include "store/index.h"
#include "store/recode.h"

namespace mgit {

struct GcOptions {
  Touched expire = 0;     // unreachable objects last touched before this go
  bool all_dead = false;  // rewrite a pack for any dead record, not only when they add up
  bool merge_small = true;
  bool dry_run = false;
  /// --best: asked after `reachable`, what is to be coded as small as it can be. Empty: nothing.
  std::function<std::vector<TensorVersions>()> versions{};
  /// Told of the bytes of each of those tensors when it is done, and of all.
  std::function<void(std::uint64_t bytes, std::uint64_t total)> on_versions{};
  std::chrono::milliseconds patience = std::chrono::seconds(60);  // with writers
};

struct GcReport {
  std::size_t objects = 0;          // in the store, before
  std::size_t unreachable = 0;      // of them, and of those that nothing kept is based on
  std::vector<Digest> dropped;      // sorted
  std::uint64_t dropped_bytes = 0;  // of their records
  std::size_t recoded = 0;          // written anew in a smaller form
  std::uint64_t bytes_before = 0;
  std::uint64_t bytes_after = 0;
  std::size_t packs_before = 0;
  std::size_t packs_after = 0;
  std::vector<std::string> notes;  // one line each: what was left alone, and why
};

/// `reachable` names what must stay (it may name objects that are not here); it is asked once
/// without a lock and once with writers held off. Throws Error, before anything is dropped, if
/// writers do not end in time.
GcReport collect_garbage(const std::filesystem::path& store,
                         const std::function<std::unordered_set<Digest>()>& reachable,
                         const GcOptions& options);

}  // namespace mgit
