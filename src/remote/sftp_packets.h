// Packets of SFTP, version 3 (draft-ietf-secsh-filexfer-02), as OpenSSH and most others speak it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "mgit/base.h"

namespace mgit {

enum class SftpType : std::uint8_t {
  kInit = 1,
  kVersion = 2,
  kOpen = 3,
  kClose = 4,
  kRead = 5,
  kWrite = 6,
  kOpenDirectory = 11,
  kReadDirectory = 12,
  kRemove = 13,
  kMakeDirectory = 14,
  kStat = 17,
  kRename = 18,
  kStatus = 101,
  kHandle = 102,
  kData = 103,
  kName = 104,
  kAttributes = 105,
  kExtended = 200,
};

/// Codes of a kStatus that mean something to us; others are failures.
constexpr std::uint32_t kSftpOk = 0;
constexpr std::uint32_t kSftpEnd = 1;
constexpr std::uint32_t kSftpNoSuchFile = 2;

/// Flags of kOpen.
constexpr std::uint32_t kSftpRead = 0x01;
constexpr std::uint32_t kSftpWrite = 0x02;
constexpr std::uint32_t kSftpCreate = 0x08;
constexpr std::uint32_t kSftpNew = 0x20;  // fails where there is such a file

/// A request as it is put together.
class SftpRequest {
 public:
  explicit SftpRequest(SftpType type);
  SftpRequest& number(std::uint32_t value);
  SftpRequest& long_number(std::uint64_t value);
  SftpRequest& text(std::string_view value);
  SftpRequest& data(Bytes value);
  /// With its length in front, and its number after the type.
  Buffer packet(std::uint32_t id) const;

 private:
  SftpType type_;
  Buffer body_;
};

/// What one answers to that, without length and number.
struct SftpReply {
  SftpType type{};
  Buffer body;
};

/// No packet is longer, with its length left out.
constexpr std::size_t kLongestSftpPacket = std::size_t{512} << 10;

struct SftpStatus {
  std::uint32_t code = 0;
  std::string message;
};

struct SftpFile {
  std::string name;
  std::uint64_t size = 0;  // as far as the server says it
};

/// These throw CorruptError for what no server sends.
std::uint32_t sftp_number(Bytes bytes);
SftpStatus parse_sftp_status(Bytes body);
std::string parse_sftp_handle(Bytes body);
Bytes parse_sftp_data(Bytes body);
std::vector<SftpFile> parse_sftp_names(Bytes body);
/// Of kVersion, after the version: the names of what the server can do besides.
std::vector<std::string> parse_sftp_extensions(Bytes body);

}  // namespace mgit
