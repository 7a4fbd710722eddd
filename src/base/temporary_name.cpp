#include "base/temporary_name.h"

#include <unistd.h>

#include <array>
#include <atomic>
#include <climits>
#include <csignal>
#include <cstring>
#include <random>

namespace mgit {
namespace {

/// What a signal handler may look at: no memory that anybody frees.
struct Slot {
  enum State : int { kFree, kChanging, kArmed };
  std::atomic<int> state = kFree;
  bool only_file = false;
  dev_t device = 0;
  ino_t inode = 0;
  std::array<char, PATH_MAX> path{};
};

std::array<Slot, TemporaryName::kMost> temporary_slots;

constexpr std::string_view kStart = ".mgit-";

/// The process is about to end: from now on no slot changes its path.
std::atomic<bool> ending = false;

bool stands_for(const char* path, dev_t device, ino_t inode) {
  struct stat status {};
  return ::lstat(path, &status) == 0 && status.st_dev == device && status.st_ino == inode;
}

void end(int number) {
  remove_temporary_names();
  ::raise(number);  // SA_RESETHAND and SA_NODEFER: that is the end
}

void watch_signals() {
  static const bool watched = [] {
    for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE}) {
      struct sigaction action {};
      if (::sigaction(number, nullptr, &action) != 0 || action.sa_handler != SIG_DFL) continue;
      action.sa_handler = end;
      action.sa_flags = static_cast<int>(SA_RESETHAND | SA_NODEFER);
      ::sigaction(number, &action, nullptr);
    }
    return true;
  }();
  static_cast<void>(watched);
}

/// -1: all are taken.
int take_slot() {
  for (int i = 0; i < TemporaryName::kMost; ++i) {
    int expected = Slot::kFree;
    if (temporary_slots[static_cast<std::size_t>(i)].state.compare_exchange_strong(expected,
                                                                                   Slot::kChanging))
      return i;
  }
  return -1;
}

}  // namespace

TemporaryName::TemporaryName(std::filesystem::path path) : path_(std::move(path)) {
  remember(nullptr);
}

TemporaryName::TemporaryName(std::filesystem::path path, const os::File& file)
    : path_(std::move(path)), only_file_(true) {
  if (::fstat(file.fd(), &file_) != 0) throw Error("cannot read", path_.string());
  remember(&file_);
}

void TemporaryName::remember(const struct stat* file) {
  watch_signals();
  // We may be elsewhere when the signal comes.
  const std::string name = std::filesystem::absolute(path_).string();
  if (name.size() >= PATH_MAX || (slot_ = take_slot()) < 0) return;
  while (ending) ::pause();
  Slot& slot = temporary_slots[static_cast<std::size_t>(slot_)];
  std::memcpy(slot.path.data(), name.c_str(), name.size() + 1);
  slot.only_file = file != nullptr;
  slot.device = file != nullptr ? file->st_dev : 0;
  slot.inode = file != nullptr ? file->st_ino : 0;
  slot.state = Slot::kArmed;
}

void TemporaryName::keep() {
  kept_ = true;
  if (slot_ >= 0) temporary_slots[static_cast<std::size_t>(slot_)].state = Slot::kFree;
  slot_ = -1;
}

TemporaryName::~TemporaryName() {
  if (kept_) return;
  if (!only_file_ || stands_for(path_.c_str(), file_.st_dev, file_.st_ino)) ::unlink(path_.c_str());
  keep();
}

std::filesystem::path name_beside(const std::filesystem::path& file) {
  // Process numbers are not unique: machines and containers share file systems.
  static const std::string start =
      std::string(kStart) + std::to_string(std::random_device()()) + "-";
  static std::atomic<unsigned> count = 0;
  return file.parent_path() / (start + std::to_string(count++));
}

bool is_temporary_name(std::string_view name) {
  return name.starts_with(kStart) &&
         name.substr(kStart.size()).find_first_not_of("0123456789-") == std::string_view::npos;
}

void remove_temporary_names() {
  ending = true;
  for (const Slot& slot : temporary_slots)
    if (slot.state == Slot::kArmed &&
        (!slot.only_file || stands_for(slot.path.data(), slot.device, slot.inode)))
      ::unlink(slot.path.data());
}

}  // namespace mgit
