#include "worktree/pkt_line.h"

#include <fmt/format.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace mgit {
namespace {

constexpr std::size_t kHeader = 4;
constexpr std::size_t kMaxPayload = 65516;  // git's LARGE_PACKET_DATA_MAX

std::size_t parse_length(std::string_view digits) {
  std::size_t length = 0;
  for (const char digit : digits) {
    length <<= 4;
    if (digit >= '0' && digit <= '9')
      length += static_cast<std::size_t>(digit - '0');
    else if (digit >= 'a' && digit <= 'f')
      length += static_cast<std::size_t>(digit - 'a' + 10);
    else
      throw Error("malformed packet from git");
  }
  return length;
}

}  // namespace

bool PacketReader::fill(std::size_t wanted) {
  if (buffer_.size() - begin_ >= wanted) return true;
  buffer_.erase(0, begin_);
  begin_ = 0;
  std::size_t have = buffer_.size();
  buffer_.resize(kHeader + kMaxPayload);
  while (have < wanted) {
    const ssize_t n = ::read(fd_, buffer_.data() + have, buffer_.size() - have);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw Error(std::string("cannot read from git: ") + std::strerror(errno));
    if (n == 0) break;
    have += static_cast<std::size_t>(n);
  }
  buffer_.resize(have);
  if (have == 0) return false;
  if (have < wanted) throw Error("git ended in the middle of a packet");
  return true;
}

PacketReader::Kind PacketReader::next(std::string_view& payload) {
  if (!fill(kHeader)) return Kind::kEnd;
  const std::size_t length = parse_length({buffer_.data() + begin_, kHeader});
  if (length == 0) {
    begin_ += kHeader;
    return Kind::kFlush;
  }
  if (length < kHeader || length > kHeader + kMaxPayload) throw Error("malformed packet from git");
  fill(length);
  payload = std::string_view(buffer_).substr(begin_ + kHeader, length - kHeader);
  begin_ += length;
  return Kind::kData;
}

std::optional<std::vector<std::string>> PacketReader::lines() {
  std::vector<std::string> result;
  std::string_view payload;
  while (true) {
    switch (next(payload)) {
      case Kind::kEnd:
        return std::nullopt;
      case Kind::kFlush:
        return result;
      case Kind::kData:
        if (payload.ends_with('\n')) payload.remove_suffix(1);
        result.emplace_back(payload);
    }
  }
}

void PacketWriter::packet(Bytes payload, std::string_view tail) {
  const std::string header = fmt::format("{:04x}", kHeader + payload.size() + tail.size());
  std::array<iovec, 3> parts{{{const_cast<char*>(header.data()), header.size()},
                              {const_cast<std::byte*>(payload.data()), payload.size()},
                              {const_cast<char*>(tail.data()), tail.size()}}};
  std::size_t first = 0;
  while (first < parts.size()) {
    const ssize_t n = ::writev(fd_, parts.data() + first, static_cast<int>(parts.size() - first));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw Error(std::string("cannot write to git: ") + std::strerror(errno));
    auto written = static_cast<std::size_t>(n);
    while (first < parts.size() && written >= parts[first].iov_len)
      written -= parts[first++].iov_len;
    if (first < parts.size()) {
      parts[first].iov_base = static_cast<char*>(parts[first].iov_base) + written;
      parts[first].iov_len -= written;
    }
  }
}

void PacketWriter::line(std::string_view text) { packet(as_bytes(text), "\n"); }

void PacketWriter::data(Bytes content) {
  while (!content.empty()) {
    const std::size_t size = std::min(content.size(), kMaxPayload);
    packet(content.first(size), {});
    content = content.subspan(size);
  }
}

void PacketWriter::flush() {
  constexpr std::string_view kFlush = "0000";
  std::size_t written = 0;
  while (written < kFlush.size()) {
    const ssize_t n = ::write(fd_, kFlush.data() + written, kFlush.size() - written);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw Error(std::string("cannot write to git: ") + std::strerror(errno));
    written += static_cast<std::size_t>(n);
  }
}

}  // namespace mgit
