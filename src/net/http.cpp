#include "net/http.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <exception>
#include <mutex>
#include <random>
#include <thread>

#include "net/curl_library.h"
#include "net/url.h"

namespace mgit {
namespace {

constexpr std::size_t kLongestError = 4096;
constexpr std::size_t kLongestBody = std::size_t{256} << 20;
constexpr int kMostRedirects = 8;

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && std::string_view(" \t\r\n").find(text.back()) != std::string_view::npos)
    text.remove_suffix(1);
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  return text;
}

/// As curl, git and the AWS tools name it.
std::string ca_file_of_environment() {
  for (const char* name : {"GIT_SSL_CAINFO", "CURL_CA_BUNDLE", "SSL_CERT_FILE"})
    if (const char* value = std::getenv(name); value != nullptr && *value != '\0') return value;
  return {};
}

double chance() {
  static thread_local std::minstd_rand random(std::random_device{}());
  return std::uniform_real_distribution<double>(0, 1)(random);
}

bool is_redirect(long status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/// What another attempt cannot change.
bool is_final(CURLcode code) {
  return code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE ||
         code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL ||
         code == CURLE_OUT_OF_MEMORY || code == CURLE_COULDNT_RESOLVE_PROXY ||
         code == CURLE_COULDNT_RESOLVE_HOST;
}

}  // namespace

std::string HttpResponse::header(std::string_view name) const {
  const auto found = std::ranges::find(headers, name, &HttpHeaders::value_type::first);
  return found == headers.end() ? std::string() : found->second;
}

/// Handles that wait for the next request, each with its connections.
struct HttpClient::Handles {
  std::mutex mutex;
  std::vector<CURL*> idle;

  ~Handles() {
    for (CURL* handle : idle) curl_library().easy_cleanup(handle);
  }
  CURL* take() {
    {
      const std::lock_guard lock(mutex);
      if (!idle.empty()) {
        CURL* handle = idle.back();
        idle.pop_back();
        return handle;
      }
    }
    CURL* handle = curl_library().easy_init();
    if (handle == nullptr) throw Error("libcurl has no memory");
    return handle;
  }
  void give_back(CURL* handle) {
    curl_library().easy_reset(handle);  // connections stay
    const std::lock_guard lock(mutex);
    idle.push_back(handle);
  }
};

/// What is known between the attempts of one request.
struct HttpClient::Attempt {
  std::string url;             // after redirects
  bool secrets = true;         // the origin is the first one still
  std::uint64_t received = 0;  // bytes that the sink got

  const HttpRequest* request = nullptr;
  CURL* handle = nullptr;
  HttpResponse response{};
  CURLcode code = CURLE_OK;
  std::string complaint{};
  std::uint64_t skip = 0;        // bytes of this response that the sink has already
  std::uint64_t at = 0;          // of the body of the request
  std::exception_ptr failure{};  // of the sink

