// HTTP requests over libcurl: verified TLS, proxies from the environment (https_proxy, no_proxy),
// time limits, attempts repeated, downloads resumed.
//
// A client may be used from several threads; it keeps connections between requests. Redirects are
// followed, but never from https to http, and what HttpRequest::secret_headers holds goes to the
// origin (scheme, host, port) of the URL alone. Messages show URLs without user, password and
// query.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "mgit/base.h"
#include "net/retry.h"

namespace mgit {

using HttpHeaders = std::vector<std::pair<std::string, std::string>>;

struct HttpRequest {
  std::string method = "GET";
  std::string url;
  HttpHeaders headers{};
  HttpHeaders secret_headers{};  // credentials

  std::string body{};  // of POST and PUT, unless it comes from `file`
  int file = -1;       // a descriptor of the caller's, read at places: `size` bytes from `offset`
  std::uint64_t offset = 0;
  std::uint64_t size = 0;

  /// Gets what a 200 or 206 brings; without it that is in HttpResponse::body. An attempt after a
  /// cut connection goes on where the last one ended. `range_size` bytes from `range_offset` are
  /// asked for where it is not 0, and no others are handed on, whatever the server sends.
  std::function<void(Bytes)> sink{};
  std::uint64_t range_offset = 0;
  std::uint64_t range_size = 0;
  /// How many more bytes went out.
  std::function<void(std::uint64_t)> sent{};

  bool follow = true;  // redirects; else they are the response
};

struct HttpResponse {
  long status = 0;
  HttpHeaders headers{};  // names in lower case
  std::string body{};     // of an error, its beginning
  /// Empty: no such header. `name` in lower case.
  std::string header(std::string_view name) const;
  bool ok() const { return status >= 200 && status < 300; }
};

struct HttpOptions {
  RetryPolicy retry{};
  std::string ca_file{};  // PEM; empty: what the environment names, else the system's
  long connect_seconds = 30;
  long stalled_seconds = 60;  // a transfer that stands still for so long is cut
};

class HttpClient {
 public:
  explicit HttpClient(HttpOptions options = {});
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  /// Whatever the server says in the end, also an error. Throws Error if no attempt brought an
  /// answer, if a redirect may not be followed, and what `sink` throws.
  HttpResponse perform(const HttpRequest& request);

 private:
  struct Handles;
  struct Attempt;
  bool attempt(const HttpRequest& request, Attempt& state);

  HttpOptions options_;
  std::unique_ptr<Handles> handles_;
};

/// An error for a response that is not what was asked for: "HTTP 403 (words of the server)".
Error http_error(const std::string& url, const HttpResponse& response,
                 const std::string& hint = {});

/// work(0) … work(count-1) on up to `threads` threads, which mostly wait. After an exception
/// nothing new begins; one of them is rethrown when all have ended.
void waiting_for(std::size_t count, std::size_t threads,
                 const std::function<void(std::size_t)>& work);

}  // namespace mgit
