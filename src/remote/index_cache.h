// Indexes of packs that were read once: named by their SHA-256, they never change.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

namespace mgit {

/// Any thread may ask.
class IndexCache {
 public:
  explicit IndexCache(std::filesystem::path directory) : directory_(std::move(directory)) {}

  /// What was kept, if it is undamaged.
  std::optional<std::string> find(const std::string& id) const;
  /// Returns the text. Throws CorruptError, with `where`, if it does not have this SHA-256. A
  /// directory that cannot be written costs fetching it again.
  std::string keep(const std::string& id, std::string text, const std::string& where) const;

 private:
  std::filesystem::path file(const std::string& id) const { return directory_ / (id + ".idx"); }

  std::filesystem::path directory_;
};

}  // namespace mgit
