#include "base/process.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string_view>

#include "base/os.h"
#include "base/without_sigpipe.h"
#include "mgit/base.h"

namespace mgit {
namespace {

struct Pipe {
  os::File read;
  os::File write;
};

std::string content_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

Pipe make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw Error("cannot create a pipe");
  return {os::File(ends[0]), os::File(ends[1])};
}

std::vector<char*> c_arguments(const std::vector<std::string>& arguments) {
  std::vector<char*> result;
  result.reserve(arguments.size() + 1);
  for (const std::string& argument : arguments)
    result.push_back(const_cast<char*>(argument.c_str()));
  result.push_back(nullptr);
  return result;
}

bool is_passing(int error) { return error == EINTR || error == EAGAIN || error == EWOULDBLOCK; }

/// Writes what the pipe takes, which does not block. Closes it after the last byte, and when nobody
/// reads any more: that is the child's business.
void feed(os::File& pipe, std::string_view& input) {
  if (!input.empty()) {
    const ssize_t n = ::write(pipe.fd(), input.data(), input.size());
    if (n > 0)
      input.remove_prefix(static_cast<std::size_t>(n));
    else if (n < 0 && !is_passing(errno))
      input = {};
  }
  if (input.empty()) pipe.close();
}

/// Reads what is there. Closes the pipe at its end.
void drain(os::File& pipe, std::string& output) {
  std::array<char, 65536> chunk;
  const ssize_t n = ::read(pipe.fd(), chunk.data(), chunk.size());
  if (n > 0) output.append(chunk.data(), static_cast<std::size_t>(n));
  if (n == 0 || (n < 0 && !is_passing(errno))) pipe.close();
}

/// Feeds and drains the child's pipes until all are closed; never waits for one alone, for the
/// child may be waiting for another.
void exchange(Pipe& in, std::string_view input, Pipe& out, Pipe& err, ProcessResult& result) {
  if (in.write.fd() >= 0) ::fcntl(in.write.fd(), F_SETFL, O_NONBLOCK);
  const WithoutSigpipe guard;
  while (in.write.fd() >= 0 || out.read.fd() >= 0 || err.read.fd() >= 0) {
    std::array<pollfd, 3> waiting{
        {{in.write.fd(), POLLOUT, 0}, {out.read.fd(), POLLIN, 0}, {err.read.fd(), POLLIN, 0}}};
    if (::poll(waiting.data(), waiting.size(), -1) < 0) {
      if (errno == EINTR) continue;
      throw Error(std::string("cannot wait for a process: ") + std::strerror(errno));
    }
    if (waiting[0].revents != 0) feed(in.write, input);
    if (waiting[1].revents != 0) drain(out.read, result.output);
    if (waiting[2].revents != 0) drain(err.read, result.errors);
  }
}

/// PATH before our directory was put first; nullopt if it was not.
std::optional<std::string> path_before;

}  // namespace

ProcessResult run_process(const std::vector<std::string>& arguments,
                          const ProcessOptions& options) {
  Pipe in;
  Pipe out;
  Pipe err;
  if (options.input) in = make_pipe();
  if (options.capture_output && options.output_to < 0) out = make_pipe();
  if (options.capture_errors) err = make_pipe();
  std::vector<char*> argv = c_arguments(arguments);

  const pid_t child = ::fork();
  if (child < 0) throw Error("cannot start a process", arguments.front());
  if (child == 0) {
    if (in.read.fd() >= 0) ::dup2(in.read.fd(), STDIN_FILENO);
    if (options.input_from >= 0) ::dup2(options.input_from, STDIN_FILENO);
    if (options.output_to >= 0) ::dup2(options.output_to, STDOUT_FILENO);
    if (out.write.fd() >= 0) ::dup2(out.write.fd(), STDOUT_FILENO);
    if (err.write.fd() >= 0) ::dup2(err.write.fd(), STDERR_FILENO);
    for (const auto& [name, value] : options.environment) ::setenv(name.c_str(), value.c_str(), 1);
    if (!options.directory.empty() && ::chdir(options.directory.c_str()) != 0) ::_exit(127);
    ::signal(SIGPIPE, SIG_DFL);
    ::execvp(argv[0], argv.data());
    ::_exit(127);
  }
  in.read.close();
  out.write.close();
  err.write.close();
  ProcessResult result;
  exchange(in, options.input ? std::string_view(*options.input) : std::string_view(), out, err,
           result);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  result.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return result;
}

std::string run_checked(const std::vector<std::string>& arguments, ProcessOptions options) {
  options.capture_errors = true;
  ProcessResult result = run_process(arguments, options);
  if (result.status == 0) return std::move(result.output);
  std::string words = result.errors.substr(0, result.errors.find('\n'));
  for (const std::string_view prefix : {"fatal: ", "error: "})
    if (words.starts_with(prefix)) words.erase(0, prefix.size());
  if (words.empty()) words = "ended with status " + std::to_string(result.status);
  const std::string name =
      arguments.front() + (arguments.size() > 1 ? " " + arguments[1] : std::string());
  throw Error(words, name);
}

void exec_process(const std::vector<std::string>& arguments) {
  std::vector<char*> argv = c_arguments(arguments);
  ::execvp(argv[0], argv.data());
  throw Error(std::string("cannot start: ") + std::strerror(errno), arguments.front());
}

std::string shell_quoted(std::string_view text) {
  std::string result = "'";
  for (const char each : text) {
    if (each == '\'' || each == '!')
      result += {'\'', '\\', each, '\''};
    else
      result += each;
  }
  return result + "'";
}

std::string own_path() {
  std::error_code error;
  const auto path = std::filesystem::read_symlink("/proc/self/exe", error);
  return error ? std::string("mgit") : path.string();
}

void put_own_directory_on_path() {
  const std::string directory = std::filesystem::path(own_path()).parent_path().string();
  const char* current = std::getenv("PATH");
  const std::string path = current != nullptr ? current : "/usr/bin:/bin";
  if (path == directory || path.starts_with(directory + ":")) return;
  path_before = path;
  ::setenv("PATH", (directory + ":" + path).c_str(), 1);
}

std::string user_path() {
  if (path_before) return *path_before;
  const char* current = std::getenv("PATH");
  return current != nullptr ? current : "";
}

std::vector<std::vector<std::string>> callers(int most) {
  std::vector<std::vector<std::string>> result;
  std::string process = std::to_string(::getppid());
  for (int i = 0; i < most; ++i) {
    const std::filesystem::path folder = std::filesystem::path("/proc") / process;
    std::istringstream words(content_of(folder / "cmdline"));
    std::vector<std::string> line;
    for (std::string word; std::getline(words, word, '\0');) line.push_back(word);
    if (line.empty()) break;
    result.push_back(std::move(line));
    // "pid (name) state parent …", where the name may hold anything.
    const std::string status = content_of(folder / "stat");
    std::istringstream fields(status.substr(std::min(status.rfind(')') + 1, status.size())));
    std::string state;
    if (!(fields >> state >> process) || process == "0") break;
  }
  return result;
}

}  // namespace mgit
