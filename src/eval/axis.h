// A numbered axis: round limits and ticks around the data.
#pragma once

#include <string>
#include <vector>

#include "mgit/eval.h"

namespace mgit {

struct Axis {
  double low = 0;
  double high = 1;
  double step = 0.5;

  /// 0 at `low`, 1 at `high`.
  double position(double value) const { return (value - low) / (high - low); }
  std::vector<double> ticks() const;
  /// With as many decimals as the step needs.
  std::string label(double value) const;
};

/// Covers all finite y of the curves with about `ticks` steps of 1, 2 or 5 times a power of ten.
Axis y_axis(const std::vector<NamedCurve>& curves, int ticks);
/// Exactly from the least to the greatest x.
Axis x_axis(const std::vector<NamedCurve>& curves);

}  // namespace mgit
