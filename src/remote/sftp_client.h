// A connection to an SFTP server through the ssh command. Requests do not wait for each other:
// whatever takes many of them costs about one round trip.
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <thread>

#include "base/talking_process.h"
#include "remote/sftp_packets.h"

namespace mgit {

/// Any thread may call; every failure is an Error, after which the client is of no more use unless
/// the server only refused something.
class SftpClient {
 public:
  /// `command` starts the subsystem. Throws NoSftp if no server answers. `where` names it.
  SftpClient(const std::vector<std::string>& command, std::string where);
  ~SftpClient();
  SftpClient(const SftpClient&) = delete;
  SftpClient& operator=(const SftpClient&) = delete;

  /// Nobody speaks SFTP there.
  class NoSftp : public Error {
   public:
    using Error::Error;
  };

  bool can(std::string_view extension) const { return extensions_.contains(extension); }

  using Ticket = std::uint32_t;
  Ticket send(const SftpRequest& request);
  SftpReply reply(Ticket ticket);

  /// What a reply has to be; the message of a refusal ends with `what` and the server's words.
  void expect_ok(const SftpReply& reply, const std::string& what) const;
  /// nullopt for a file that is not there.
  std::optional<std::string> expect_handle(const SftpReply& reply, const std::string& what) const;

  bool exists(Ticket stat);
  Ticket ask_stat(const std::string& path);
  /// Empty for a directory that is not there.
  std::vector<SftpFile> list(const std::string& path);
  /// Directories that may be there already.
  void make_directories(const std::vector<std::string>& paths);
  Ticket ask_open(const std::string& path);
  void close(const std::string& handle);
  /// Throws Error if the file ends before.
  void read(const std::string& handle, std::uint64_t offset, std::uint64_t size,
            const std::function<void(Bytes)>& sink);
  /// The first `size` bytes of each. Throws Error for one that is not there, or is shorter.
  struct Wanted {
    std::string path;
    std::uint64_t size = 0;
  };
  std::vector<std::string> read_files(std::span<const Wanted> files);
  /// Fills the span with what begins there.
  using Source = std::function<void(std::uint64_t offset, std::span<std::byte> out)>;
  /// Under another name until it is whole; replaces what is there. `sent`: bytes that arrived.
  void write_file(const std::string& path, std::uint64_t size, const Source& source,
                  const std::function<void(std::uint64_t)>& sent);

 private:
  void greet();
  Ticket ask_read(const std::string& handle, std::uint64_t offset, std::uint64_t size);
  Bytes expect_data(const SftpReply& reply, std::uint64_t most) const;
  std::vector<std::string> read_some_files(std::span<const Wanted> files);
  void receive();
  bool fill(std::span<std::byte> out);
  [[noreturn]] void refuse(const SftpReply& reply, const std::string& what) const;
  [[noreturn]] void lost() const;
  void rename(const std::string& from, const std::string& to);

  std::string where_;
  TalkingProcess process_;
  std::set<std::string, std::less<>> extensions_;
  std::mutex sending_;
  Ticket next_ = 1;  // guarded by sending_

  std::mutex mutex_;  // guards everything below
  std::condition_variable changed_;
  std::set<Ticket> expected_;
  std::map<Ticket, SftpReply> replies_;
  bool ended_ = false;
  std::thread reader_;
};

}  // namespace mgit
