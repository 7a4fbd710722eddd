#include "remote/ssh_command.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdlib>
#include <filesystem>

#include "base/process.h"
#include "net/url.h"

namespace mgit {
namespace {

constexpr std::array<std::string_view, 3> kSchemes{"ssh://", "git+ssh://", "ssh+git://"};

std::optional<std::string> variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

/// Where a host ends that may be an address in brackets, after "user@".
std::size_t end_of_host(std::string_view text) {
  std::size_t open = text.starts_with('[') ? 0 : text.find("@[");
  if (open == std::string_view::npos) return 0;
  if (open > 0) ++open;
  const std::size_t close = text.find(']', open);
  return close == std::string_view::npos ? 0 : close + 1;
}

bool is_port(std::string_view text) {
  return !text.empty() && text.size() <= 5 && std::all_of(text.begin(), text.end(), [](char each) {
    return each >= '0' && each <= '9';
  });
}

/// "host", "host:port", "[address]", "[address]:port", "[host:port]", each after "user@" or not.
void set_host(std::string text, SshAddress& address) {
  const std::size_t end = end_of_host(text);
  if (end > 0) {
    const std::size_t open = text.find('[');
    const std::string rest = text.substr(end);
    text = text.substr(0, open) + text.substr(open + 1, end - open - 2);
    if (rest.starts_with(':') && is_port(rest.substr(1))) {
      address.host = text;
      address.port = rest.substr(1);
      return;
    }
  }
  const std::size_t colon = text.find(':');
  const bool has_port = colon != std::string::npos && is_port(text.substr(colon + 1));
  address.host = has_port ? text.substr(0, colon) : text;
  if (has_port) address.port = text.substr(colon + 1);
}

void set_path(std::string path, SshAddress& address) {
  address.path = path.starts_with("/~") ? path.substr(1) : std::move(path);
}

bool is_other_transport(std::string_view url) {
  const std::size_t colons = url.find("::");
  return url.find("://") != std::string_view::npos ||
         (colons != std::string_view::npos && colons > 0 &&
          std::all_of(url.begin(), url.begin() + static_cast<std::ptrdiff_t>(colons),
                      [](unsigned char each) { return std::isalnum(each) != 0 || each == '-'; }));
}

/// The first word of a shell command, without its directory.
std::string program_in(const std::string& command) {
  std::string word;
  char quote = '\0';
  for (const char each : command) {
    if (quote == '\0' && (each == ' ' || each == '\t') && !word.empty()) break;
    if (each == quote)
      quote = '\0';
    else if (quote == '\0' && (each == '\'' || each == '"'))
      quote = each;
    else
      word += each;
  }
  return std::filesystem::path(word).filename().string();
}

std::string variant_of(const Repository& repository, const std::string& program) {
  auto variant = variable("GIT_SSH_VARIANT");
  if (!variant) variant = repository.config("ssh.variant");
  if (variant && *variant == "putty") return "plink";
  if (variant && *variant != "auto") return *variant;
  for (const char* known : {"ssh", "plink", "tortoiseplink"})
    if (program == known || program == std::string(known) + ".exe") return known;
  return "auto";
}

}  // namespace

std::optional<SshAddress> parse_ssh_url(std::string_view url) {
  SshAddress address;
  for (const std::string_view scheme : kSchemes) {
    if (!url.starts_with(scheme)) continue;
    const std::string rest = percent_decoded(url.substr(scheme.size()));
    const std::size_t slash = rest.find('/', end_of_host(rest));
    if (slash == std::string::npos || slash == 0) return std::nullopt;
    set_host(rest.substr(0, slash), address);
    set_path(rest.substr(slash), address);
    return address;
  }
  if (is_other_transport(url)) return std::nullopt;
  const std::size_t colon = url.find(':', end_of_host(url));
  if (colon == std::string_view::npos || colon == 0 || colon > url.find('/') ||
      colon + 1 == url.size())
    return std::nullopt;
  set_host(std::string(url.substr(0, colon)), address);
  set_path(std::string(url.substr(colon + 1)), address);
  return address;
}

SshCommand::SshCommand(const Repository& repository, SshAddress address, std::string_view url)
    : address_(std::move(address)) {
  if (address_.host.starts_with('-') || address_.port.starts_with('-'))
    throw Error("strange hostname", std::string(url));
  if (address_.path.starts_with('-')) throw Error("strange path", std::string(url));
  auto command = variable("GIT_SSH_COMMAND");
  if (!command) command = repository.config("core.sshCommand");
  through_shell_ = command.has_value();
  command_ = command ? *command : variable("GIT_SSH").value_or("ssh");
  std::string variant =
      variant_of(repository, through_shell_ ? program_in(command_)
                                            : std::filesystem::path(command_).filename().string());
  if (variant == "auto") {
    std::vector<std::string> question = program();
    question.emplace_back("-G");
    if (!address_.port.empty()) question.insert(question.end(), {"-p", address_.port});
    question.push_back(address_.host);
    ProcessOptions quiet;
    quiet.input = "";
    quiet.capture_errors = true;
    variant = run_process(question, quiet).status == 0 ? "ssh" : "simple";
  }
  has_subsystems_ = variant != "simple";
  if (variant == "tortoiseplink") options_.emplace_back("-batch");
  if (address_.port.empty()) return;
  if (variant == "simple")
    throw Error("the ssh command takes no port, as far as ssh.variant says", std::string(url));
  const bool plink = variant == "plink" || variant == "tortoiseplink";
  options_.insert(options_.end(), {plink ? "-P" : "-p", address_.port});
}

std::vector<std::string> SshCommand::program() const {
  if (!through_shell_) return {command_};
  return {"sh", "-c", command_ + " \"$@\"", command_};
}

std::optional<std::vector<std::string>> SshCommand::subsystem(const std::string& name) const {
  if (!has_subsystems_) return std::nullopt;
  std::vector<std::string> words = program();
  words.insert(words.end(), options_.begin(), options_.end());
  words.insert(words.end(), {"-s", address_.host, name});
  return words;
}

std::vector<std::string> SshCommand::running(const std::string& command,
                                             const std::string& last) const {
  std::vector<std::string> words = program();
  words.insert(words.end(), options_.begin(), options_.end());
  words.push_back(address_.host);
  words.push_back(command + " " + shell_quoted(address_.path));
  if (!last.empty()) words.back() += " " + last;
  return words;
}

std::string last_words(std::string_view text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back())) != 0)
    text.remove_suffix(1);
  text.remove_prefix(std::min(text.size(), text.rfind('\n') + 1));
  for (const std::string_view prefix : {"fatal: ", "error: ", "ssh: "})
    if (text.starts_with(prefix)) text.remove_prefix(prefix.size());
  return std::string(text);
}

const std::vector<std::string>& repository_variables() {
  static const std::vector<std::string> names{"GIT_ALTERNATE_OBJECT_DIRECTORIES",
                                              "GIT_CONFIG",
                                              "GIT_CONFIG_PARAMETERS",
                                              "GIT_CONFIG_COUNT",
                                              "GIT_OBJECT_DIRECTORY",
                                              "GIT_DIR",
                                              "GIT_WORK_TREE",
                                              "GIT_IMPLICIT_WORK_TREE",
                                              "GIT_GRAFT_FILE",
                                              "GIT_INDEX_FILE",
                                              "GIT_NO_REPLACE_OBJECTS",
                                              "GIT_REPLACE_REF_BASE",
                                              "GIT_PREFIX",
                                              "GIT_SHALLOW_FILE",
                                              "GIT_COMMON_DIR"};
  return names;
}

}  // namespace mgit
