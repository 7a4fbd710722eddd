#include "workflow/verify/manifest_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <mutex>
#include <unordered_map>

#include "base/threads.h"
#include "base/words.h"
#include "format/shard_index.h"
#include "mgit/remote.h"

namespace mgit {

void ManifestCheck::report(Verdict verdict, const BroughtFile& file, std::string what,
                           std::string tensor) {
  findings_.push_back(
      {verdict, "manifest", file.commit, file.path, std::move(what), std::move(tensor)});
}

void ManifestCheck::look_at(const BroughtFile& file, std::string_view text) {
  try {
    if (looks_like_manifest(text)) {
      ++manifests_;
      if (file.mode == "120000") return report(Verdict::kFailed, file, "is a symbolic link");
      check_manifest(file, parse_manifest(text, file.path));
    } else if (checkpoint_of_index(file.path) && text.find("\"weight_map\"") != text.npos) {
      look_at_index(file, text);
    }
  } catch (const MissingError& error) {
    report(Verdict::kMissing, file, error.what());
  } catch (const Error& error) {
    const bool line = error.where() != file.path && !error.where().empty();
    report(Verdict::kFailed, file, (line ? error.where() + ": " : "") + error.what());
  }
}

/// One that is broken otherwise is a file like any other: no model is taken from it.
void ManifestCheck::look_at_index(const BroughtFile& file, std::string_view text) {
  try {
    parse_shard_index(text, file.path);
  } catch (const OutsideError&) {
    throw;
  } catch (const CorruptError&) {
  }
}

void ManifestCheck::check_manifest(const BroughtFile& file, const Manifest& manifest) {
  const Store& store = repository_.store();
  std::map<Digest, std::pair<std::string, std::uint64_t>> named;  // (tensor, bytes)
  for (const ManifestTensor& tensor : manifest.tensors)
    named.try_emplace(tensor.object, tensor.info.name, storage_size(tensor));
  for (const ManifestChunk& chunk : manifest.chunks)
    named.try_emplace(chunk.object, "", chunk.length);
  std::vector<Digest> missing = missing_objects(store, manifest);
  if (fetch_ && !missing.empty()) {
    try {
      repository_.need(manifest, file.path);
      missing.clear();
    } catch (const MissingError&) {
      missing = missing_objects(store, manifest);
    }
  }
  for (const auto& [object, what] : named) {
    const auto& [tensor, size] = what;
    if (objects_.contains(object)) continue;
    const auto info = store.info(object);
    if (!info) continue;
    if (info->size != size)
      return report(Verdict::kFailed, file,
                    fmt::format("{} has {}, and object {} is {}",
                                tensor.empty() ? "a piece" : "tensor " + quote_name(tensor),
                                size_text(size), object.hex().substr(0, 12), size_text(info->size)),
                    tensor);
    objects_.emplace(object, Use{&file, tensor});
  }
  if (!missing.empty()) {
    const auto first = named.find(missing.front());
    const std::string tensor = first == named.end() ? "" : first->second.first;
    const std::string what = first == named.end() ? "its layout"
                             : tensor.empty()     ? "a piece"
                                                  : "tensor " + quote_name(tensor);
    lacking_.push_back(
        {{Verdict::kMissing, "manifest", file.commit, file.path,
          fmt::format("{} of {} {} not here, {} first ({})", missing.size(),
                      counted(named.size() + 1, "object"), missing.size() == 1 ? "is" : "are", what,
                      missing.front().hex().substr(0, 12)),
          tensor},
         missing});
    return;
  }
  const std::string layout = "layout " + manifest.layout.hex().substr(0, 12);
  check_layout(decode_layout(store.read(manifest.layout), layout), manifest, layout);
  objects_.emplace(manifest.layout, Use{&file, ""});
}

std::vector<std::string> ManifestCheck::settle_missing(bool ask_remotes) {
  std::unordered_map<Digest, std::string> at_remote;
  if (ask_remotes && !lacking_.empty()) {
    std::set<Digest> wanted;
    for (const Lacking& each : lacking_) wanted.insert(each.objects.begin(), each.objects.end());
    for (const auto& [url, objects] :
         objects_at_remotes(repository_, {wanted.begin(), wanted.end()}))
      for (const Digest& object : objects) at_remote.emplace(object, url);
  }
  std::map<std::string, std::size_t> elsewhere;  // manifests, by where the rest of them is
  for (Lacking& each : lacking_) {
    if (std::all_of(each.objects.begin(), each.objects.end(),
                    [&](const Digest& object) { return at_remote.contains(object); }))
      ++elsewhere[at_remote.at(each.objects.front())];
    else
      findings_.push_back(std::move(each.finding));
  }
  lacking_.clear();
  std::vector<std::string> lines;
  for (const auto& [url, count] : elsewhere)
    lines.push_back(
        fmt::format("objects of {} are not here, but at {} (--objects fetches and reads "
                    "them)",
                    counted(count, "manifest"), url));
  return lines;
}

void ManifestCheck::read_objects(const std::unordered_set<Digest>& known,
                                 const std::function<void()>& step) {
  std::vector<std::pair<Digest, const Use*>> objects;
  for (const auto& [object, use] : objects_)
    if (!known.contains(object)) objects.emplace_back(object, &use);
  std::mutex mutex;
  parallel_for(objects.size(), [&](std::size_t i) {
    const auto& [object, use] = objects[i];
    try {
      repository_.store().stream(object, [](Bytes) {});
      step();
    } catch (const Error& error) {
      const std::lock_guard lock(mutex);
      findings_.push_back(
          {dynamic_cast<const MissingError*>(&error) != nullptr ? Verdict::kMissing
                                                                : Verdict::kFailed,
           "object", use->file->commit, use->file->path,
           fmt::format("object {}{}: {}", object.hex().substr(0, 12),
                       use->tensor.empty() ? "" : " of tensor " + quote_name(use->tensor),
                       error.what()),
           use->tensor});
    }
  });
}

}  // namespace mgit
