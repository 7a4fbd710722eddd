#include "worktree/clean_filter.h"

#include <atomic>
#include <future>

#include "format/textconv_line.h"
#include "worktree/index_entries.h"
#include "worktree/ingest.h"
#include "worktree/reading_only.h"

namespace mgit {
namespace {

/// Smaller files are looked at once git has sent them.
constexpr std::size_t kWorthAStart = std::size_t{4} << 20;

std::filesystem::path working_file(const Repository& repository, const std::string& path) {
  return repository.work_dir().empty() ? std::filesystem::path() : repository.work_dir() / path;
}

/// git asks about a file that is as young as the index, although mgit, which looks at the fractions
/// of a second, can tell that it was not touched since it was staged.
std::optional<std::string> staged_within_a_second(const Workspace& repository,
                                                  const std::string& path) {
  try {
    for (const IndexedFile& entry : index_entries(repository, {path})) {
      if (!entry.unchanged || !entry.racy) continue;
      std::string text = repository.blob(entry.blob);
      if (looks_like_manifest(text) &&
          missing_objects(repository.store(), parse_manifest(text, path)).empty())
        return text;
    }
  } catch (const Error&) {  // no index that can be read: the content tells
  }
  return std::nullopt;
}

}  // namespace

/// Stores a file in another thread. Destroyed before commit(), it stops and stores nothing.
class CleanFilter::EarlyIngest {
 public:
  EarlyIngest(Workspace& repository, PreviousVersions& previous,
              std::shared_ptr<const MappedFile> file, const std::string& path)
      : ingest_(repository, previous) {
    manifest_ = std::async(std::launch::async, [this, file = std::move(file), path] {
      return ingest_.add(file->bytes(), path, [this](std::uint64_t) {
        if (unwanted_) throw Error("git sent different content");
      });
    });
  }
  ~EarlyIngest() {
    unwanted_ = true;
    if (manifest_.valid()) manifest_.wait();
  }
  EarlyIngest(const EarlyIngest&) = delete;
  EarlyIngest& operator=(const EarlyIngest&) = delete;

  std::string manifest() { return manifest_.get(); }
  void commit() { ingest_.commit(); }

 private:
  Ingest ingest_;
  std::atomic<bool> unwanted_ = false;
  std::future<std::string> manifest_;
};

CleanFilter::CleanFilter(Workspace& repository, PreviousVersions& previous, std::string path)
    : repository_(repository),
      previous_(previous),
      path_(std::move(path)),
      content_(working_file(repository, path_),
               [&repository] { return scratch_directory(repository); }) {}

CleanFilter::~CleanFilter() = default;

void CleanFilter::append(std::string_view part) {
  content_.append(part);
  if (!started_) start();
  if (content_.agreeing() == nullptr) early_.reset();
}

void CleanFilter::start() {
  started_ = true;
  std::shared_ptr<const MappedFile> file = content_.agreeing();
  if (file == nullptr || file->bytes().size() < kWorthAStart) return;
  staged_ = staged_within_a_second(repository_, path_);
  if (!staged_)
    early_ = std::make_unique<EarlyIngest>(repository_, previous_, std::move(file), path_);
}

std::string CleanFilter::finish() {
  content_.finish();
  const bool whole_file = content_.agreeing() != nullptr;
  std::string manifest;
  if (whole_file && staged_) {
    manifest = *staged_;
    content_.check_unchanged();
  } else if (whole_file && early_) {
    manifest = early_->manifest();
    content_.check_unchanged();
    early_->commit();
  } else if (const Bytes content = content_.content();
             !whole_file && is_textconv(as_text(content))) {
    manifest = as_text(content);
  } else {
    early_.reset();
    Ingest ingest(repository_, previous_);
    manifest = ingest.add(content, path_);
    content_.check_unchanged();
    ingest.commit();
  }
  return manifest;
}

}  // namespace mgit
