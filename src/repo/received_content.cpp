#include "repo/received_content.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace mgit {
namespace {

/// For file systems without O_TMPFILE.
os::File named_file(const std::filesystem::path& directory) {
  std::string name = (directory / "spool-XXXXXX").string();
  os::File file(::mkostemp(name.data(), O_CLOEXEC));
  if (file.fd() < 0)
    throw Error(std::string("cannot create a file: ") + std::strerror(errno), name);
  ::unlink(name.c_str());
  return file;
}

}  // namespace

ReceivedContent::ReceivedContent(const std::filesystem::path& file,
                                 std::function<std::filesystem::path()> directory)
    : directory_(std::move(directory)) {
  try {
    if (!file.empty()) file_ = std::make_shared<const MappedFile>(file);
  } catch (const Error&) {  // then it is something else that git sends
  }
}

ReceivedContent::~ReceivedContent() {
  if (mapping_ != nullptr) ::munmap(mapping_, kept_);
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
  kept_ += part.size();
}

void ReceivedContent::finish() {
  if (file_ && agreed_ < file_->bytes().size()) leave_file();
}

Bytes ReceivedContent::content() {
  if (file_) return file_->bytes();
  if (unnamed_.fd() < 0) return as_bytes(memory_);
  spill();
  if (mapping_ == nullptr) {
    void* mapping = ::mmap(nullptr, kept_, PROT_READ, MAP_PRIVATE, unnamed_.fd(), 0);
    if (mapping == MAP_FAILED) throw Error("cannot map the file that git sent");
    mapping_ = mapping;
  }
  return {static_cast<const std::byte*>(mapping_), kept_};
}

void ReceivedContent::check_unchanged() const {
  if (file_ && !file_->is_unchanged())
    throw Error("changed while it was read", {}, "run git add again");
}

void ReceivedContent::spill() {
  if (unnamed_.fd() < 0) {
    const std::filesystem::path directory = directory_();
    std::filesystem::create_directories(directory);
    unnamed_ = os::File(::open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
    if (unnamed_.fd() < 0) unnamed_ = named_file(directory);
  }
  os::write_all(unnamed_, as_bytes(memory_), "spooled file");
  memory_.clear();
}

}  // namespace mgit
