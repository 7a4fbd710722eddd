#include "remote/sftp_client.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <deque>
#include <random>

#include "remote/ssh_command.h"

namespace mgit {
namespace {

constexpr std::uint32_t kVersion = 3;
constexpr std::size_t kPiece = std::size_t{32} << 10;  // every server takes so much at once
constexpr std::size_t kUnderWay = 64;
constexpr std::size_t kListings = 4;
constexpr std::size_t kFilesAtOnce = 64;
constexpr const char* kPosixRename = "posix-rename@openssh.com";
constexpr const char* kSync = "fsync@openssh.com";

}  // namespace

SftpClient::SftpClient(const std::vector<std::string>& command, std::string where)
    : where_(std::move(where)), process_(command, repository_variables()) {
  greet();
  reader_ = std::thread([this] { receive(); });
}

SftpClient::~SftpClient() {
  process_.finish();
  reader_.join();
}

bool SftpClient::fill(std::span<std::byte> out) {
  while (!out.empty()) {
    const std::size_t count = process_.read(out);
    if (count == 0) return false;
    out = out.subspan(count);
  }
  return true;
}

void SftpClient::greet() {
  // INIT has the version where others have their number.
  const Buffer init = SftpRequest(SftpType::kInit).packet(kVersion);
  std::array<std::byte, 9> head{};
  if (!process_.write(init) || !fill(head)) {
    const std::string words = last_words(process_.finish().errors);
    throw NoSftp(words.empty() ? "no SFTP server answers" : "no SFTP server answers: " + words,
                 where_);
  }
  const std::size_t length = sftp_number(head);
  if (head[4] != static_cast<std::byte>(SftpType::kVersion) || length < 5 ||
      length > kLongestSftpPacket || sftp_number(Bytes(head).subspan(5)) < kVersion) {
    process_.finish();
    throw NoSftp("what answers does not speak SFTP, version 3", where_);
  }
  Buffer rest(length - 5);
  if (!fill(rest)) lost();
  for (std::string& name : parse_sftp_extensions(rest)) extensions_.insert(std::move(name));
}

void SftpClient::receive() {
  const auto next = [&]() -> bool {
    std::array<std::byte, 9> head{};
    if (!fill(head)) return false;
    const std::size_t length = sftp_number(head);
    if (length < 5 || length > kLongestSftpPacket) return false;
    SftpReply reply{static_cast<SftpType>(head[4]), Buffer(length - 5)};
    if (!fill(reply.body)) return false;
    const Ticket ticket = sftp_number(Bytes(head).subspan(5));
    const std::lock_guard lock(mutex_);
    if (expected_.erase(ticket) == 0) return false;
    replies_.emplace(ticket, std::move(reply));
    changed_.notify_all();
    return true;
  };
  while (next()) {
  }
  const std::lock_guard lock(mutex_);
  ended_ = true;
  changed_.notify_all();
}

void SftpClient::lost() const {
  throw Error("the connection was lost", where_,
              "try again; what has arrived of it is not visible there");
}

SftpClient::Ticket SftpClient::send(const SftpRequest& request) {
  const std::lock_guard sending(sending_);
  const Ticket ticket = next_++;
  {
    const std::lock_guard lock(mutex_);
    if (ended_) lost();
    expected_.insert(ticket);
  }
  if (!process_.write(request.packet(ticket))) lost();
  return ticket;
}

SftpReply SftpClient::reply(Ticket ticket) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return ended_ || replies_.contains(ticket); });
  auto found = replies_.extract(ticket);
  if (!found) lost();
  return std::move(found.mapped());
}

void SftpClient::refuse(const SftpReply& reply, const std::string& what) const {
  if (reply.type != SftpType::kStatus) throw Error("its answer to " + what + " is another", where_);
  const SftpStatus status = parse_sftp_status(reply.body);
  throw Error(
      fmt::format("{} is refused{}", what, status.message.empty() ? "" : ": " + status.message),
      where_);
}

void SftpClient::expect_ok(const SftpReply& reply, const std::string& what) const {
  if (reply.type != SftpType::kStatus || parse_sftp_status(reply.body).code != kSftpOk)
    refuse(reply, what);
}

