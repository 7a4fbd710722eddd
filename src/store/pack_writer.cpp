#include "store/pack_writer.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "coding/checksum.h"

namespace mgit {
namespace {

constexpr std::string_view kTemporary = "tmp-";

std::string random_id() {
  std::array<std::uint64_t, 2> value{};
  if (::getrandom(value.data(), sizeof(value), 0) != sizeof(value))
    throw Error(std::string("cannot get random bytes: ") + std::strerror(errno));
  return fmt::format("{:016x}{:016x}", value[0], value[1]);
}

/// Whose writer is gone, however that ended: its lock went with it. Process numbers say nothing, as
/// machines and containers share file systems. The lock is held until the name is gone, so that
/// whoever has just created the file sees that. Open for writing, since NFS asks for that.
void remove_unlocked(const std::filesystem::path& path) {
  const os::File file(::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
  std::error_code ignored;
  if (file.fd() >= 0 && ::flock(file.fd(), LOCK_EX | LOCK_NB) == 0)
    std::filesystem::remove(path, ignored);
}

bool has_a_name(const os::File& file) {
  struct stat status {};
  return ::fstat(file.fd(), &status) != 0 || status.st_nlink > 0;
}

void remove_abandoned(const std::filesystem::path& directory) {
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(directory, ignored)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with(kTemporary)) remove_unlocked(entry.path());
  }
}

}  // namespace

PackWriter::PackWriter(std::filesystem::path directory) : directory_(std::move(directory)) {
  os::create_directories(directory_);
  if (std::filesystem::is_symlink(directory_))
    throw Error("refusing to modify a symlinked packs directory", directory_.string(),
                "mount the other place here instead");
  remove_abandoned(directory_);
  do {
    id_ = random_id();
    path_ = directory_ / (std::string(kTemporary) + id_);
    file_ = os::create(path_);
    while (::flock(file_.fd(), LOCK_EX) != 0 && errno == EINTR) {
    }
  } while (!has_a_name(file_));  // taken for abandoned before it was locked
  out_.open(file_, path_);
  out_.write(as_bytes(kPackMagic));
}

PackWriter::~PackWriter() {
  if (finished_) return;
  std::error_code ignored;
  std::filesystem::remove(path_, ignored);
}

std::uint64_t PackWriter::append(RecordHeader& header, std::span<const Bytes> payload) {
  const std::uint64_t offset = size();
  Checksum sum;
  header.payload = 0;
  for (const Bytes piece : payload) {
    header.payload += piece.size();
    sum.update(piece);
  }
  header.payload_sum = sum.finish();
  out_.write(encode_header(header));
  for (const Bytes piece : payload) out_.write(piece);
  return offset;
}

std::uint64_t PackWriter::append_streamed(RecordHeader& header,
                                          const std::function<void(const Sink&)>& produce) {
  const std::uint64_t offset = size();
  out_.write(Buffer(kRecordHeaderSize));
  Checksum sum;
  produce([&](Bytes piece) {
    sum.update(piece);
    out_.write(piece);
  });
  header.payload = size() - offset - kRecordHeaderSize;
  header.payload_sum = sum.finish();
  late_.emplace_back(offset, encode_header(header));
  return offset;
}

std::uint64_t PackWriter::append_known(const RecordHeader& header,
                                       const std::function<void(const Sink&)>& produce) {
  const std::uint64_t offset = size();
  out_.write(encode_header(header));
  Checksum sum;
  produce([&](Bytes piece) {
    sum.update(piece);
    out_.write(piece);
  });
  if (size() - offset != header.record_size() || sum.finish() != header.payload_sum)
    throw CorruptError("damaged record", "object " + header.object.hex());
  return offset;
}

const std::filesystem::path& PackWriter::readable() {
  out_.flush();
  return path_;
}

std::string PackWriter::finish() {
  out_.finish();
  for (const auto& [offset, header] : late_) {
    if (::lseek(file_.fd(), static_cast<off_t>(offset), SEEK_SET) < 0)
      throw Error(std::string("cannot seek: ") + std::strerror(errno), path_.string());
    os::write_all(file_, header, path_);
  }
  os::sync(file_, path_);
  const std::string name = id_ + ".pack";
  os::rename(path_, directory_ / name);
  finished_ = true;
  os::sync_directory(directory_);
  return name;
}

}  // namespace mgit
