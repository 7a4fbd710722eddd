#include "eval/axis.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

namespace mgit {
namespace {

/// Of the finite values; {0, 1} if there are none.
std::pair<double, double> range_of(const std::vector<NamedCurve>& curves,
                                   std::vector<double> NamedCurve::*values) {
  double low = 0;
  double high = 1;
  bool any = false;
  for (const NamedCurve& curve : curves)
    for (const double value : curve.*values) {
      if (!std::isfinite(value)) continue;
      low = any ? std::min(low, value) : value;
      high = any ? std::max(high, value) : value;
      any = true;
    }
  return {low, high};
}

double round_step(double raw) {
  const double power = std::pow(10.0, std::floor(std::log10(raw)));
  for (const double factor : {1.0, 2.0, 5.0})
    if (raw <= factor * power * 1.000001) return factor * power;
  return 10 * power;
}

}  // namespace

std::vector<double> Axis::ticks() const {
  std::vector<double> result;
  const int count = static_cast<int>(std::lround((high - low) / step));
  for (int i = 0; i <= count; ++i) result.push_back(low + i * step);
  return result;
}

std::string Axis::label(double value) const {
  const int decimals = std::clamp(static_cast<int>(std::ceil(-std::log10(step) - 1e-9)), 0, 9);
  if (std::abs(value) < step / 1000) value = 0;
  if (std::abs(value) >= 1e6) return fmt::format("{:.2e}", value);
  return fmt::format("{:.{}f}", value, decimals);
}

Axis y_axis(const std::vector<NamedCurve>& curves, int ticks) {
  auto [low, high] = range_of(curves, &NamedCurve::y);
  const double least = std::max(std::abs(high), 1e-6) * 1e-3;
  if (high - low < least) {
    low -= least / 2;
    high += least / 2;
  }
  const double step = round_step((high - low) / ticks);
  return {std::floor(low / step + 1e-9) * step, std::ceil(high / step - 1e-9) * step, step};
}

Axis x_axis(const std::vector<NamedCurve>& curves) {
  const auto [low, high] = range_of(curves, &NamedCurve::x);
  return high > low ? Axis{low, high, (high - low) / 2} : Axis{low, low + 1, 0.5};
}

}  // namespace mgit