  std::uint64_t still_wanted() const {
    return request->range_size == 0 ? UINT64_MAX : request->range_size - received;
  }
  /// From which byte of the whole this response starts, by its Content-Range.
  std::uint64_t first_byte() const {
    const std::string range = response.header("content-range");  // "bytes 100-199/1000"
    constexpr std::string_view kUnit = "bytes ";
    return range.starts_with(kUnit) ? std::strtoull(range.c_str() + kUnit.size(), nullptr, 10) : 0;
  }
  void begin_body() {
    curl_library().easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &response.status);
    const std::uint64_t wanted = request->range_offset + received;
    const std::uint64_t begins = response.status == 206 ? first_byte() : 0;
    if (begins > wanted) throw Error("the server sent another range", shown_url(url));
    skip = wanted - begins;
  }
  void take(Bytes bytes) {
    if (response.status == 0) begin_body();
    const bool content = response.status == 200 || response.status == 206;
    if (!content || !request->sink) {
      const std::size_t most = content ? kLongestBody : kLongestError;
      if (content && response.body.size() + bytes.size() > most)
        throw Error("the answer is too long", shown_url(url));
      response.body += as_text(bytes.first(std::min(bytes.size(), most - response.body.size())));
      return;
    }
    const auto passed = static_cast<std::size_t>(std::min<std::uint64_t>(skip, bytes.size()));
    skip -= passed;
    bytes = bytes.subspan(passed);
    bytes = bytes.first(
        static_cast<std::size_t>(std::min<std::uint64_t>(still_wanted(), bytes.size())));
    if (bytes.empty()) return;
    request->sink(bytes);
    received += bytes.size();
  }

  static std::size_t on_body(char* data, std::size_t size, std::size_t count, void* user) {
    auto& self = *static_cast<Attempt*>(user);
    try {
      self.take(as_bytes({data, size * count}));
    } catch (...) {
      self.failure = std::current_exception();
      return 0;
    }
    return size * count;
  }
  static std::size_t on_header(char* data, std::size_t size, std::size_t count, void* user) {
    auto& self = *static_cast<Attempt*>(user);
    const std::string_view line(data, size * count);
    if (line.starts_with("HTTP/")) self.response.headers.clear();  // of "100 Continue", a proxy
    const std::size_t colon = line.find(':');
    if (colon != std::string_view::npos)
      self.response.headers.emplace_back(lower_case(line.substr(0, colon)),
                                         trimmed(line.substr(colon + 1)));
    return size * count;
  }
  static std::size_t on_read(char* data, std::size_t size, std::size_t count, void* user) {
    auto& self = *static_cast<Attempt*>(user);
    const HttpRequest& request = *self.request;
    std::size_t room = size * count;
    if (request.file < 0) {
      room = std::min<std::size_t>(room, request.body.size() - self.at);
      std::copy_n(request.body.data() + self.at, room, data);
    } else {
      room = static_cast<std::size_t>(std::min<std::uint64_t>(room, request.size - self.at));
      const ssize_t n =
          ::pread(request.file, data, room, static_cast<off_t>(request.offset + self.at));
      if (n < 0) return CURL_READFUNC_ABORT;
      room = static_cast<std::size_t>(n);
    }
    self.at += room;
    if (request.sent && room > 0) request.sent(room);
    return room;
  }
  static int on_seek(void* user, curl_off_t offset, int origin) {
    auto& self = *static_cast<Attempt*>(user);
    if (origin != SEEK_SET) return CURL_SEEKFUNC_CANTSEEK;
    self.at = static_cast<std::uint64_t>(offset);
    return CURL_SEEKFUNC_OK;
  }
};

HttpClient::HttpClient(HttpOptions options)
    : options_(std::move(options)), handles_(std::make_unique<Handles>()) {
  if (options_.ca_file.empty()) options_.ca_file = ca_file_of_environment();
}

HttpClient::~HttpClient() = default;

/// One exchange. False if no complete answer came.
bool HttpClient::attempt(const HttpRequest& request, Attempt& state) {
  const CurlLibrary& curl = curl_library();
  state.response = {};
  state.at = 0;
  state.complaint.assign(CURL_ERROR_SIZE, '\0');
  CURL* handle = handles_->take();
  state.handle = handle;
  const auto set = [&](CURLoption option, auto value) { curl.easy_setopt(handle, option, value); };
  set(CURLOPT_URL, state.url.c_str());
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_PROTOCOLS_STR, "http,https");
  set(CURLOPT_USERAGENT, "mgit");
  set(CURLOPT_CONNECTTIMEOUT, options_.connect_seconds);
  set(CURLOPT_LOW_SPEED_LIMIT, 1L);
  set(CURLOPT_LOW_SPEED_TIME, options_.stalled_seconds);
  set(CURLOPT_ERRORBUFFER, state.complaint.data());
  set(CURLOPT_BUFFERSIZE, 256L * 1024);
  set(CURLOPT_UPLOAD_BUFFERSIZE, 256L * 1024);
  if (!options_.ca_file.empty()) set(CURLOPT_CAINFO, options_.ca_file.c_str());
  set(CURLOPT_WRITEFUNCTION, &Attempt::on_body);
  set(CURLOPT_WRITEDATA, &state);
  set(CURLOPT_HEADERFUNCTION, &Attempt::on_header);
  set(CURLOPT_HEADERDATA, &state);
  const std::uint64_t size = request.file < 0 ? request.body.size() : request.size;
  if (request.method == "PUT" || request.method == "POST") {
    set(CURLOPT_UPLOAD, 1L);
    set(CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(size));
    set(CURLOPT_READFUNCTION, &Attempt::on_read);
    set(CURLOPT_READDATA, &state);
    set(CURLOPT_SEEKFUNCTION, &Attempt::on_seek);
    set(CURLOPT_SEEKDATA, &state);
  }
  if (request.method == "HEAD") set(CURLOPT_NOBODY, 1L);
  set(CURLOPT_CUSTOMREQUEST, request.method.c_str());
  std::string range;
  if (request.sink && (request.range_size > 0 || state.received > 0)) {
    range = fmt::format("{}-", request.range_offset + state.received);
    if (request.range_size > 0)
      range += std::to_string(request.range_offset + request.range_size - 1);
    set(CURLOPT_RANGE, range.c_str());
  }
  curl_slist* lines = curl.slist_append(nullptr, "Expect:");
  const auto add = [&](const HttpHeaders& headers) {
    for (const auto& [name, value] : headers)
      lines = curl.slist_append(lines, (name + ": " + value).c_str());
  };
  add(request.headers);
  if (state.secrets) add(request.secret_headers);
  set(CURLOPT_HTTPHEADER, lines);
  state.code = curl.easy_perform(handle);
  curl.easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &state.response.status);
  if (is_redirect(state.response.status) && request.follow) {
    char* target = nullptr;
    curl.easy_getinfo(handle, CURLINFO_REDIRECT_URL, &target);
    if (target != nullptr) state.url = target;
  }
  state.complaint.resize(state.complaint.find('\0'));
  if (state.complaint.empty()) state.complaint = curl.easy_strerror(state.code);
  curl.slist_free_all(lines);
  handles_->give_back(handle);
  if (state.failure) std::rethrow_exception(state.failure);
  return state.code == CURLE_OK;
}

