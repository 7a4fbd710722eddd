// What a request is tried again for, and when. Pure.
#pragma once

#include <chrono>
#include <optional>
#include <string_view>

namespace mgit {

struct RetryPolicy {
  int attempts = 6;
  std::chrono::milliseconds first_wait{250};      // doubled each time
  std::chrono::milliseconds longest_wait{60000};  // a server that asks for more is not waited for
};

/// 408, 429, 500, 502, 503, 504: another attempt may go better.
bool is_passing_status(long status);

/// Retry-After: seconds, or a date as HTTP writes it, seen from `now`. nullopt: neither.
std::optional<std::chrono::milliseconds> retry_after(std::string_view value,
                                                     std::chrono::system_clock::time_point now);

/// How long to wait after attempt number `attempt` (from 1) failed; nullopt: give up. `asked` is
/// what the server asked for; `chance`, from 0 to 1, spreads clients that failed together.
std::optional<std::chrono::milliseconds> wait_before_retry(
    const RetryPolicy& policy, int attempt, std::optional<std::chrono::milliseconds> asked,
    double chance);

}  // namespace mgit
