#include "remote/s3_host.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/os.h"
#include "remote/lfs_host.h"
#include "remote/s3_answers.h"

namespace fs = std::filesystem;

namespace mgit {
namespace {

constexpr std::uint64_t kPartSize = std::uint64_t{32} << 20;
constexpr std::size_t kUploadsAtOnce = 4;
constexpr std::size_t kParts = 4;
constexpr std::size_t kReads = 8;
constexpr const char* kPackEnd = ".pack";
constexpr const char* kIndexEnd = ".idx";

HttpOptions options_for(const Repository& repository, const AwsConfig& config) {
  HttpOptions options = http_options(repository, config.endpoint);
  if (!config.ca_bundle.empty()) options.ca_file = config.ca_bundle;
  return options;
}

/// "PREFIX/packs/NAME.pack" → NAME, for what is below `folder`.
std::optional<std::string> name_in(std::string_view key, const std::string& folder,
                                   std::string_view suffix) {
  if (!key.starts_with(folder) || !key.ends_with(suffix)) return std::nullopt;
  key.remove_prefix(folder.size());
  key.remove_suffix(suffix.size());
  return Digest::from_hex(key) ? std::optional(std::string(key)) : std::nullopt;
}

std::string sha256_of_part(int file, std::uint64_t offset, std::uint64_t size) {
  Sha256 hash;
  Buffer piece(std::size_t{1} << 20);
  while (size > 0) {
    piece.resize(std::min<std::uint64_t>(piece.size(), size));
    if (!os::read_at(file, offset, piece))
      throw Error(std::string("cannot read a temporary file: ") + std::strerror(errno));
    hash.update(piece);
    offset += piece.size();
    size -= piece.size();
  }
  return hash.finish().hex();
}

}  // namespace

bool is_s3_url(std::string_view url) { return url.starts_with("s3://"); }

std::unique_ptr<ObjectRemote> open_s3(const Repository& ours, std::string_view url,
                                      bool anonymous) {
  AwsConfig config = aws_config();
  if (anonymous) config.keys.reset();
  return pack_remote(
      std::make_unique<S3Host>(ours, url, std::move(config), ours.mgit_dir() / "indexes"),
      ours.mgit_dir());
}

std::unique_ptr<ObjectRemote> open_s3_remote(const Repository& ours, std::string_view url) {
  return open_s3(ours, url, false);
}

S3Host::S3Host(const Repository& repository, std::string_view url, AwsConfig config, fs::path cache)
    : config_(std::move(config)),
      cache_(std::move(cache)),
      http_(options_for(repository, config_)) {
  const auto parsed = Url::parse(url);
  if (!parsed || parsed->user || !parsed->port.empty() || !parsed->query.empty())
    throw Error("not s3://BUCKET/PREFIX", shown_url(url));
  bucket_ = parsed->host;
  prefix_ = percent_decoded(parsed->path);
  while (prefix_.starts_with('/')) prefix_.erase(0, 1);
  if (!prefix_.empty() && !prefix_.ends_with('/')) prefix_ += '/';
  name_ = fmt::format("s3://{}/{}", bucket_, prefix_.substr(0, prefix_.size() - 1));
  if (prefix_.empty()) name_ = "s3://" + bucket_;
  if (config_.region.empty()) config_.region = "us-east-1";
}

std::string S3Host::url_of(const std::string& key, const Query& query) const {
  const std::string path = percent_encoded(key, false);
  std::string url;
  if (!config_.endpoint.empty()) {
    std::string endpoint = config_.endpoint;
    while (endpoint.ends_with('/')) endpoint.pop_back();
    url = fmt::format("{}/{}/{}", endpoint, bucket_, path);
  } else if (bucket_.find('.') == std::string::npos) {
    url = fmt::format("https://{}.s3.{}.amazonaws.com/{}", bucket_, config_.region, path);
  } else {  // TLS certificates cover one label
    url = fmt::format("https://s3.{}.amazonaws.com/{}/{}", config_.region, bucket_, path);
  }
  char separator = '?';
  for (const auto& [name, value] : query) {
    url += fmt::format("{}{}={}", separator, name, percent_encoded(value, true));
    separator = '&';
  }
  return url;
}

HttpResponse S3Host::perform(HttpRequest request, const std::string& key, const Query& query,
                             const std::string& payload_sha256) {
  for (bool again = false;; again = true) {
    std::string region;
    {
      const std::lock_guard lock(region_mutex_);
      region = config_.region;
      request.url = url_of(key, query);
    }
    request.follow = false;
    request.secret_headers.clear();
    if (config_.keys)
      for (auto& header :
           aws_signature(request.method, *Url::parse(request.url), {}, payload_sha256,
                         *config_.keys, {region}, std::chrono::system_clock::now()))
        request.secret_headers.push_back(std::move(header));
    HttpResponse response = http_.perform(request);
    const std::string right = response.header("x-amz-bucket-region");
    if (response.ok() || again || right.empty() || right == region) return response;
    const std::lock_guard lock(region_mutex_);
    config_.region = right;
  }
}

void S3Host::fail(const std::string& key, const HttpResponse& response) const {
  HttpResponse shown = response;
  const auto code = xml_text_of(response.body, "Code");
  const auto message = xml_text_of(response.body, "Message");
  shown.body = code ? fmt::format("{}: {}", *code, message.value_or("")) : std::string();
  const bool denied = response.status == 403 || response.status == 401 || code == "ExpiredToken" ||
                      code == "InvalidToken";
  const Error error =
      http_error(name_ + (key.empty() ? "" : "/…/" + key.substr(key.rfind('/') + 1)), shown);
  throw Error(error.what(), error.where(),
              !denied        ? std::string()
              : config_.keys ? "the keys in AWS_ACCESS_KEY_ID or ~/.aws/credentials are not taken"
                             : "no keys were found in AWS_ACCESS_KEY_ID or ~/.aws/credentials");
}

HttpResponse S3Host::demand(HttpRequest request, const std::string& key, const Query& query,
                            const std::string& payload_sha256) {
  HttpResponse response = perform(std::move(request), key, query, payload_sha256);
  if (!response.ok()) fail(key, response);
  return response;
}

void S3Host::list() {
  packs_.clear();
  indexes_.clear();
  Query query{{"list-type", "2"}, {"prefix", prefix_}};
  while (true) {
    const HttpResponse response = demand({}, "", query, kEmptyPayload);
    const auto listing = parse_s3_listing(response.body);
    if (!listing) throw Error("its answer is no listing of a bucket", name_);
    for (const auto& [key, size] : listing->entries) {
      if (const auto pack = name_in(key, prefix_ + "packs/", kPackEnd)) packs_[*pack] = size;
      if (const auto index = name_in(key, prefix_ + "indexes/", kIndexEnd))
        indexes_.push_back(*index);
    }
    if (listing->next.empty()) break;
    query["continuation-token"] = listing->next;
  }
  listed_ = true;
}

std::string S3Host::index_text(const std::string& id) {
  if (auto kept = cache_.find(id)) return *std::move(kept);
  return cache_.keep(id, demand({}, prefix_ + "indexes/" + id + kIndexEnd, {}, kEmptyPayload).body,
                     name_);
}

std::vector<ListedPack> S3Host::read_indexes() {
  list();
  std::vector<std::vector<ListedPack>> parts(indexes_.size());
  waiting_for(indexes_.size(), kReads, [&](std::size_t i) {
    parts[i] = parse_pack_index(index_text(indexes_[i]), name_ + " " + indexes_[i]);
  });
  std::vector<ListedPack> packs;
  for (std::vector<ListedPack>& part : parts)
    for (ListedPack& pack : part) {
      const auto there = packs_.find(pack.name);
      if (there != packs_.end() && there->second == pack.size) packs.push_back(std::move(pack));
    }
  return packs;
}

std::vector<bool> S3Host::are_there(std::span<const ListedPack> packs) {
  std::vector<bool> there;
  for (const ListedPack& pack : packs) {
    const auto found = packs_.find(pack.name);
    there.push_back(found != packs_.end() && found->second == pack.size);
  }
  return there;
}

void S3Host::upload(std::span<const OutgoingPack> packs,
                    const std::function<void(std::uint64_t)>& sent) {
  if (!listed_) list();
  waiting_for(packs.size(), kUploadsAtOnce, [&](std::size_t i) { upload_one(packs[i], sent); });
}

void S3Host::upload_one(const OutgoingPack& pack, const std::function<void(std::uint64_t)>& sent) {
  const ListedPack& listing = pack.listing;
  const auto there = packs_.find(listing.name);
  if (there != packs_.end() && there->second == listing.size) return sent(listing.size);
  const std::string key = prefix_ + "packs/" + listing.name + kPackEnd;
  if (listing.size > kPartSize * 2) return upload_in_parts(pack, key, sent);
  HttpRequest request;
  request.method = "PUT";
  request.file = pack.file;
  request.size = listing.size;
  request.sent = sent;
  demand(std::move(request), key, {}, listing.name);  // the name is the SHA-256 of the body
}

void S3Host::upload_in_parts(const OutgoingPack& pack, const std::string& key,
                             const std::function<void(std::uint64_t)>& sent) {
  HttpRequest begin;
  begin.method = "POST";
  const HttpResponse begun = demand(begin, key, {{"uploads", ""}}, kEmptyPayload);
  const auto id = xml_text_of(begun.body, "UploadId");
  if (!id) throw Error("its answer names no upload", name_);
  try {
    const std::uint64_t size = pack.listing.size;
    std::vector<std::string> etags((size + kPartSize - 1) / kPartSize);
    waiting_for(etags.size(), kParts, [&](std::size_t i) {
      HttpRequest request;
      request.method = "PUT";
      request.file = pack.file;
      request.offset = i * kPartSize;
      request.size = std::min(kPartSize, size - request.offset);
      request.sent = sent;
      const std::string payload = sha256_of_part(pack.file, request.offset, request.size);
      etags[i] =
          demand(request, key, {{"partNumber", std::to_string(i + 1)}, {"uploadId", *id}}, payload)
              .header("etag");
    });
    HttpRequest end;
    end.method = "POST";
    end.body = s3_completion(etags);
    const HttpResponse ended =
        demand(end, key, {{"uploadId", *id}}, sha256(as_bytes(end.body)).hex());
    // It may say 200 and then fail.
    if (!xml_text_of(ended.body, "ETag")) fail(key, ended);
  } catch (...) {
    HttpRequest forget;
    forget.method = "DELETE";
    try {
      perform(forget, key, {{"uploadId", *id}}, kEmptyPayload);
    } catch (const Error&) {
      // Its parts are for the bucket's own rules to remove.
    }
    throw;
  }
}

void S3Host::publish(const std::vector<ListedPack>& packs) {
  HttpRequest request;
  request.method = "PUT";
  request.body = pack_index_text(packs);
  const std::string id = sha256(as_bytes(request.body)).hex();
  demand(request, prefix_ + "indexes/" + id + kIndexEnd, {}, id);
  for (const ListedPack& pack : packs) packs_[pack.name] = pack.size;
}

bool S3Host::fetch(const ListedPack& pack, std::uint64_t offset, std::uint64_t size,
                   const std::function<void(Bytes)>& sink) {
  HttpRequest request;
  request.sink = sink;
  request.range_offset = offset;
  request.range_size = size;
  const HttpResponse response =
      demand(request, prefix_ + "packs/" + pack.name + kPackEnd, {}, kEmptyPayload);
  return response.status == 206 || (offset == 0 && size >= pack.size);
}

}  // namespace mgit