std::optional<std::string> SftpClient::expect_handle(const SftpReply& reply,
                                                     const std::string& what) const {
  if (reply.type == SftpType::kHandle) return parse_sftp_handle(reply.body);
  if (reply.type == SftpType::kStatus && parse_sftp_status(reply.body).code == kSftpNoSuchFile)
    return std::nullopt;
  refuse(reply, what);
}

SftpClient::Ticket SftpClient::ask_stat(const std::string& path) {
  return send(SftpRequest(SftpType::kStat).text(path));
}

bool SftpClient::exists(Ticket stat) { return reply(stat).type == SftpType::kAttributes; }

std::vector<SftpFile> SftpClient::list(const std::string& path) {
  const std::string what = "listing " + path;
  const auto handle =
      expect_handle(reply(send(SftpRequest(SftpType::kOpenDirectory).text(path))), what);
  std::vector<SftpFile> files;
  if (!handle) return files;
  const SftpRequest more = SftpRequest(SftpType::kReadDirectory).text(*handle);
  std::deque<Ticket> asked;
  bool at_end = false;
  while (!at_end || !asked.empty()) {
    while (!at_end && asked.size() < kListings) asked.push_back(send(more));
    const SftpReply answer = reply(asked.front());
    asked.pop_front();
    if (answer.type == SftpType::kName) {
      for (SftpFile& file : parse_sftp_names(answer.body)) files.push_back(std::move(file));
    } else if (answer.type == SftpType::kStatus &&
               parse_sftp_status(answer.body).code == kSftpEnd) {
      at_end = true;
    } else {
      refuse(answer, what);
    }
  }
  close(*handle);
  return files;
}

void SftpClient::make_directories(const std::vector<std::string>& paths) {
  std::vector<Ticket> made;
  made.reserve(paths.size());
  for (const std::string& path : paths)
    made.push_back(send(SftpRequest(SftpType::kMakeDirectory).text(path).number(0)));
  std::vector<SftpReply> answers;
  answers.reserve(paths.size());
  for (const Ticket ticket : made) answers.push_back(reply(ticket));
  // Version 3 has one code for what is there already and for what may not be.
  for (std::size_t i = 0; i < paths.size(); ++i)
    if (parse_sftp_status(answers[i].body).code != kSftpOk && !exists(ask_stat(paths[i])))
      refuse(answers[i], "making " + paths[i]);
}

SftpClient::Ticket SftpClient::ask_open(const std::string& path) {
  return send(SftpRequest(SftpType::kOpen).text(path).number(kSftpRead).number(0));
}

void SftpClient::close(const std::string& handle) {
  expect_ok(reply(send(SftpRequest(SftpType::kClose).text(handle))), "closing a file");
}

SftpClient::Ticket SftpClient::ask_read(const std::string& handle, std::uint64_t offset,
                                        std::uint64_t size) {
  return send(SftpRequest(SftpType::kRead)
                  .text(handle)
                  .long_number(offset)
                  .number(static_cast<std::uint32_t>(size)));
}

/// At least a byte; the bytes are the reply's.
Bytes SftpClient::expect_data(const SftpReply& reply, std::uint64_t most) const {
  if (reply.type != SftpType::kData) refuse(reply, "reading");
  const Bytes data = parse_sftp_data(reply.body);
  if (data.empty() || data.size() > most) throw Error("its answer to reading is another", where_);
  return data;
}

std::vector<std::string> SftpClient::read_files(std::span<const Wanted> files) {
  std::vector<std::string> texts;
  texts.reserve(files.size());
  for (std::size_t at = 0; at < files.size(); at += kFilesAtOnce)
    for (std::string& text :
         read_some_files(files.subspan(at, std::min(kFilesAtOnce, files.size() - at))))
      texts.push_back(std::move(text));
  return texts;
}

