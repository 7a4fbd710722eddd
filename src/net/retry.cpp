#include "net/retry.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <ctime>
#include <string>

namespace mgit {

bool is_passing_status(long status) {
  constexpr std::array kPassing{408L, 429L, 500L, 502L, 503L, 504L};
  return std::ranges::find(kPassing, status) != kPassing.end();
}

std::optional<std::chrono::milliseconds> retry_after(std::string_view value,
                                                     std::chrono::system_clock::time_point now) {
  long seconds = 0;
  const char* const end = value.data() + value.size();
  if (const auto [rest, error] = std::from_chars(value.data(), end, seconds);
      error == std::errc() && rest == end && seconds >= 0)
    return std::chrono::seconds(std::min(seconds, 1'000'000L));
  std::tm date{};
  if (::strptime(std::string(value).c_str(), "%a, %d %b %Y %H:%M:%S GMT", &date) == nullptr)
    return std::nullopt;
  const auto then = std::chrono::system_clock::from_time_t(::timegm(&date));
  return std::max(std::chrono::milliseconds(0),
                  std::chrono::duration_cast<std::chrono::milliseconds>(then - now));
}

std::optional<std::chrono::milliseconds> wait_before_retry(
    const RetryPolicy& policy, int attempt, std::optional<std::chrono::milliseconds> asked,
    double chance) {
  if (attempt >= policy.attempts) return std::nullopt;
  if (asked && *asked > policy.longest_wait) return std::nullopt;
  const auto doubled = policy.first_wait * (std::int64_t{1} << std::min(attempt - 1, 20));
  const double spread = 0.5 + chance / 2;
  const auto own = std::chrono::milliseconds(static_cast<std::int64_t>(
      static_cast<double>(std::min(doubled, policy.longest_wait).count()) * spread));
  return std::max(own, asked.value_or(std::chrono::milliseconds(0)));
}

}  // namespace mgit
