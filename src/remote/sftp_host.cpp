#include "remote/sftp_host.h"

#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <set>

#include "base/os.h"

namespace mgit {
namespace {

constexpr std::string_view kPackEnd = ".pack";
constexpr std::string_view kIndexEnd = ".idx";
constexpr const char* kServerListing = "pack-index";  // of `mgit update-server-info`
constexpr std::size_t kOpenPacks = 100;               // servers allow a few hundred
constexpr std::uint64_t kLargestIndex = std::uint64_t{1} << 30;

/// A path that begins at the home directory of whoever logs in does for SFTP as it is without "~".
std::string without_home(const std::string& path, const std::string& name) {
  if (path == "~") return ".";
  if (path.starts_with("~/")) return path.substr(2);
  if (path.starts_with('~'))
    throw Error("SFTP, which is all that answers there, knows no homes of others", name,
                "write the whole path");
  return path;
}

}  // namespace

SftpHost::SftpHost(std::shared_ptr<SftpClient> client, const std::string& path, std::string name,
                   std::filesystem::path cache)
    : client_(std::move(client)), name_(std::move(name)), cache_(std::move(cache)) {
  store_ = find_store(without_home(path, name_));
}

/// Where git would look for a repository (enter_repo in its path.c).
std::string SftpHost::find_store(const std::string& path) {
  constexpr std::array<const char*, 4> kEndings{"/.git", "", ".git/.git", ".git"};
  std::vector<SftpClient::Ticket> asked;
  asked.reserve(kEndings.size());
  for (const char* ending : kEndings)
    asked.push_back(client_->ask_stat(path + ending + "/objects"));
  std::string found;
  for (std::size_t i = 0; i < asked.size(); ++i)  // every answer has to be taken
    if (client_->exists(asked[i]) && found.empty()) found = path + kEndings[i] + "/mgit";
  if (found.empty()) throw Error("no repository is there", name_);
  return found;
}

void SftpHost::list() {
  packs_.clear();
  indexes_.clear();
  listing_size_ = 0;
  for (const SftpFile& file : client_->list(store_ + "/packs"))
    if (file.name.ends_with(kPackEnd)) packs_[file.name] = file.size;
  for (const SftpFile& file : client_->list(store_ + "/indexes")) {
    const std::string id = file.name.substr(0, file.name.find('.'));
    if (file.name == id + std::string(kIndexEnd) && Digest::from_hex(id)) indexes_[id] = file.size;
  }
  for (const SftpFile& file : client_->list(store_))
    if (file.name == kServerListing) listing_size_ = file.size;
  listed_ = true;
}

std::string SftpHost::require_handle(const SftpReply& reply, const std::string& path) const {
  const auto handle = client_->expect_handle(reply, "reading " + path);
  if (!handle) throw Error("a file is gone: " + path, name_, "try again");
  return *handle;
}

std::vector<ListedPack> SftpHost::read_indexes() {
  list();
  std::vector<ListedPack> packs;
  std::set<std::string> seen;
  const auto add = [&](const std::string& text, const std::string& where) {
    for (ListedPack& pack : parse_pack_index(text, where))
      if (is_there(pack) && seen.insert(path_of(pack)).second) packs.push_back(std::move(pack));
  };
  std::vector<SftpClient::Wanted> wanted;
  std::vector<std::string> ids;
  for (const auto& [id, size] : indexes_) {
    if (const auto kept = cache_.find(id)) {
      add(*kept, name_ + " " + id);
      continue;
    }
    ids.push_back(id);
    wanted.push_back({store_ + "/indexes/" + id + std::string(kIndexEnd), size});
  }
  if (listing_size_ > 0) wanted.push_back({store_ + "/" + kServerListing, listing_size_});
  for (const SftpClient::Wanted& file : wanted)
    if (file.size > kLargestIndex) throw CorruptError("an index of packs is too large", name_);
  std::vector<std::string> texts = client_->read_files(wanted);
  for (std::size_t i = 0; i < ids.size(); ++i)
    add(cache_.keep(ids[i], std::move(texts[i]), name_), name_ + " " + ids[i]);
  if (listing_size_ > 0) add(texts.back(), name_ + " " + kServerListing);
  return packs;
}

/// In an index of ours a pack is named by its SHA-256, in the other listing by its file.
std::string SftpHost::path_of(const ListedPack& pack) const {
  return store_ + "/packs/" + pack.name +
         std::string(pack.name.ends_with(kPackEnd) ? std::string_view() : kPackEnd);
}

bool SftpHost::is_there(const ListedPack& pack) const {
  const std::string path = path_of(pack);
  const auto found = packs_.find(path.substr(path.rfind('/') + 1));
  return found != packs_.end() && found->second == pack.size;
}

std::vector<bool> SftpHost::are_there(std::span<const ListedPack> packs) {
  std::vector<bool> there;
  for (const ListedPack& pack : packs) there.push_back(is_there(pack));
  return there;
}

void SftpHost::upload(std::span<const OutgoingPack> packs,
                      const std::function<void(std::uint64_t)>& sent) {
  if (!listed_) list();
  client_->make_directories({store_, store_ + "/packs", store_ + "/indexes"});
  for (const OutgoingPack& pack : packs) {
    if (is_there(pack.listing)) {
      sent(pack.listing.size);
      continue;
    }
    client_->write_file(
        path_of(pack.listing), pack.listing.size,
        [&](std::uint64_t offset, std::span<std::byte> out) {
          if (!os::read_at(pack.file, offset, out))
            throw Error(std::string("cannot read a temporary file: ") + std::strerror(errno));
        },
        sent);
  }
}

void SftpHost::publish(const std::vector<ListedPack>& packs) {
  const std::string text = pack_index_text(packs);
  const std::string id = sha256(as_bytes(text)).hex();
  client_->write_file(
      store_ + "/indexes/" + id + std::string(kIndexEnd), text.size(),
      [&](std::uint64_t offset, std::span<std::byte> out) {
        std::memcpy(out.data(), text.data() + offset, out.size());
      },
      [](std::uint64_t) {});
  for (const ListedPack& pack : packs) packs_[pack.name + std::string(kPackEnd)] = pack.size;
}

void SftpHost::prepare(std::span<const ListedPack> packs) {
  const std::lock_guard lock(mutex_);
  std::vector<std::pair<std::string, SftpClient::Ticket>> asked;
  for (const ListedPack& pack : packs.first(std::min(packs.size(), kOpenPacks))) {
    const std::string path = path_of(pack);
    if (!handles_.contains(path)) asked.emplace_back(path, client_->ask_open(path));
  }
  for (const auto& [path, ticket] : asked)
    handles_.emplace(path, require_handle(client_->reply(ticket), path));
}

bool SftpHost::fetch(const ListedPack& pack, std::uint64_t offset, std::uint64_t size,
                     const std::function<void(Bytes)>& sink) {
  const std::string path = path_of(pack);
  std::string handle;
  {
    const std::lock_guard lock(mutex_);
    const auto found = handles_.find(path);
    if (found != handles_.end()) handle = found->second;
  }
  const bool kept = !handle.empty();
  if (!kept) handle = require_handle(client_->reply(client_->ask_open(path)), path);
  client_->read(handle, offset, size, sink);
  if (!kept) client_->close(handle);
  return true;
}

}  // namespace mgit
