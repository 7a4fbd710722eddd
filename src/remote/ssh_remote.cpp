#include "remote/ssh_remote.h"

#include <fmt/format.h>

#include <map>
#include <unordered_set>

#include "base/progress.h"
#include "base/talking_process.h"
#include "base/words.h"
#include "remote/lfs_host.h"
#include "remote/pack_remote.h"
#include "remote/served_store.h"
#include "remote/sftp_host.h"
#include "remote/ssh_command.h"

namespace mgit {
namespace {

constexpr const char* kServe = "mgit serve";
constexpr int kNoSuchProgram = 127;
constexpr int kSshFailed = 255;

struct Connection {
  Connection(const std::vector<std::string>& command, const std::string& url)
      : process(command, repository_variables()),
        channel({[this](std::span<std::byte> out) { return process.read(out); },
                 [this](Bytes bytes) { return process.write(bytes); }}),
        store(channel, url) {}

  TalkingProcess process;
  FrameChannel channel;
  ServedStore store;
};

/// Connections that nobody uses at the moment, by their command: the files of a checkout are
/// fetched one after the other.
std::map<std::vector<std::string>, std::unique_ptr<Connection>>& idle_connections() {
  thread_local std::map<std::vector<std::string>, std::unique_ptr<Connection>> connections;
  return connections;
}

/// Those of `records`, bases first, that have to travel so that all of `wanted` can be decoded
/// where `absent` are not.
std::vector<TravellingRecord> to_travel(const std::vector<TravellingRecord>& records,
                                        std::span<const Digest> wanted,
                                        const std::vector<Digest>& absent) {
  const std::unordered_set<Digest> lacked(absent.begin(), absent.end());
  std::unordered_set<Digest> needed(wanted.begin(), wanted.end());
  std::vector<TravellingRecord> result;
  for (auto record = records.rbegin(); record != records.rend(); ++record) {
    if (!needed.contains(record->object) || !lacked.contains(record->object)) continue;
    result.push_back(*record);
    if (record->base) needed.insert(*record->base);
  }
  std::reverse(result.begin(), result.end());
  return result;
}

std::vector<Digest> objects_in(const std::vector<TravellingRecord>& records) {
  std::vector<Digest> objects;
  objects.reserve(records.size());
  for (const TravellingRecord& record : records) objects.push_back(record.object);
  return objects;
}

std::uint64_t bytes_in(const std::vector<TravellingRecord>& records) {
  std::uint64_t bytes = 0;
  for (const TravellingRecord& record : records) bytes += record.stored;
  return bytes;
}

/// `mgit serve`, over there.
class ServedRemote : public ObjectRemote {
 public:
  ServedRemote(const SshCommand& ssh, std::string url)
      : command_(ssh.running(kServe)), host_(ssh.host()), url_(std::move(url)) {
    if (auto idle = idle_connections().extract(command_)) connection_ = std::move(idle.mapped());
    greeted_ = connection_ != nullptr;
  }
  ~ServedRemote() override {
    if (connection_) idle_connections().insert_or_assign(command_, std::move(connection_));
  }
  ServedRemote(const ServedRemote&) = delete;
  ServedRemote& operator=(const ServedRemote&) = delete;

  bool is(const Store& /*store*/) const override { return false; }

  std::vector<Digest> lacking(std::span<const Digest> objects) const override {
    if (objects.empty()) return {};
    return asking([&](ServedStore& there) { return there.lacking(objects); });
  }

  void keep(std::span<const Digest> objects) override {
    if (!objects.empty()) asking([&](ServedStore& there) { there.keep(objects); });
  }

  TransferReport send(const Store& store, std::span<const Digest> objects) override {
    const std::vector<TravellingRecord> records = store.records_of(objects);
    return asking([&](ServedStore& there) -> TransferReport {
      const std::vector<TravellingRecord> lacked =
          to_travel(records, objects, there.lacking(objects_in(records)));
      if (lacked.empty()) return {};
      Progress progress(fmt::format("Sending {}", counted(lacked.size(), "object")),
                        bytes_in(lacked), Progress::Unit::kBytes);
      return there.send(store, objects_in(lacked),
                        [&](std::uint64_t more) { progress.advance(more); });
    });
  }

  std::size_t receive(Store::Batch& batch, std::span<const Digest> objects) const override {
    return asking([&](ServedStore& there) -> std::size_t {
      const std::vector<TravellingRecord> records = there.records_of(objects);
      const std::vector<TravellingRecord> lacked =
          to_travel(records, objects, batch.lacking(objects_in(records)));
      if (lacked.empty()) return 0;
      Progress progress(fmt::format("Receiving {}", counted(lacked.size(), "object")),
                        bytes_in(lacked), Progress::Unit::kBytes);
      return there.get(objects_in(lacked), batch,
                       [&](std::uint64_t more) { progress.advance(more); });
    });
  }

 private:
  /// Connects at the first question. After an error the next one is asked over a new connection.
  template <typename Action>
  std::invoke_result_t<Action, ServedStore&> asking(const Action& action) const {
    try {
      const bool fresh = !connection_;
      if (fresh) connection_ = std::make_unique<Connection>(command_, url_);
      if (fresh) connection_->store.greet();
      greeted_ = true;
      return action(connection_->store);
    } catch (const ConnectionLost&) {
      const TalkingProcess::End end = connection_->process.finish();
      connection_.reset();
      explain(end);
    } catch (...) {
      connection_.reset();
      throw;
    }
  }

