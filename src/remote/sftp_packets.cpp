#include "remote/sftp_packets.h"

namespace mgit {
namespace {

constexpr std::uint32_t kHasSize = 0x01;
constexpr std::uint32_t kHasOwner = 0x02;
constexpr std::uint32_t kHasPermissions = 0x04;
constexpr std::uint32_t kHasTimes = 0x08;
constexpr std::uint32_t kHasExtensions = 0x80000000;

void append(Buffer& buffer, std::uint64_t value, std::size_t bytes) {
  for (std::size_t i = bytes; i-- > 0;)
    buffer.push_back(static_cast<std::byte>(value >> (8 * i) & 0xff));
}

class Reader {
 public:
  explicit Reader(Bytes bytes) : rest_(bytes) {}

  bool at_end() const { return rest_.empty(); }
  std::uint64_t number(std::size_t bytes) {
    std::uint64_t value = 0;
    for (const std::byte each : take(bytes)) value = value << 8 | static_cast<std::uint8_t>(each);
    return value;
  }
  std::uint32_t number() { return static_cast<std::uint32_t>(number(4)); }
  Bytes bytes() { return take(number()); }
  std::string text() { return std::string(as_text(bytes())); }

  /// The size, where it is said.
  std::uint64_t attributes() {
    const std::uint32_t flags = number();
    std::uint64_t size = 0;
    if ((flags & kHasSize) != 0) size = number(8);
    if ((flags & kHasOwner) != 0) take(8);
    if ((flags & kHasPermissions) != 0) take(4);
    if ((flags & kHasTimes) != 0) take(8);
    if ((flags & kHasExtensions) != 0)
      for (std::uint32_t count = number(); count > 0; --count) {
        bytes();
        bytes();
      }
    return size;
  }

 private:
  Bytes take(std::size_t count) {
    if (count > rest_.size()) throw CorruptError("an SFTP packet ends too early");
    const Bytes taken = rest_.first(count);
    rest_ = rest_.subspan(count);
    return taken;
  }

  Bytes rest_;
};

}  // namespace

SftpRequest::SftpRequest(SftpType type) : type_(type) {}

SftpRequest& SftpRequest::number(std::uint32_t value) {
  append(body_, value, 4);
  return *this;
}

SftpRequest& SftpRequest::long_number(std::uint64_t value) {
  append(body_, value, 8);
  return *this;
}

SftpRequest& SftpRequest::text(std::string_view value) { return data(as_bytes(value)); }

SftpRequest& SftpRequest::data(Bytes value) {
  append(body_, value.size(), 4);
  body_.insert(body_.end(), value.begin(), value.end());
  return *this;
}

Buffer SftpRequest::packet(std::uint32_t id) const {
  Buffer packet;
  packet.reserve(body_.size() + 9);
  append(packet, body_.size() + 5, 4);
  packet.push_back(static_cast<std::byte>(type_));
  append(packet, id, 4);
  packet.insert(packet.end(), body_.begin(), body_.end());
  return packet;
}

std::uint32_t sftp_number(Bytes bytes) { return Reader(bytes).number(); }

SftpStatus parse_sftp_status(Bytes body) {
  Reader reader(body);
  SftpStatus status{reader.number(), {}};
  if (!reader.at_end()) status.message = reader.text();
  return status;
}

std::string parse_sftp_handle(Bytes body) { return Reader(body).text(); }

Bytes parse_sftp_data(Bytes body) { return Reader(body).bytes(); }

std::vector<SftpFile> parse_sftp_names(Bytes body) {
  Reader reader(body);
  std::vector<SftpFile> files;
  for (std::uint32_t count = reader.number(); count > 0; --count) {
    SftpFile file;
    file.name = reader.text();
    reader.bytes();  // as `ls -l` shows it
    file.size = reader.attributes();
    files.push_back(std::move(file));
  }
  return files;
}

std::vector<std::string> parse_sftp_extensions(Bytes body) {
  Reader reader(body);
  std::vector<std::string> names;
  while (!reader.at_end()) {
    names.push_back(reader.text());
    reader.bytes();  // its version
  }
  return names;
}

}  // namespace mgit
