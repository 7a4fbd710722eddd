// A canvas of braille dots: 2 by 4 to a character.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace mgit {

class BrailleCanvas {
 public:
  /// In characters.
  BrailleCanvas(int columns, int rows);

  int dots_wide() const { return columns_ * 2; }
  int dots_high() const { return rows_ * 4; }
  /// (0, 0) is the upper left dot. `layer` is remembered for the character (the last one wins).
  void set(int x, int y, int layer);
  bool empty(int column, int row) const { return cell(column, row).dots == 0; }
  int layer(int column, int row) const { return cell(column, row).layer; }
  /// The character in UTF-8; a space where no dot is set.
  std::string text(int column, int row) const;

 private:
  struct Cell {
    std::uint8_t dots = 0;
    int layer = 0;
  };
  std::size_t index(int column, int row) const {
    return static_cast<std::size_t>(row) * static_cast<std::size_t>(columns_) +
           static_cast<std::size_t>(column);
  }
  const Cell& cell(int column, int row) const { return cells_[index(column, row)]; }

  int columns_;
  int rows_;
  std::vector<Cell> cells_;
};

}  // namespace mgit
