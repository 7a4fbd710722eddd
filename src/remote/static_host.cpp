#include "remote/static_host.h"

#include "net/credentials.h"
#include "remote/lfs_host.h"

namespace mgit {
namespace {

[[noreturn]] void refuse(const std::string& place) {
  throw Error("models cannot be sent to a plain web server, only fetched from it", place,
              "git config remote.NAME.mgitObjects names another place for them");
}

}  // namespace

StaticHost::StaticHost(const Repository& repository, std::string_view url)
    : shown_(shown_url(url)), http_(http_options(repository, url)) {
  const auto parsed = Url::parse(url);
  base_ = shown_;
  while (base_.ends_with('/')) base_.pop_back();
  if (parsed && parsed->user && parsed->password)
    secret_headers_.emplace_back("Authorization",
                                 basic_authorization({*parsed->user, *parsed->password}));
}

HttpRequest StaticHost::get(const std::string& path) const {
  HttpRequest request;
  request.url = base_ + "/mgit/" + path;
  request.secret_headers = secret_headers_;
  return request;
}

bool StaticHost::exists() {
  if (looked_) return packs_.has_value();
  looked_ = true;
  const HttpRequest request = get("pack-index");
  const HttpResponse response = http_.perform(request);
  // A server that knows every address with a page for people has none.
  if (response.status == 200 && response.body.starts_with("mgit pack-index"))
    packs_ = parse_pack_index(response.body, request.url);
  return packs_.has_value();
}

std::vector<ListedPack> StaticHost::read_indexes() {
  if (!exists()) return {};
  return *packs_;
}

std::vector<bool> StaticHost::are_there(std::span<const ListedPack> packs) {
  return std::vector<bool>(packs.size(), true);
}

void StaticHost::upload(std::span<const OutgoingPack> /*packs*/,
                        const std::function<void(std::uint64_t)>& /*sent*/) {
  refuse(shown_);
}

void StaticHost::publish(const std::vector<ListedPack>& /*packs*/) { refuse(shown_); }

bool StaticHost::fetch(const ListedPack& pack, std::uint64_t offset, std::uint64_t size,
                       const std::function<void(Bytes)>& sink) {
  HttpRequest request = get("packs/" + pack.name);
  request.sink = sink;
  request.range_offset = offset;
  request.range_size = size;
  const HttpResponse response = http_.perform(request);
  if (response.status == 206) return true;
  if (response.status != 200) throw http_error(request.url, response);
  return offset == 0 && size >= pack.size;
}

}  // namespace mgit
