#include "eval/braille.h"

namespace mgit {

BrailleCanvas::BrailleCanvas(int columns, int rows)
    : columns_(columns), rows_(rows), cells_(static_cast<std::size_t>(columns * rows)) {}

void BrailleCanvas::set(int x, int y, int layer) {
  // Bits of the Unicode block: dots 1-3 and 7 on the left, 4-6 and 8 on the right.
  constexpr std::uint8_t kBits[4][2] = {{0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}};
  if (x < 0 || y < 0 || x >= dots_wide() || y >= dots_high()) return;
  Cell& cell = cells_[index(x / 2, y / 4)];
  cell.dots = static_cast<std::uint8_t>(cell.dots | kBits[y % 4][x % 2]);
  cell.layer = layer;
}

std::string BrailleCanvas::text(int column, int row) const {
  const unsigned dots = cell(column, row).dots;
  if (dots == 0) return " ";
  return {static_cast<char>(0xE2), static_cast<char>(0xA0 | dots >> 6U),
          static_cast<char>(0x80 | (dots & 0x3FU))};
}

}  // namespace mgit