/// Three round trips for all of them, as far as one request holds what a file has.
std::vector<std::string> SftpClient::read_some_files(std::span<const Wanted> files) {
  const std::size_t count = files.size();
  std::vector<Ticket> asked(count);
  std::vector<std::string> handles(count);
  std::vector<std::string> texts(count);
  for (std::size_t i = 0; i < count; ++i) asked[i] = ask_open(files[i].path);
  for (std::size_t i = 0; i < count; ++i) {
    const auto handle = expect_handle(reply(asked[i]), "reading " + files[i].path);
    if (!handle) throw Error("a file is gone: " + files[i].path, where_, "try again");
    handles[i] = *handle;
  }
  for (std::size_t i = 0; i < count; ++i)
    if (files[i].size > 0)
      asked[i] = ask_read(handles[i], 0, std::min<std::uint64_t>(kPiece, files[i].size));
  for (std::size_t i = 0; i < count; ++i) {
    if (files[i].size == 0) continue;
    const SftpReply first = reply(asked[i]);
    texts[i] = as_text(expect_data(first, kPiece));
    read(handles[i], texts[i].size(), files[i].size - texts[i].size(),
         [&](Bytes data) { texts[i] += as_text(data); });
  }
  for (std::size_t i = 0; i < count; ++i)
    asked[i] = send(SftpRequest(SftpType::kClose).text(handles[i]));
  for (const Ticket ticket : asked) expect_ok(reply(ticket), "closing a file");
  return texts;
}

void SftpClient::read(const std::string& handle, std::uint64_t offset, std::uint64_t size,
                      const std::function<void(Bytes)>& sink) {
  struct Asked {
    Ticket ticket;
    std::uint64_t offset;
    std::uint64_t size;
  };
  const auto ask = [&](std::uint64_t from, std::uint64_t count) -> Asked {
    return {ask_read(handle, from, count), from, count};
  };
  const std::uint64_t end = offset + size;
  std::deque<Asked> asked;
  while (offset < end || !asked.empty()) {
    while (offset < end && asked.size() < kUnderWay) {
      asked.push_back(ask(offset, std::min<std::uint64_t>(kPiece, end - offset)));
      offset += asked.back().size;
    }
    const Asked first = asked.front();
    asked.pop_front();
    const SftpReply answer = reply(first.ticket);
    const Bytes data = expect_data(answer, first.size);
    sink(data);
    // A server may send less than it is asked for.
    if (data.size() < first.size)
      asked.push_front(ask(first.offset + data.size(), first.size - data.size()));
  }
}

void SftpClient::rename(const std::string& from, const std::string& to) {
  if (can(kPosixRename))
    return expect_ok(
        reply(send(SftpRequest(SftpType::kExtended).text(kPosixRename).text(from).text(to))),
        "renaming");
  // The plain one does not replace; what is there has the same content, by its name.
  const SftpReply answer = reply(send(SftpRequest(SftpType::kRename).text(from).text(to)));
  if (parse_sftp_status(answer.body).code == kSftpOk) return;
  if (!exists(ask_stat(to))) refuse(answer, "renaming");
  reply(send(SftpRequest(SftpType::kRemove).text(from)));
}

void SftpClient::write_file(const std::string& path, std::uint64_t size, const Source& source,
                            const std::function<void(std::uint64_t)>& sent) {
  std::random_device random;
  const std::string name =
      fmt::format("{}/tmp-sftp-{:08x}{:08x}", path.substr(0, path.rfind('/')), random(), random());
  const auto handle = expect_handle(reply(send(SftpRequest(SftpType::kOpen)
                                                   .text(name)
                                                   .number(kSftpWrite | kSftpCreate | kSftpNew)
                                                   .number(0))),
                                    "writing " + path);
  if (!handle) throw Error("the directory is gone", where_);
  try {
    std::deque<std::pair<Ticket, std::uint64_t>> asked;
    Buffer piece(kPiece);
    for (std::uint64_t offset = 0; offset < size || !asked.empty();) {
      while (offset < size && asked.size() < kUnderWay) {
        piece.resize(std::min<std::uint64_t>(kPiece, size - offset));
        source(offset, piece);
        asked.emplace_back(
            send(SftpRequest(SftpType::kWrite).text(*handle).long_number(offset).data(piece)),
            piece.size());
        offset += piece.size();
      }
      expect_ok(reply(asked.front().first), "writing " + path);
      sent(asked.front().second);
      asked.pop_front();
    }
    if (can(kSync))
      expect_ok(reply(send(SftpRequest(SftpType::kExtended).text(kSync).text(*handle))),
                "writing " + path);
    close(*handle);
    rename(name, path);
  } catch (const Error&) {
    try {
      reply(send(SftpRequest(SftpType::kRemove).text(name)));
    } catch (const Error&) {
      // It has no name that anybody reads.
    }
    throw;
  }
}

}  // namespace mgit