HttpResponse HttpClient::perform(const HttpRequest& request) {
  Attempt state;
  state.url = request.url;
  state.request = &request;
  int redirects = 0;
  for (int number = 1;;) {
    const auto from = Url::parse(state.url);
    if (!from) throw Error("not a URL of HTTP", shown_url(state.url));
    const bool answered = attempt(request, state);
    const HttpResponse& response = state.response;
    if (answered && is_redirect(response.status) && request.follow &&
        redirects++ < kMostRedirects) {
      const auto to = Url::parse(state.url);
      if (!to || (from->scheme == "https" && to->scheme != "https"))
        throw Error("redirects to a place that is not https", from->shown());
      state.secrets = state.secrets && to->origin() == from->origin();
      continue;
    }
    if (answered && !is_passing_status(response.status)) return std::move(state.response);
    std::optional<std::chrono::milliseconds> asked;
    if (answered)
      asked = retry_after(response.header("retry-after"), std::chrono::system_clock::now());
    const bool hopeless =
        is_final(state.code) || (state.code == CURLE_COULDNT_CONNECT && number > 2);
    const auto wait = !answered && hopeless
                          ? std::nullopt
                          : wait_before_retry(options_.retry, number++, asked, chance());
    if (!wait && answered) return std::move(state.response);
    if (!wait) throw Error(state.complaint, from->shown());
    std::this_thread::sleep_for(*wait);
  }
}

Error http_error(const std::string& url, const HttpResponse& response, const std::string& hint) {
  std::string words;
  for (const char c : response.body.substr(0, 300)) {
    if (static_cast<unsigned char>(c) < ' ') break;
    words += c;
  }
  // A page for people in a browser says nothing in one line.
  if (words.starts_with('<')) words.clear();
  return Error(words.empty() ? fmt::format("HTTP {}", response.status)
                             : fmt::format("HTTP {} ({})", response.status, words),
               shown_url(url), hint);
}

void waiting_for(std::size_t count, std::size_t threads,
                 const std::function<void(std::size_t)>& work) {
  std::atomic<std::size_t> next{0};
  std::mutex mutex;
  std::exception_ptr failure;
  const auto serve = [&] {
    for (std::size_t i = next++; i < count; i = next++) {
      try {
        work(i);
      } catch (...) {
        const std::lock_guard lock(mutex);
        if (!failure) failure = std::current_exception();
        next = count;
      }
    }
  };
  std::vector<std::thread> others;
  for (std::size_t i = 1; i < std::min(count, threads); ++i) others.emplace_back(serve);
  serve();
  for (std::thread& other : others) other.join();
  if (failure) std::rethrow_exception(failure);
}

}  // namespace mgit