  [[noreturn]] void explain(const TalkingProcess::End& end) const {
    const std::string words = last_words(end.errors);
    if (end.status == kNoSuchProgram)
      throw TakesNoObjects(
          fmt::format("mgit is not installed on {}", host_), url_,
          "install it there, where shells that are not interactive find it; 'mgit push "
          "--manifests-only' pushes without the models");
    if (end.status == kSshFailed)
      throw Error(words.empty() ? "ssh failed" : words, url_,
                  "what 'git ls-remote' says there is the same");
    if (greeted_)
      throw Error(words.empty() ? "the connection was lost" : "the connection was lost: " + words,
                  url_, "try again; what has arrived of it is not visible there");
    throw TakesNoObjects(
        words.empty() ? "mgit does not answer there" : "mgit does not answer there: " + words, url_,
        "mgit has to be installed there");
  }

  std::vector<std::string> command_;
  std::string host_;
  std::string url_;
  mutable std::unique_ptr<Connection> connection_;
  mutable bool greeted_ = false;
};

/// How a host without mgit is reached: one of the two.
struct WithoutMgit {
  std::shared_ptr<SftpClient> sftp{};
  std::shared_ptr<LfsLogin> lfs{};
};

/// By the command that would start mgit there: the next remote of this process asks there at once.
std::map<std::vector<std::string>, WithoutMgit>& without_mgit() {
  thread_local std::map<std::vector<std::string>, WithoutMgit> known;
  return known;
}

/// What answers over there: `mgit serve`, or where there is none SFTP, or git-lfs-authenticate.
class SshRemote : public ObjectRemote {
 public:
  SshRemote(SshCommand ssh, const Repository& ours, std::string url)
      : ssh_(std::move(ssh)), ours_(ours), url_(std::move(url)) {
    there_ = std::make_unique<ServedRemote>(ssh_, url_);
  }

  bool is(const Store& /*store*/) const override { return false; }
  std::vector<Digest> lacking(std::span<const Digest> objects) const override {
    if (objects.empty()) return {};
    return asking([&](ObjectRemote& there) { return there.lacking(objects); });
  }
  void keep(std::span<const Digest> objects) override {
    if (!objects.empty()) asking([&](ObjectRemote& there) { there.keep(objects); });
  }
  TransferReport send(const Store& store, std::span<const Digest> objects) override {
    return asking([&](ObjectRemote& there) { return there.send(store, objects); });
  }
  std::size_t receive(Store::Batch& batch, std::span<const Digest> objects) const override {
    return asking([&](ObjectRemote& there) { return there.receive(batch, objects); });
  }

 private:
  template <typename Action>
  std::invoke_result_t<Action, ObjectRemote&> asking(const Action& action) const {
    if (!settled_) {
      settled_ = true;
      const auto known = without_mgit().find(ssh_.running(kServe));
      if (known != without_mgit().end()) {
        there_ = opened(known->second);
      } else {
        try {
          return action(*there_);
        } catch (const TakesNoObjects& no_mgit) {
          there_ = open_without_mgit(no_mgit);
        }
      }
    }
    try {
      return action(*there_);
    } catch (...) {
      without_mgit().erase(ssh_.running(kServe));
      throw;
    }
  }

  std::unique_ptr<ObjectRemote> opened(const WithoutMgit& host) const {
    const std::filesystem::path store = ours_.mgit_dir();
    if (host.lfs) return pack_remote(std::make_unique<LfsHost>(ours_, url_, host.lfs), store);
    return pack_remote(std::make_unique<SftpHost>(host.sftp, ssh_.path(), url_, store / "indexes"),
                       store);
  }

  /// Throws what it was without mgit where nothing else answers either.
  std::unique_ptr<ObjectRemote> open_without_mgit(const TakesNoObjects& no_mgit) const {
    std::string why = no_mgit.what();
    const auto attempt = [&](const WithoutMgit& host) {
      auto remote = opened(host);
      without_mgit().insert_or_assign(ssh_.running(kServe), host);
      return remote;
    };
    try {
      const auto sftp = ssh_.subsystem("sftp");
      if (!sftp) throw SftpClient::NoSftp("the ssh command has no option for SFTP", url_);
      return attempt({.sftp = std::make_shared<SftpClient>(*sftp, url_)});
    } catch (const SftpClient::NoSftp& no_sftp) {
      why += fmt::format(", {}", no_sftp.what());
    }
    try {
      return attempt({.lfs = std::make_shared<LfsLogin>(ssh_, url_)});
    } catch (const LfsLogin::NoServer& no_lfs) {
      throw TakesNoObjects(fmt::format("{}, and {}", why, no_lfs.what()), url_, no_mgit.hint());
    }
  }

  SshCommand ssh_;
  const Repository& ours_;
  std::string url_;
  mutable std::unique_ptr<ObjectRemote> there_;
  mutable bool settled_ = false;  // which of them it is
};

}  // namespace

bool is_ssh_url(std::string_view url) { return parse_ssh_url(url).has_value(); }

std::unique_ptr<ObjectRemote> open_ssh_remote(const Repository& repository, std::string_view url) {
  return std::make_unique<SshRemote>(SshCommand(repository, *parse_ssh_url(url), url), repository,
                                     std::string(url));
}

}  // namespace mgit
