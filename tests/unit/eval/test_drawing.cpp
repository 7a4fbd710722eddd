#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <sstream>

#include "eval/axis.h"
#include "eval/braille.h"
#include "mgit/eval.h"

namespace mgit {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

/// Columns of a terminal: characters, not bytes.
std::size_t columns(const std::string& line) {
  return static_cast<std::size_t>(std::count_if(line.begin(), line.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  }));
}

/// Characters with braille dots.
std::ptrdiff_t drawn(const std::string& picture) {
  std::ptrdiff_t count = 0;
  for (std::size_t i = 0; i + 1 < picture.size(); ++i)
    if (picture[i] == '\xE2' && picture[i + 1] >= '\xA0' && picture[i + 1] <= '\xA3') ++count;
  return count;
}

NamedCurve hill(const std::string& name, double height) {
  NamedCurve curve{name, {}, {}};
  for (int i = 0; i <= 24; ++i) {
    const double x = i / 24.0;
    curve.x.push_back(x);
    curve.y.push_back(0.1 + height * 4 * x * (1 - x));
  }
  return curve;
}

TEST(Braille, DotsBecomeTheBitsOfTheUnicodeBlock) {
  BrailleCanvas canvas(2, 1);
  EXPECT_EQ(canvas.text(0, 0), " ");
  canvas.set(0, 0, 0);
  EXPECT_EQ(canvas.text(0, 0), "⠁");
  canvas.set(1, 3, 0);
  EXPECT_EQ(canvas.text(0, 0), "⢁");
  for (int x = 0; x < 2; ++x)
    for (int y = 0; y < 4; ++y) canvas.set(2 + x, y, 1);
  EXPECT_EQ(canvas.text(1, 0), "⣿");
  EXPECT_EQ(canvas.layer(1, 0), 1);
}

TEST(Braille, DotsOutsideAreIgnored) {
  BrailleCanvas canvas(1, 1);
  for (const int outside : {-1, 4, 100}) {
    canvas.set(outside, 0, 0);
    canvas.set(0, outside, 0);
  }
  EXPECT_EQ(canvas.text(0, 0), " ");
}

TEST(Axis, IsRoundAndCoversTheData) {
  const Axis axis = y_axis({hill("", 0.713)}, 4);
  EXPECT_LE(axis.low, 0.1);
  EXPECT_GE(axis.high, 0.813);
  EXPECT_DOUBLE_EQ(axis.step, 0.2);
  EXPECT_EQ(axis.label(axis.high), "1.0");
}

TEST(Axis, SurvivesFlatEmptyAndInfiniteData) {
  const double infinity = std::numeric_limits<double>::infinity();
  for (const std::vector<double>& y : std::vector<std::vector<double>>{
           {}, {0.5, 0.5}, {0, 0}, {NAN, infinity}, {1, infinity}, {1e300, -1e300}, {-3, -3}}) {
    const Axis axis = y_axis({{"", std::vector<double>(y.size(), 0), y}}, 4);
    EXPECT_LT(axis.low, axis.high);
    EXPECT_GT(axis.step, 0);
    EXPECT_LT(axis.ticks().size(), 20U);
  }
}

TEST(DrawCurves, FitsTheWidthAndHasLabelsAndLegend) {
  const std::string picture =
      draw_curves({hill("before", 0.8), hill("after", 0.02)}, "lambda", "loss", 72, 16);
  for (const std::string& line : lines_of(picture)) EXPECT_LE(columns(line), 72U) << line;
  EXPECT_EQ(lines_of(picture).size(), 1U + 16 + 2 + 2);
  EXPECT_THAT(picture, HasSubstr("loss"));
  EXPECT_THAT(picture, HasSubstr("lambda"));
  EXPECT_THAT(picture, HasSubstr("before"));
  EXPECT_THAT(picture, HasSubstr("after"));
  EXPECT_THAT(picture, HasSubstr("┤"));
  EXPECT_THAT(picture, Not(HasSubstr("\x1b")));
  EXPECT_THAT(draw_curves({hill("", 1)}, "x", "y", 72, 16, true), HasSubstr("\x1b[31m"));
}

TEST(DrawCurves, TheSummitStandsInTheMiddleOfTheTopRow) {
  NamedCurve peak{"", {0, 0.5, 1}, {0, 1, 0}};
  const std::vector<std::string> lines = lines_of(draw_curves({peak}, "x", "y", 64, 8));
  const std::string& top = lines.at(1);
  const std::size_t first = columns(top.substr(
      0, top.find("⡠") == std::string::npos ? top.find_last_not_of(' ') : top.find("⡠")));
  EXPECT_NEAR(static_cast<double>(first), 34.0, 4.0) << top;
}

TEST(DrawCurves, ValuesThatAreNotFiniteLeaveAGap) {
  NamedCurve curve = hill("", 1);
  curve.y = curve.x;
  const std::string whole = draw_curves({curve}, "x", "y");
  for (std::size_t i = 8; i < 16; ++i) curve.y[i] = std::numeric_limits<double>::quiet_NaN();
  const std::string gap = draw_curves({curve}, "x", "y");
  EXPECT_LT(drawn(gap), drawn(whole) * 3 / 4);
  EXPECT_FALSE(draw_curves({}, "x", "y").empty());
}

TEST(CurvesSvg, HasAPathPerCurveAndEscapesNames) {
  const std::string svg = curves_svg({hill("a < b & c", 1), hill("after", 0.1)}, "x", "y");
  EXPECT_THAT(svg, ::testing::StartsWith("<svg"));
  EXPECT_THAT(svg, HasSubstr("a &lt; b &amp; c"));
  EXPECT_THAT(svg, HasSubstr("#c0392b"));
  EXPECT_THAT(svg, HasSubstr("#27804a"));
  EXPECT_THAT(svg, Not(HasSubstr("nan")));
}

}  // namespace
}  // namespace mgit
