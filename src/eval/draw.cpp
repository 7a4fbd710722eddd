#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "eval/axis.h"
#include "eval/braille.h"
#include "mgit/eval.h"

namespace mgit {
namespace {

/// How a curve is told from the others: dots on and off along its path, and a colour.
struct Style {
  int on;
  int off;
  const char* colour;
};

constexpr std::array<Style, 4> kStyles{
    {{1, 0, "\x1b[31m"}, {2, 3, "\x1b[32m"}, {6, 4, "\x1b[34m"}, {1, 5, "\x1b[35m"}}};
constexpr const char* kPlain = "\x1b[0m";

const Style& style_of(int curve) {
  return kStyles[static_cast<std::size_t>(curve) % kStyles.size()];
}

/// Draws with the pen of one curve: consecutive dots are joined, dashed as its style says.
class Pen {
 public:
  Pen(BrailleCanvas& canvas, int curve) : canvas_(canvas), curve_(curve) {}

  void lift() { down_ = false; }
  void move(int x, int y) {
    const int steps = down_ ? std::max({std::abs(x - x_), std::abs(y - y_), 1}) : 1;
    for (int i = 1; i <= steps; ++i)
      if (down_)
        dot(x_ + (x - x_) * i / steps, y_ + (y - y_) * i / steps);
      else
        dot(x, y);
    x_ = x;
    y_ = y;
    down_ = true;
  }

 private:
  void dot(int x, int y) {
    const Style& style = style_of(curve_);
    if (drawn_++ % (style.on + style.off) < style.on) canvas_.set(x, y, curve_);
  }

  BrailleCanvas& canvas_;
  int curve_;
  int x_ = 0;
  int y_ = 0;
  int drawn_ = 0;
  bool down_ = false;
};

void plot(BrailleCanvas& canvas, const NamedCurve& curve, int index, const Axis& x, const Axis& y) {
  Pen pen(canvas, index);
  for (std::size_t i = 0; i < std::min(curve.x.size(), curve.y.size()); ++i) {
    if (!std::isfinite(curve.x[i]) || !std::isfinite(curve.y[i])) {
      pen.lift();
      continue;
    }
    pen.move(
        static_cast<int>(std::lround(x.position(curve.x[i]) * (canvas.dots_wide() - 1))),
        static_cast<int>(std::lround((1 - y.position(curve.y[i])) * (canvas.dots_high() - 1))));
  }
}

std::string canvas_row(const BrailleCanvas& canvas, int row, int columns, bool colour) {
  std::string line;
  for (int column = 0; column < columns; ++column) {
    const bool tinted = colour && !canvas.empty(column, row);
    if (tinted) line += style_of(canvas.layer(column, row)).colour;
    line += canvas.text(column, row);
    if (tinted) line += kPlain;
  }
  line.erase(line.find_last_not_of(' ') + 1);
  return line;
}

/// A short stroke in the curve's style, as it looks in the picture.
std::string sample(int index, bool colour) {
  constexpr int kColumns = 5;
  BrailleCanvas canvas(kColumns, 1);
  Pen pen(canvas, index);
  pen.move(0, 2);
  pen.move(canvas.dots_wide() - 1, 2);
  std::string line = canvas_row(canvas, 0, kColumns, false);
  return colour ? style_of(index).colour + line + kPlain : line;
}

std::string legend(const std::vector<NamedCurve>& curves, const std::string& indent, bool colour) {
  std::string lines;
  for (std::size_t i = 0; i < curves.size(); ++i)
    if (!curves[i].name.empty())
      lines += indent + sample(static_cast<int>(i), colour) + "  " + curves[i].name + "\n";
  return lines;
}

}  // namespace

std::string draw_curves(const std::vector<NamedCurve>& curves, const std::string& x_label,
                        const std::string& y_label, int width, int height, bool colour) {
  height = std::max(height, 3);
  const Axis x = x_axis(curves);
  const Axis y = y_axis(curves, std::max(2, height / 4));
  std::vector<std::string> labels(static_cast<std::size_t>(height));
  std::size_t label_width = 0;
  for (const double tick : y.ticks()) {
    const double row = (1 - y.position(tick)) * (height - 1);
    std::string& label = labels[static_cast<std::size_t>(std::lround(row))];
    label = y.label(tick);
    label_width = std::max(label_width, label.size());
  }
  const int columns = std::max(10, width - static_cast<int>(label_width) - 3);
  BrailleCanvas canvas(columns, height);
  for (std::size_t i = 0; i < curves.size(); ++i)
    plot(canvas, curves[i], static_cast<int>(i), x, y);

  std::string picture = fmt::format(" {}\n", y_label);
  for (int row = 0; row < height; ++row) {
    const std::string& label = labels[static_cast<std::size_t>(row)];
    picture += fmt::format(" {:>{}} {}{}\n", label, label_width, label.empty() ? "│" : "┤",
                           canvas_row(canvas, row, columns, colour));
  }
  const std::string indent(label_width + 2, ' ');
  std::string rule;
  for (int i = 0; i < columns; ++i) rule += "─";
  picture += indent + "└" + rule + "\n";
  const std::string left = x.label(x.low);
  const std::string right = x.label(x.high);
  const int middle = std::max(0, columns - static_cast<int>(left.size() + right.size()));
  picture += fmt::format("{} {}{:^{}}{}\n", indent, left, x_label, middle, right);
  return picture + legend(curves, indent + " ", colour);
}

}  // namespace mgit
