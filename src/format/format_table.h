// The formats of checkpoints, a row each: what mgit does with a file of that kind.
//
// A new format is one parser in a file of its own and one row in format_table.cpp. Everything here
// is constant.
#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "format/outline.h"
#include "mgit/format.h"

namespace mgit {

/// What has to be made anew when a tensor's values are replaced.
enum class Rewriting : std::uint8_t {
  kFree,       // nothing: storages stand alone
  kChecksums,  // checksums of the archive that stand in its gaps (zip_layout.h)
  kNever,      // checksums that mgit cannot make anew: such a file keeps its values
};

struct Format {
  std::string_view name;                       // in manifests
  std::span<const std::string_view> patterns;  // of names that `mgit init` tracks
  bool is_model = false;                       // its tensors are the weights of a network
  Rewriting rewriting = Rewriting::kFree;
  std::string_view strict_ending{};  // files of this ending have to be of this format
  /// A quick look at how it begins.
  bool (*looks_like)(Bytes file) = nullptr;
  /// nullopt, CorruptError or wire::Malformed: it is something else, or damaged. Other errors are
  /// told to the user. nullptr: kept whole, in chunks.
  std::optional<ParsedCheckpoint> (*parse)(Bytes file) = nullptr;
  /// What it says beside its tensors; nullptr: nothing. Throws as `parse`.
  Outline (*outline)(Bytes file) = nullptr;
};

constexpr std::string_view kWholeFile = "whole";  // of no known format
constexpr std::string_view kSafetensors = "safetensors";

/// In the order in which they are tried; the last one takes every file.
std::span<const Format> formats();

/// By its name in manifests; nullptr: there is none.
const Format* find_format(std::string_view name);
/// kFree for names of none.
Rewriting rewriting_of(std::string_view name);

}  // namespace mgit
