#include "base/threads.h"

#include <atomic>
#include <cstdlib>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace mgit {
namespace {

thread_local bool inside_worker = false;

std::size_t configured_threads() {
  if (const char* value = std::getenv("MGIT_THREADS"); value != nullptr) {
    const long threads = std::atol(value);
    if (threads > 0) return static_cast<std::size_t>(threads);
  }
  const unsigned processors = std::thread::hardware_concurrency();
  return processors > 0 ? processors : 1;
}

}  // namespace

std::size_t thread_count() {
  static const std::size_t count = configured_threads();
  return count;
}

void parallel_for(std::size_t count, const std::function<void(std::size_t)>& work) {
  const std::size_t threads = inside_worker ? 1 : std::min(thread_count(), count);
  if (threads <= 1) {
    for (std::size_t i = 0; i < count; ++i) work(i);
    return;
  }
  std::atomic<std::size_t> next{0};
  std::mutex mutex;
  std::exception_ptr failure;
  std::size_t failed_index = count;
  const auto run = [&] {
    inside_worker = true;
    for (std::size_t i = next++; i < count; i = next++) {
      try {
        work(i);
      } catch (...) {
        const std::lock_guard lock(mutex);
        if (i < failed_index) {
          failed_index = i;
          failure = std::current_exception();
        }
      }
    }
    inside_worker = false;
  };
  std::vector<std::thread> workers;
  for (std::size_t i = 1; i < threads; ++i) workers.emplace_back(run);
  run();
  for (std::thread& worker : workers) worker.join();
  if (failure) std::rethrow_exception(failure);
}

}  // namespace mgit
