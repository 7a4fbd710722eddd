#include "net/credentials.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <vector>

#include "base/os.h"
#include "base/process.h"

namespace mgit {
namespace {

/// The words of a .netrc; quotes hold one with blanks together.
std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  for (std::size_t i = 0; i < text.size();) {
    if (std::string_view(" \t\r\n").find(text[i]) != std::string_view::npos) {
      ++i;
      continue;
    }
    if (text[i] == '#') {
      i = std::min(text.find('\n', i), text.size());
      continue;
    }
    std::string word;
    const bool quoted = text[i] == '"';
    if (quoted) ++i;
    for (; i < text.size(); ++i) {
      if (quoted ? text[i] == '"'
                 : std::string_view(" \t\r\n").find(text[i]) != std::string_view::npos)
        break;
      if (quoted && text[i] == '\\' && i + 1 < text.size()) ++i;
      word += text[i];
    }
    if (quoted) ++i;
    words.push_back(std::move(word));
  }
  return words;
}

}  // namespace

std::string base64(std::string_view bytes) {
  std::string text(4 * ((bytes.size() + 2) / 3) + 1, '\0');
  const int length = ::EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                                       reinterpret_cast<const unsigned char*>(bytes.data()),
                                       static_cast<int>(bytes.size()));
  text.resize(static_cast<std::size_t>(length));
  return text;
}

std::string basic_authorization(const Credential& credential) {
  return "Basic " + base64(credential.user + ":" + credential.password);
}

std::optional<Credential> netrc_entry(std::string_view text, std::string_view host) {
  const std::vector<std::string> words = words_of(text);
  for (std::size_t i = 0; i < words.size();) {
    const bool any = words[i] == "default";
    if (!any && words[i] != "machine") {
      ++i;
      continue;
    }
    if (!any && i + 1 >= words.size()) return std::nullopt;
    const bool ours = any || words[i + 1] == host;
    Credential found;
    for (i += any ? 1 : 2; i + 1 < words.size() && words[i] != "machine" && words[i] != "default";
         i += 2) {
      if (words[i] == "login") found.user = words[i + 1];
      if (words[i] == "password") found.password = words[i + 1];
      if (words[i] == "macdef") return std::nullopt;
    }
    if (ours && !found.password.empty()) return found;
  }
  return std::nullopt;
}

std::optional<Credential> from_netrc(std::string_view host) {
  const char* named = std::getenv("NETRC");
  const char* home = std::getenv("HOME");
  if (named == nullptr && home == nullptr) return std::nullopt;
  const std::filesystem::path path =
      named != nullptr ? std::filesystem::path(named) : std::filesystem::path(home) / ".netrc";
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(path, ignored)) return std::nullopt;
  return netrc_entry(os::read_file(path), host);
}

std::string Credentials::git_credential(const char* action, const Url& url,
                                        const Entry& entry) const {
  std::string input = fmt::format("protocol={}\nhost={}\n", url.scheme, url.authority());
  if (url.path.size() > 1) input += "path=" + percent_decoded(url.path.substr(1)) + "\n";
  const std::string user = entry.credential ? entry.credential->user : url.user.value_or("");
  if (!user.empty()) input += "username=" + user + "\n";
  if (entry.credential) input += "password=" + entry.credential->password + "\n";
  if (input.find('\0') != std::string::npos) return {};
  ProcessOptions options;
  options.directory = directory_;
  options.input = input + "\n";
  options.capture_errors = std::string_view(action) != "fill";  // where git may ask the user
  const ProcessResult result = run_process({"git", "credential", action}, options);
  return result.status == 0 ? result.output : std::string();
}

std::optional<Credential> Credentials::known(const Url& url) {
  const std::lock_guard lock(mutex_);
  Entry& entry = entries_[url.origin()];
  if (!entry.credential && entry.refused == 0 && url.user && url.password)
    entry.credential = Credential{*url.user, *url.password};
  return entry.credential;
}

std::optional<Credential> Credentials::ask(const Url& url) {
  const std::lock_guard lock(mutex_);
  Entry& entry = entries_[url.origin()];
  if (entry.credential) {
    if (entry.from_git) git_credential("reject", url, entry);
    entry.credential.reset();
    entry.approved = false;
    ++entry.refused;
  }
  if (!entry.from_netrc && !entry.from_git) {
    entry.credential = from_netrc(url.host);
    entry.from_netrc = entry.credential.has_value();
    if (entry.credential) return entry.credential;
  }
  constexpr int kPatience = 3;
  if (entry.refused >= kPatience) return std::nullopt;
  entry.from_git = true;
  std::istringstream lines(git_credential("fill", url, entry));
  Credential found;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("username=")) found.user = line.substr(9);
    if (line.starts_with("password=")) found.password = line.substr(9);
  }
  if (!found.password.empty()) entry.credential = found;
  return entry.credential;
}

void Credentials::approve(const Url& url) {
  const std::lock_guard lock(mutex_);
  Entry& entry = entries_[url.origin()];
  if (!entry.credential || !entry.from_git || entry.approved) return;
  entry.approved = true;
  git_credential("approve", url, entry);
}

}  // namespace mgit
