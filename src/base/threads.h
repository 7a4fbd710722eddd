// Work over all cores.
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

}  // namespace mgit
