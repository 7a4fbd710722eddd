#include "eval/digits.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <random>
#include <span>
#include <vector>

#include "base/threads.h"
#include "eval/labelled_images.h"

namespace mgit {
namespace {

constexpr std::size_t kSide = 16;
constexpr std::size_t kPixels = kSide * kSide;
constexpr int kClasses = 10;

struct Point {
  double x;
  double y;
};
using Stroke = std::vector<Point>;

/// Draws that are the same on every machine, unlike the standard distributions.
class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}
  double uniform(double low, double high) {
    return low + (high - low) * static_cast<double>(engine_() >> 11U) * 0x1.0p-53;
  }
  double normal(double deviation) {
    double sum = -6;
    for (int i = 0; i < 12; ++i) sum += uniform(0, 1);
    return deviation * sum;
  }

 private:
  std::mt19937_64 engine_;
};

/// An arc of an ellipse, angles in turns, clockwise from the right.
Stroke arc(Point centre, double rx, double ry, double from, double to) {
  constexpr int kSteps = 10;
  Stroke stroke;
  for (int i = 0; i <= kSteps; ++i) {
    const double angle = 2 * std::numbers::pi * (from + (to - from) * i / kSteps);
    stroke.push_back({centre.x + rx * std::cos(angle), centre.y + ry * std::sin(angle)});
  }
  return stroke;
}

/// The ten glyphs in a box from (-1,-1), upper left, to (1,1).
std::array<std::vector<Stroke>, kClasses> make_glyphs() {
  return {{
      {arc({0, 0}, 0.6, 0.95, 0, 1)},
      {{{-0.35, -0.6}, {0.1, -0.95}, {0.1, 0.95}}},
      {arc({0, -0.45}, 0.55, 0.5, -0.5, 0.1), {{0.45, -0.15}, {-0.6, 0.95}, {0.65, 0.95}}},
      {arc({0, -0.48}, 0.5, 0.47, -0.45, 0.25), arc({0, 0.47}, 0.58, 0.48, -0.25, 0.45)},
      {{{0.3, 0.95}, {0.3, -0.95}, {-0.6, 0.35}, {0.7, 0.35}}},
      {{{0.55, -0.95}, {-0.45, -0.95}, {-0.5, -0.1}}, arc({-0.02, 0.38}, 0.58, 0.55, -0.35, 0.42)},
      {{{0.35, -0.95}, {-0.3, -0.3}, {-0.55, 0.35}}, arc({0, 0.42}, 0.55, 0.52, 0, 1)},
      {{{-0.6, -0.95}, {0.6, -0.95}, {-0.1, 0.95}}},
      {arc({0, -0.48}, 0.46, 0.45, 0, 1), arc({0, 0.47}, 0.56, 0.48, 0, 1)},
      {arc({0, -0.42}, 0.55, 0.52, 0, 1), {{0.55, -0.35}, {0.3, 0.3}, {-0.35, 0.95}}},
  }};
}

/// Slant, size, turn and shift of one picture, in pixels.
struct Pose {
  explicit Pose(Random& random)
      : width(random.uniform(4.0, 5.8)),
        height(random.uniform(5.2, 6.8)),
        slant(random.normal(0.16)),
        turn(random.normal(0.1)),
        shift{7.5 + random.normal(0.6), 7.5 + random.normal(0.6)} {}

  Point place(Point p) const {
    const double x = width * (p.x - slant * p.y);
    const double y = height * p.y;
    return {shift.x + x * std::cos(turn) - y * std::sin(turn),
            shift.y + x * std::sin(turn) + y * std::cos(turn)};
  }

  double width;
  double height;
  double slant;
  double turn;
  Point shift;
};

double distance(Point p, Point a, Point b) {
  const double dx = b.x - a.x;
  const double dy = b.y - a.y;
  const double length = dx * dx + dy * dy;
  const double t =
      length > 0 ? std::clamp(((p.x - a.x) * dx + (p.y - a.y) * dy) / length, 0.0, 1.0) : 0.0;
  return std::hypot(p.x - a.x - t * dx, p.y - a.y - t * dy);
}

/// Ink of a pen with soft edges.
void draw_line(std::span<float> picture, Point a, Point b, double radius, double ink) {
  const auto bound = [](double value) {
    return static_cast<std::size_t>(std::clamp(value, 0.0, static_cast<double>(kSide)));
  };
  const double reach = radius + 1;
  for (std::size_t y = bound(std::min(a.y, b.y) - reach); y < bound(std::max(a.y, b.y) + reach + 1);
       ++y)
    for (std::size_t x = bound(std::min(a.x, b.x) - reach);
         x < bound(std::max(a.x, b.x) + reach + 1); ++x) {
      const double away = distance({static_cast<double>(x), static_cast<double>(y)}, a, b);
      float& pixel = picture[y * kSide + x];
      pixel = std::max(pixel, static_cast<float>(ink * std::clamp(radius + 0.5 - away, 0.0, 1.0)));
    }
}

void draw_stray_mark(std::span<float> picture, Random& random) {
  const Point from{random.uniform(0, 15), random.uniform(0, 15)};
  const Point to{from.x + random.normal(3), from.y + random.normal(3)};
  draw_line(picture, from, to, random.uniform(0.2, 0.6), random.uniform(0.4, 0.9));
}

void draw_glyph(std::span<float> picture, const std::vector<Stroke>& glyph, Random& random) {
  const Pose pose(random);
  const double radius = random.uniform(0.4, 1.1);
  const double ink = random.uniform(0.6, 1.0);
  for (const Stroke& stroke : glyph) {
    const Point drift{random.normal(0.08), random.normal(0.08)};
    Stroke placed;
    for (const Point& point : stroke)
      placed.push_back(pose.place(
          {point.x + drift.x + random.normal(0.05), point.y + drift.y + random.normal(0.05)}));
    for (std::size_t i = 1; i < placed.size(); ++i)
      draw_line(picture, placed[i - 1], placed[i], radius, ink);
  }
}

void draw_picture(std::span<float> picture, const std::vector<Stroke>& glyph, Random& random) {
  draw_glyph(picture, glyph, random);
  draw_stray_mark(picture, random);
  for (float& pixel : picture) pixel = 2 * (pixel + static_cast<float>(random.normal(0.14))) - 0.5F;
}

}  // namespace

MemoryModel draw_digits(std::uint64_t count, std::uint64_t seed) {
  const auto glyphs = make_glyphs();
  std::vector<float> pixels(count * kPixels);
  std::vector<std::int64_t> targets(count);
  parallel_for(count, [&](std::size_t i) {
    Random random(seed * 0x9e3779b97f4a7c15ULL + i);
    targets[i] = static_cast<std::int64_t>(i % kClasses);
    draw_picture(std::span(pixels).subspan(i * kPixels, kPixels), glyphs[i % kClasses], random);
  });
  return labelled_images(pixels, targets, kSide, kSide);
}

}  // namespace mgit
