#include "worktree/received_content.h"

#include <algorithm>
#include <cstring>

namespace mgit {

ReceivedContent::ReceivedContent(const std::filesystem::path& file,
                                 std::function<std::filesystem::path()> directory)
    : directory_(std::move(directory)) {
  try {
    if (!file.empty()) watched_ = file_ = std::make_shared<const MappedFile>(file);
  } catch (const Error&) {  // then it is something else that git sends
  }
}

void ReceivedContent::append(std::string_view part) {
  if (file_) {
    const Bytes bytes = file_->bytes();
    if (part.size() <= bytes.size() - agreed_ &&
        std::memcmp(part.data(), bytes.data() + agreed_, part.size()) == 0) {
      agreed_ += part.size();
      return;
    }
    leave_file();
  }
  keep(part);
}

void ReceivedContent::leave_file() {
  const MappedFile& file = *file_;
  for (std::size_t at = 0; at < agreed_; at += kInMemory)
    keep(as_text(file.bytes().subspan(at, std::min(kInMemory, agreed_ - at))));
  file_.reset();
}

void ReceivedContent::keep(std::string_view part) {
  if (memory_.size() + part.size() > kInMemory) spill();
  memory_.append(part);
}

void ReceivedContent::finish() {
  if (file_ && agreed_ < file_->bytes().size()) leave_file();
}

Bytes ReceivedContent::content() {
  if (file_) return file_->bytes();
  if (!unnamed_) return as_bytes(memory_);
  spill();
  if (!mapping_) mapping_ = unnamed_->map();
  return mapping_->bytes();
}

void ReceivedContent::check_unchanged() const {
  if (watched_ && !watched_->is_unchanged())
    throw Error("changed while it was read", {}, "run git add again");
}

void ReceivedContent::spill() {
  if (!unnamed_) unnamed_.emplace(directory_());
  unnamed_->append(as_bytes(memory_));
  memory_.clear();
}

}  // namespace mgit
