#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "base/words.h"
#include "eval/axis.h"
#include "mgit/eval.h"

namespace mgit {
namespace {

constexpr double kLeft = 70;
constexpr double kTop = 30;
constexpr double kWidth = 540;
constexpr double kHeight = 300;
constexpr std::array<const char*, 4> kColours{"#c0392b", "#27804a", "#2c5fa8", "#8e44ad"};

const char* colour_of(std::size_t curve) { return kColours[curve % kColours.size()]; }

std::string text_at(double x, double y, const char* anchor, const std::string& text) {
  return fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\">{}</text>\n", x, y, anchor,
                     xml_text(text));
}

/// One path; values that are not finite interrupt it.
std::string path_of(const NamedCurve& curve, const Axis& x, const Axis& y, const char* colour) {
  std::string steps;
  bool down = false;
  for (std::size_t i = 0; i < std::min(curve.x.size(), curve.y.size()); ++i) {
    if (!std::isfinite(curve.x[i]) || !std::isfinite(curve.y[i])) {
      down = false;
      continue;
    }
    steps +=
        fmt::format("{}{:.2f} {:.2f} ", down ? 'L' : 'M', kLeft + x.position(curve.x[i]) * kWidth,
                    kTop + (1 - y.position(curve.y[i])) * kHeight);
    down = true;
  }
  return fmt::format("<path d=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"2\"/>\n", steps,
                     colour);
}

std::string y_grid(const Axis& y) {
  std::string grid;
  for (const double tick : y.ticks()) {
    const double at = kTop + (1 - y.position(tick)) * kHeight;
    grid += fmt::format("<path d=\"M{} {:.2f} h{}\" stroke=\"#ddd\"/>\n", kLeft, at, kWidth);
    grid += text_at(kLeft - 8, at + 4, "end", y.label(tick));
  }
  return grid;
}

}  // namespace

std::string curves_svg(const std::vector<NamedCurve>& curves, const std::string& x_label,
                       const std::string& y_label) {
  const Axis x = x_axis(curves);
  const Axis y = y_axis(curves, 5);
  const double bottom = kTop + kHeight;
  std::string body = text_at(kLeft, kTop - 12, "start", y_label) + y_grid(y);
  for (const double tick : x.ticks())
    body += text_at(kLeft + x.position(tick) * kWidth, bottom + 18, "middle", x.label(tick));
  body += text_at(kLeft + kWidth / 2, bottom + 36, "middle", x_label);
  double legend = bottom + 58;
  for (std::size_t i = 0; i < curves.size(); ++i) {
    body += path_of(curves[i], x, y, colour_of(i));
    body += fmt::format("<path d=\"M{} {} h30\" stroke=\"{}\" stroke-width=\"2\"/>\n", kLeft,
                        legend - 4, colour_of(i));
    body += text_at(kLeft + 38, legend, "start", curves[i].name);
    legend += 18;
  }
  return fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {:.0f} {:.0f}\" "
      "font-family=\"sans-serif\" font-size=\"13\">\n"
      "<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n{}</svg>\n",
      kLeft + kWidth + 30, legend, body);
}

}  // namespace mgit
