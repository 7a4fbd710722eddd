#include "remote/lfs_host.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdlib>

#include "base/process.h"
#include "remote/object_remote.h"

namespace mgit {
namespace {

constexpr std::size_t kMostInRequest = 100;  // in a request, by the protocol
constexpr std::size_t kUploads = 4;          // side by side
constexpr const char* kType = "application/vnd.git-lfs+json";
constexpr const char* kNowhere =
    "switch Git LFS on there, or name a place for the objects (git config "
    "remote.NAME.mgitObjects s3://BUCKET/PREFIX); mgit push --manifests-only sends manifests alone";

/// Of an action that has grown old, or of credentials that have.
bool may_be_stale(long status) {
  return status == 401 || status == 403 || status == 404 || status == 410;
}

bool has_header(const HttpHeaders& headers, std::string_view name) {
  return std::ranges::any_of(headers,
                             [&](const auto& header) { return lower_case(header.first) == name; });
}

Error lfs_error(const std::string& url, const HttpResponse& response) {
  const std::string message = lfs_message(response.body);
  HttpResponse shown = response;
  if (!message.empty()) shown.body = message;
  return http_error(url, shown);
}

}  // namespace

HttpOptions http_options(const Repository& repository, std::string_view url) {
  // As in git, the environment goes before the configuration; the client looks there by itself.
  if (const char* set = std::getenv("GIT_SSL_CAINFO"); set != nullptr && *set != '\0') return {};
  ProcessOptions options;
  options.directory = base_of_urls(repository).string();
  options.capture_errors = true;
  const ProcessResult found = run_process(
      {"git", "config", "-z", "--path", "--get-urlmatch", "http.sslCAInfo", shown_url(url)},
      options);
  HttpOptions result;
  if (found.status == 0) result.ca_file = found.output.substr(0, found.output.find('\0'));
  return result;
}

LfsHost::LfsHost(const Repository& repository, std::string remote_url,
                 std::shared_ptr<LfsLogin> login)
    : repository_(repository),
      remote_url_(std::move(remote_url)),
      login_(std::move(login)),
      ref_(repository, remote_url_),
      http_(http_options(repository,
                         login_ ? find_server(LfsOperation::kDownload).href : remote_url_)),
      credentials_(base_of_urls(repository).string()) {}

std::string LfsHost::name() const { return shown_url(remote_url_); }

LfsAction LfsHost::find_server(LfsOperation operation) const {
  const auto found = lfs_endpoint(repository_, remote_url_, operation == LfsOperation::kUpload);
  if (!found && login_) return login_->server(operation);
  if (!found) throw Error("no Git LFS server over HTTP is known for it", name(), kNowhere);
  if (found->elsewhere_by_file)
    throw Error(fmt::format(".lfsconfig names another host, {}, which is not trusted here",
                            shown_url(found->url)),
                name(), "if it is right: git config lfs.url " + shown_url(found->url));
  return {found->url};
}

LfsAction LfsHost::server(LfsOperation operation) {
  const std::lock_guard lock(mutex_);
  const auto known = servers_.find(operation);
  if (known != servers_.end()) return known->second;
  return servers_.emplace(operation, find_server(operation)).first->second;
}

bool LfsHost::log_in_again(LfsOperation operation) {
  const std::lock_guard lock(mutex_);
  const auto known = servers_.find(operation);
  if (!login_ || known == servers_.end() || known->second.headers.empty()) return false;
  login_->forget(operation);
  servers_.erase(known);
  return true;
}

std::vector<LfsObject> LfsHost::batch_once(LfsOperation operation,
                                           std::span<const ListedPack> packs) {
  LfsAction there = server(operation);
  const Url url = *Url::parse(there.href);
  HttpRequest request;
  request.method = "POST";
  request.url = url.shown() + "/objects/batch";
  request.headers = {{"Accept", kType}, {"Content-Type", kType}};
  request.body = lfs_batch_request(operation, packs);
  // Where the git repository is on the same host, its user is ours.
  const auto remote = Url::parse(remote_url_);
  const Url login = remote && remote->origin() == url.origin() && !url.user ? *remote : url;
  auto credential = credentials_.known(login);
  for (bool again = false;; again = true) {
    request.secret_headers = there.headers;
    if (credential && !has_header(there.headers, "authorization"))
      request.secret_headers.emplace_back("Authorization", basic_authorization(*credential));
    const HttpResponse response = http_.perform(request);
    if (response.status == 401) {
      if (!again && log_in_again(operation)) {
        there = server(operation);
        continue;
      }
      credential = credentials_.ask(login);
      if (credential) continue;
      throw Error("the Git LFS server wants a user and a password that it did not get", url.shown(),
                  "git credential helpers and ~/.netrc are asked for them");
    }
    // Some servers say so where none of the objects is there.
    const bool of_lfs = response.header("content-type").starts_with(kType);
    if (response.status == 404 && of_lfs && operation == LfsOperation::kDownload) {
      std::vector<LfsObject> absent;
      for (const ListedPack& pack : packs) {
        absent.push_back({pack.name, pack.size});
        absent.back().error = response.status;
        absent.back().message = lfs_message(response.body);
      }
      return absent;
    }
    if (response.status == 404 || response.status == 405 || response.status == 501)
      throw Error("no Git LFS server is there: models cannot be sent there or fetched", url.shown(),
                  kNowhere);
    if (!response.ok()) throw lfs_error(request.url, response);
    auto answer = parse_lfs_batch(response.body);
    if (!answer)
      throw Error("no Git LFS server is there: models cannot be sent there or fetched", url.shown(),
                  kNowhere);
    if (credential) credentials_.approve(login);
    return *std::move(answer);
  }
}

std::vector<LfsObject> LfsHost::batch(LfsOperation operation, std::span<const ListedPack> packs) {
  std::vector<LfsObject> result;
  for (std::size_t at = 0; at < packs.size(); at += kMostInRequest) {
    const auto some = packs.subspan(at, std::min(kMostInRequest, packs.size() - at));
    std::vector<LfsObject> answers = batch_once(operation, some);
    for (const ListedPack& pack : some) {
      const auto answer = std::ranges::find(answers, pack.name, &LfsObject::oid);
      if (answer == answers.end())
        throw Error("the Git LFS server's answer leaves out " + pack.name, name());
      result.push_back(std::move(*answer));
    }
  }
  return result;
}

std::vector<bool> LfsHost::are_there(std::span<const ListedPack> packs) {
  std::vector<bool> there;
  for (const LfsObject& object : batch(LfsOperation::kDownload, packs))
    there.push_back(object.error == 0 && object.download);
  return there;
}

/// Our own at the server itself.
void LfsHost::add_authorization(HttpRequest& request) {
  if (has_header(request.secret_headers, "authorization")) return;
  const Url target = *Url::parse(request.url);
  const std::lock_guard lock(mutex_);
  for (const auto& [operation, server] : servers_) {
    const Url url = *Url::parse(server.href);
    if (url.origin() != target.origin()) continue;
    HttpHeaders own = server.headers;
    if (const auto credential = credentials_.known(url))
      own.emplace_back("Authorization", basic_authorization(*credential));
    if (own.empty()) continue;
    std::ranges::copy(own, std::back_inserter(request.secret_headers));
    return;
  }
}

HttpRequest LfsHost::request_for(const LfsAction& action, const char* method) {
  HttpRequest request;
  request.method = method;
  request.url = action.href;
  request.secret_headers = action.headers;
  add_authorization(request);
  if (std::string_view(method) == "PUT" && !has_header(action.headers, "content-type"))
    request.headers.emplace_back("Content-Type", "application/octet-stream");
  return request;
}

void LfsHost::upload_one(const OutgoingPack& pack, LfsObject answer,
                         const std::function<void(std::uint64_t)>& sent) {
  for (bool again = false;; again = true) {
    if (answer.error != 0)
      throw Error(
          fmt::format("the Git LFS server refuses a pack: {} ({})", answer.message, answer.error),
          name());
    if (!answer.upload) return sent(pack.listing.size);
    HttpRequest request = request_for(*answer.upload, "PUT");
    request.file = pack.file;
    request.size = pack.listing.size;
    request.sent = sent;
    const HttpResponse response = http_.perform(request);
    if (response.ok()) break;
    if (again || !may_be_stale(response.status)) throw lfs_error(request.url, response);
    answer = batch(LfsOperation::kUpload, std::span(&pack.listing, 1)).front();
  }
  if (!answer.verify) return;
  HttpRequest request = request_for(*answer.verify, "POST");
  request.headers = {{"Accept", kType}, {"Content-Type", kType}};
  request.body = lfs_verify_request(pack.listing);
  const HttpResponse response = http_.perform(request);
  if (!response.ok()) throw lfs_error(request.url, response);
}

void LfsHost::upload(std::span<const OutgoingPack> packs,
                     const std::function<void(std::uint64_t)>& sent) {
  std::vector<ListedPack> listings;
  for (const OutgoingPack& pack : packs) listings.push_back({pack.listing.name, pack.listing.size});
  const std::vector<LfsObject> answers = batch(LfsOperation::kUpload, listings);
  waiting_for(packs.size(), kUploads,
              [&](std::size_t i) { upload_one(packs[i], answers[i], sent); });
}

void LfsHost::prepare(std::span<const ListedPack> packs) {
  const std::vector<LfsObject> answers = batch(LfsOperation::kDownload, packs);
  const std::lock_guard lock(mutex_);
  for (const LfsObject& answer : answers) {
    if (answer.error != 0 || !answer.download)
      throw MissingError(fmt::format("a pack that its index names is not on the Git LFS server: {}",
                                     answer.message.empty() ? "no download" : answer.message),
                         name() + " " + answer.oid.substr(0, 12),
                         "whoever has these models can push again");
    downloads_.insert_or_assign(answer.oid, *answer.download);
  }
}

LfsAction LfsHost::download_of(const ListedPack& pack, bool again) {
  if (again) prepare(std::array{ListedPack{pack.name, pack.size}});
  const std::lock_guard lock(mutex_);
  return downloads_.at(pack.name);
}

bool LfsHost::fetch(const ListedPack& pack, std::uint64_t offset, std::uint64_t size,
                    const std::function<void(Bytes)>& sink) {
  for (bool again = false;; again = true) {
    HttpRequest request = request_for(download_of(pack, again), "GET");
    request.sink = sink;
    request.range_offset = offset;
    request.range_size = size;
    const HttpResponse response = http_.perform(request);
    if (response.status == 206) return true;
    if (response.status == 200) return offset + size >= pack.size && offset == 0;
    if (again || !may_be_stale(response.status)) throw lfs_error(request.url, response);
  }
}

}  // namespace mgit
