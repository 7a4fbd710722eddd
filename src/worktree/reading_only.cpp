#include "worktree/reading_only.h"

#include <unistd.h>

#include <cerrno>
#include <cstdlib>

namespace mgit {
namespace {

namespace fs = std::filesystem;

/// Whether files cannot be made in a directory, or it not in the one above. Any other trouble is no
/// answer: whoever writes will meet it.
bool is_closed(fs::path directory) {
  std::error_code error;
  while (!fs::exists(directory, error) && directory.has_relative_path())
    directory = directory.parent_path();
  return ::access(directory.c_str(), W_OK | X_OK) != 0 && (errno == EACCES || errno == EROFS);
}

/// Names objects and writes none.
class NamingBatch final : public Store::Batch {
 public:
  Digest put(Bytes data, unsigned /*element_size*/, const PutHint& /*hint*/) override {
    return sha256(data);
  }
  void put_as(const Digest& /*object*/, Bytes /*data*/, unsigned /*element_size*/,
              const PutHint& /*hint*/) override {}
  void put_view(const Digest& /*object*/, Bytes /*data*/, const Digest& /*base*/,
                unsigned /*element_size*/, const Shape& /*shape*/,
                std::span<const Gather> /*axes*/) override {}
  std::size_t copy(const Store& /*from*/, std::span<const Digest> /*objects*/) override {
    return 0;
  }
  std::size_t import_records(const RecordSource& /*source*/) override { return 0; }
  std::vector<Digest> lacking(std::span<const Digest> objects) const override {
    return {objects.begin(), objects.end()};
  }
  std::uint64_t stored() const override { return 0; }
  void commit() override {}
};

}  // namespace

bool may_only_read(const Repository& repository) {
  const char* named = std::getenv("GIT_OBJECT_DIRECTORY");
  const fs::path objects =
      named != nullptr && *named != '\0' ? fs::path(named) : repository.common_dir() / "objects";
  return is_closed(repository.mgit_dir()) && is_closed(objects);
}

std::unique_ptr<Store::Batch> naming_batch() { return std::make_unique<NamingBatch>(); }

fs::path scratch_directory(const Repository& repository) {
  const fs::path own = repository.mgit_dir() / "tmp";
  return is_closed(own) ? fs::temp_directory_path() : own;
}

}  // namespace mgit
