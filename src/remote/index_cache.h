// Indexes of packs that were read once: named by their SHA-256, they never change.
#pragma once

#include <filesystem>
#include <functional>
#include <string>

namespace mgit {

/// Any thread may ask. A directory that cannot be written costs fetching them again.
class IndexCache {
 public:
  explicit IndexCache(std::filesystem::path directory) : directory_(std::move(directory)) {}

  bool has(const std::string& id) const;
  /// Throws CorruptError, with `where`, for a text that does not have this SHA-256.
  std::string text(const std::string& id, const std::string& where,
                   const std::function<std::string()>& fetch) const;

 private:
  std::filesystem::path file(const std::string& id) const { return directory_ / (id + ".idx"); }

  std::filesystem::path directory_;
};

}  // namespace mgit
