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

#include "base/os.h"
#include "mgit/base.h"

namespace mgit {
namespace {

struct Pipe {
  os::File read;
  os::File write;
};

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

/// Feeds and drains the child's pipes until all are closed.
void exchange(Pipe& in, const std::string& input, Pipe& out, std::string& output, Pipe& err,
              std::string& errors) {
  std::size_t fed = 0;
  std::array<char, 65536> chunk{};
  while (in.write.fd() >= 0 || out.read.fd() >= 0 || err.read.fd() >= 0) {
    std::array<pollfd, 3> waiting{
        {{in.write.fd(), POLLOUT, 0}, {out.read.fd(), POLLIN, 0}, {err.read.fd(), POLLIN, 0}}};
    if (::poll(waiting.data(), waiting.size(), -1) < 0 && errno != EINTR) break;
    if (in.write.fd() >= 0 && waiting[0].revents != 0) {
      const ssize_t n =
          fed < input.size() ? ::write(in.write.fd(), input.data() + fed, input.size() - fed) : 0;
      if (n > 0) fed += static_cast<std::size_t>(n);
      if (fed == input.size() || (n < 0 && errno != EAGAIN && errno != EINTR)) in.write.close();
    }
    const auto drain = [&](Pipe& pipe, const pollfd& state, std::string& into) {
      if (pipe.read.fd() < 0 || state.revents == 0) return;
      const ssize_t n = ::read(pipe.read.fd(), chunk.data(), chunk.size());
      if (n > 0) into.append(chunk.data(), static_cast<std::size_t>(n));
      if (n == 0 || (n < 0 && errno != EINTR)) pipe.read.close();
    };
    drain(out, waiting[1], output);
    drain(err, waiting[2], errors);
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
  const auto previous = ::signal(SIGPIPE, SIG_IGN);
  ProcessResult result;
  exchange(in, options.input.value_or(""), out, result.output, err, result.errors);
  ::signal(SIGPIPE, previous);
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

}  // namespace mgit
