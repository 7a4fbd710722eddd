#include "base/threads.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <deque>
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

/// One call of parallel_for, as the threads that take part in it see it.
class Job {
 public:
  Job(std::size_t count, const std::function<void(std::size_t)>& work)
      : count_(count), work_(work), failed_index_(count) {}

  void run() {
    const bool outer = inside_worker;
    inside_worker = true;
    for (std::size_t i = next_++; i < count_; i = next_++) {
      try {
        work_(i);
      } catch (...) {
        const std::lock_guard lock(mutex_);
        if (i < failed_index_) {
          failed_index_ = i;
          failure_ = std::current_exception();
        }
      }
    }
    inside_worker = outer;
  }
  void rethrow() const {
    if (failure_) std::rethrow_exception(failure_);
  }

  std::size_t wanted = 0;   // helpers that may still join; under the pool's lock
  std::size_t running = 0;  // helpers inside run(); under the pool's lock

 private:
  const std::size_t count_;
  const std::function<void(std::size_t)>& work_;
  std::atomic<std::size_t> next_{0};
  std::mutex mutex_;
  std::exception_ptr failure_;
  std::size_t failed_index_;
};

/// The threads that help whoever has a job; they live as long as the process. Any thread may call
/// run(), also from inside a job. Whoever calls works, too, so no job waits for a free thread.
class Pool {
 public:
  static Pool& instance() {
    static Pool pool;
    return pool;
  }

  /// Runs the job here and on up to `helpers` threads; returns when it is done.
  void run(Job& job, std::size_t helpers) {
    {
      const std::lock_guard lock(mutex_);
      while (threads_.size() < helpers) threads_.emplace_back([this] { serve(); });
      job.wanted = helpers;
      jobs_.push_back(&job);
    }
    work_there_.notify_all();
    job.run();
    std::unique_lock lock(mutex_);
    std::erase(jobs_, &job);
    job_left_.wait(lock, [&] { return job.running == 0; });
  }

 private:
  Pool() = default;
  ~Pool() {
    {
      const std::lock_guard lock(mutex_);
      ending_ = true;
    }
    work_there_.notify_all();
    for (std::thread& thread : threads_) thread.join();
  }

  void serve() {
    std::unique_lock lock(mutex_);
    while (true) {
      work_there_.wait(lock, [this] { return ending_ || !jobs_.empty(); });
      if (ending_) return;
      Job& job = *jobs_.front();
      ++job.running;
      if (--job.wanted == 0) jobs_.pop_front();
      lock.unlock();
      job.run();
      lock.lock();
      std::erase(jobs_, &job);
      if (--job.running == 0) job_left_.notify_all();
    }
  }

  std::mutex mutex_;  // guards everything below
  std::condition_variable work_there_;
  std::condition_variable job_left_;
  std::deque<Job*> jobs_;  // that helpers may join
  std::vector<std::thread> threads_;
  bool ending_ = false;
};

/// The state of one ordered_for.
class Order {
 public:
  Order(std::size_t count, std::size_t slots) : count_(count), ready_(slots) {}

  /// The next item to work on, once its slot is free; count if there is none.
  std::size_t claim() {
    std::unique_lock lock(mutex_);
    slot_free_.wait(lock, [this] {
      return stopped_ || claimed_ == count_ || claimed_ < finished_ + ready_.size();
    });
    return stopped_ || claimed_ == count_ ? count_ : claimed_++;
  }

  void stop() {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    slot_free_.notify_all();
  }

  /// Item i is worked on. Finishes whatever is next in order, unless another thread is at it.
  void worked(std::size_t i, const std::function<void(std::size_t, std::size_t)>& finish) {
    std::unique_lock lock(mutex_);
    ready_[i % ready_.size()] = true;
    if (finishing_) return;
    finishing_ = true;
    while (!stopped_ && finished_ < count_ && ready_[finished_ % ready_.size()]) {
      const std::size_t item = finished_;
      lock.unlock();
      finish(item, item % ready_.size());
      lock.lock();
      ready_[item % ready_.size()] = false;
      ++finished_;
      slot_free_.notify_all();
    }
    finishing_ = false;
  }

 private:
  const std::size_t count_;
  std::mutex mutex_;  // guards everything below
  std::condition_variable slot_free_;
  std::vector<bool> ready_;
  std::size_t claimed_ = 0;
  std::size_t finished_ = 0;
  bool finishing_ = false;
  bool stopped_ = false;
};

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
  Job job(count, work);
  Pool::instance().run(job, threads - 1);
  job.rethrow();
}

void ordered_for(std::size_t count, std::size_t slots,
                 const std::function<void(std::size_t, std::size_t)>& work,
                 const std::function<void(std::size_t, std::size_t)>& finish) {
  const std::size_t threads = inside_worker ? 1 : std::min({thread_count(), count, slots});
  if (threads <= 1) {
    for (std::size_t i = 0; i < count; ++i) {
      work(i, 0);
      finish(i, 0);
    }
    return;
  }
  Order order(count, slots);
  parallel_for(threads, [&](std::size_t) {
    try {
      for (std::size_t i = order.claim(); i < count; i = order.claim()) {
        work(i, i % slots);
        order.worked(i, finish);
      }
    } catch (...) {
      order.stop();
      throw;
    }
  });
}

}  // namespace mgit
