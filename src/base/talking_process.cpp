#include "base/talking_process.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstring>

#include "base/without_sigpipe.h"

namespace mgit {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kHeld(300);
constexpr int kPipeSize = 1 << 20;

std::array<os::File, 2> pipe_ends() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0)
    throw Error(std::string("cannot create a pipe: ") + std::strerror(errno));
  return {os::File(ends[0]), os::File(ends[1])};
}

/// Bytes read; 0 at the end, and where nothing is there of what does not block.
std::size_t read_some(const os::File& file, std::span<std::byte> out) {
  ssize_t count = 0;
  do {
    count = ::read(file.fd(), out.data(), out.size());
  } while (count < 0 && errno == EINTR);
  return count > 0 ? static_cast<std::size_t>(count) : 0;
}

}  // namespace

TalkingProcess::TalkingProcess(const std::vector<std::string>& arguments,
                               const std::vector<std::string>& without)
    : wake_(::eventfd(0, EFD_CLOEXEC)) {
  auto [input_read, input_write] = pipe_ends();
  auto [output_read, output_write] = pipe_ends();
  auto [errors_read, errors_write] = pipe_ends();
  std::vector<char*> argv;
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  child_ = ::fork();
  if (child_ < 0) throw Error("cannot start a process", arguments.front());
  if (child_ == 0) {
    ::dup2(input_read.fd(), STDIN_FILENO);
    ::dup2(output_write.fd(), STDOUT_FILENO);
    ::dup2(errors_write.fd(), STDERR_FILENO);
    for (const std::string& name : without) ::unsetenv(name.c_str());
    ::signal(SIGPIPE, SIG_DFL);
    ::execvp(argv[0], argv.data());
    ::_exit(127);
  }
  for (const os::File& pipe : {std::cref(input_write), std::cref(output_read)})
    ::fcntl(pipe.fd(), F_SETPIPE_SZ, kPipeSize);  // fewer turns; smaller pipes do as well
  input_ = std::move(input_write);
  output_ = std::move(output_read);
  errors_ = std::move(errors_read);
  ::fcntl(errors_.fd(), F_SETFL, O_NONBLOCK);
  thread_ = std::thread([this] { pass_errors_on(); });
}

TalkingProcess::~TalkingProcess() {
  if (child_ < 0) return;
  ::kill(child_, SIGTERM);
  output_.close();
  finish();
}

bool TalkingProcess::write(Bytes bytes) {
  const WithoutSigpipe guard;
  while (!bytes.empty()) {
    const ssize_t count = ::write(input_.fd(), bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return false;
    bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
  return true;
}

std::size_t TalkingProcess::read(std::span<std::byte> out) { return read_some(output_, out); }

/// Not to the end of its stderr: what it left behind (a shared connection of ssh) may hold that.
TalkingProcess::End TalkingProcess::finish() {
  input_.close();
  int status = 0;
  while (::waitpid(child_, &status, 0) < 0 && errno == EINTR) {
  }
  child_ = -1;
  return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), take_errors()};
}

void TalkingProcess::pass_errors_on() {
  std::array<std::byte, 4096> piece;
  Clock::time_point since;
  while (true) {
    std::array<pollfd, 2> waiting{{{errors_.fd(), POLLIN, 0}, {wake_.fd(), POLLIN, 0}}};
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(since + kHeld - Clock::now());
    const int patience = held_.empty() ? -1 : std::max<int>(0, static_cast<int>(left.count()));
    if (::poll(waiting.data(), waiting.size(), patience) < 0 && errno != EINTR) return;
    if (waiting[1].revents != 0) return;
    if (waiting[0].revents != 0) {
      const std::size_t count = read_some(errors_, piece);
      if (count == 0 && (waiting[0].revents & POLLIN) == 0) errors_.close();
      if (held_.empty()) since = Clock::now();
      held_ += as_text(Bytes(piece).first(count));
    }
    if (held_.empty() || Clock::now() - since < kHeld) continue;
    std::fputs(held_.c_str(), stderr);
    held_.clear();
  }
}

std::string TalkingProcess::take_errors() {
  const std::uint64_t one = 1;
  static_cast<void>(!::write(wake_.fd(), &one, sizeof one));
  thread_.join();
  std::array<std::byte, 4096> piece;
  while (const std::size_t count = errors_.fd() < 0 ? 0 : read_some(errors_, piece))
    held_ += as_text(Bytes(piece).first(count));
  return std::move(held_);
}

}  // namespace mgit
