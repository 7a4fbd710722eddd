// Work over all cores.
//
// The helper threads are started by the first call that needs them and then kept, so that what a
// thread holds for itself (coders, scratch memory) is made once. Any thread may call; concurrent
// calls share the helpers.
#pragma once

#include <cstddef>
#include <functional>

namespace mgit {

/// Threads that parallel_for uses: MGIT_THREADS, or the number of processors.
std::size_t thread_count();

/// Calls work(0) … work(count-1), in any order, on up to thread_count() threads including this one.
/// Returns when all are done. If calls throw, the exception of the lowest index is rethrown.
/// May be nested; an inner call inside a worker runs serially.
void parallel_for(std::size_t count, const std::function<void(std::size_t)>& work);

/// A pipeline of two stages: work(i, slot) side by side, finish(i, slot) one at a time and in
/// order. Item i uses slot i % slots from its work to the end of its finish, so that `slots`
/// buffers of the caller's bound the memory. After an exception nothing new begins; it is rethrown.
/// Nested as parallel_for is.
void ordered_for(std::size_t count, std::size_t slots,
                 const std::function<void(std::size_t, std::size_t)>& work,
                 const std::function<void(std::size_t, std::size_t)>& finish);

}  // namespace mgit
