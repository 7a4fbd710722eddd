// The messages of Git LFS's batch API, basic transfers (docs/api/batch.md of git-lfs). Pure.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "net/http.h"
#include "remote/pack_index.h"

namespace mgit {

struct LfsAction {
  std::string href;
  HttpHeaders headers{};  // may hold credentials for this href
};

struct LfsObject {
  std::string oid;
  std::uint64_t size = 0;
  std::optional<LfsAction> upload{};  // none where the server has it already
  std::optional<LfsAction> verify{};
  std::optional<LfsAction> download{};
  long error = 0;  // an HTTP status; 0: none
  std::string message{};
};

enum class LfsOperation { kUpload, kDownload };

/// "upload", "download".
const char* lfs_operation_name(LfsOperation operation);
/// What `git-lfs-authenticate` prints: where the server is, and headers for requests to it.
std::optional<LfsAction> parse_lfs_action(const std::string& text);

/// The body of a request for these packs, by name and size.
std::string lfs_batch_request(LfsOperation operation, std::span<const ListedPack> packs);
/// nullopt: no answer of a Git LFS server.
std::optional<std::vector<LfsObject>> parse_lfs_batch(const std::string& text);
/// {"oid": …, "size": …}
std::string lfs_verify_request(const ListedPack& pack);
/// The "message" of an error, or nothing.
std::string lfs_message(const std::string& text);

}  // namespace mgit
