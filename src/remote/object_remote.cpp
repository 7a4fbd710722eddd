#include "remote/object_remote.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "net/url.h"
#include "remote/http_remote.h"
#include "remote/object_location.h"
#include "remote/path_remote.h"
#include "remote/s3_host.h"
#include "remote/ssh_remote.h"

namespace mgit {
namespace {

/// A new kind is a file and a row here.
constexpr std::array kKinds{kPathRemotes, kSshRemotes, kHttpRemotes, kS3Remotes};

}  // namespace

const RemoteKind* remote_kind(std::string_view url) {
  const auto* const kind = std::find_if(kKinds.begin(), kKinds.end(),
                                        [&](const RemoteKind& row) { return row.takes(url); });
  return kind == kKinds.end() ? nullptr : kind;
}

std::string remote_kinds_text() {
  std::vector<std::string_view> names;
  for (const RemoteKind& kind : kKinds) names.push_back(kind.name);
  return fmt::format("{}", fmt::join(names, ", "));
}

const std::filesystem::path& base_of_urls(const Repository& repository) {
  return repository.work_dir().empty() ? repository.git_dir() : repository.work_dir();
}

namespace {

/// A place that .mgitconfig names and nobody accepted: read without credentials, never written.
class UntrustedRemote : public ObjectRemote {
 public:
  UntrustedRemote(std::unique_ptr<ObjectRemote> there, std::string url)
      : there_(std::move(there)), url_(std::move(url)) {}

  bool is(const Store& store) const override { return there_->is(store); }
  std::vector<Digest> lacking(std::span<const Digest> objects) const override {
    return there_->lacking(objects);
  }
  void keep(std::span<const Digest> objects) override {
    if (!objects.empty()) refuse();
  }
  TransferReport send(const Store& /*store*/, std::span<const Digest> /*objects*/) override {
    refuse();
  }
  std::size_t receive(Store::Batch& batch, std::span<const Digest> objects) const override {
    return there_->receive(batch, objects);
  }

 private:
  [[noreturn]] void refuse() const {
    throw Error(".mgitconfig says that models go there, and that is not trusted here", url_,
                "'mgit trust' shows and accepts it; git config remote.NAME.mgitObjects names "
                "another place");
  }

  std::unique_ptr<ObjectRemote> there_;
  std::string url_;
};

}  // namespace

std::unique_ptr<ObjectRemote> open_remote(const Repository& repository, std::string_view url) {
  const ObjectLocation location = object_location(repository, url);
  if (!location.trusted)
    return std::make_unique<UntrustedRemote>(is_s3_url(location.url)
                                                 ? open_s3(repository, location.url, true)
                                                 : open_web_server(repository, location.url),
                                             location.url);
  const RemoteKind* kind = remote_kind(location.url);
  if (kind == nullptr && location.url != url)
    throw Error("models cannot be sent there, only to " + remote_kinds_text(),
                shown_url(location.url), "remote.NAME.mgitObjects names it");
  return kind == nullptr ? nullptr : kind->open(repository, location.url);
}

}  // namespace mgit
