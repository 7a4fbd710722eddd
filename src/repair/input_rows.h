// What a layer is given, as rows of a matrix: a row for each place of its output.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "repair/layer_nodes.h"

namespace mgit {

/// Reads rows out of a layer's input. Keeps the values.
class InputRows {
 public:
  /// Values of these shapes are the input and output of the layer. Throws Error where they do not
  /// fit.
  InputRows(const LayerNode& layer, std::span<const double> values, const Shape& input,
            const Shape& output, const Shape& weight);

  std::size_t groups() const { return groups_; }
  /// Inputs of one group: numbers in a row.
  std::size_t length() const { return length_; }
  /// Outputs of one group.
  std::size_t outputs() const { return outputs_; }
  /// Places of one sample of a batch, and of all.
  std::size_t places_of_sample() const { return places_; }
  std::size_t places() const { return samples_ * places_; }

  /// In the order of the weight's axes; zeros where the kernel reaches over the border.
  void read(std::size_t place, std::size_t group, std::span<double> row) const;
  /// Where the output has what the layer gives at a place: `output` of `group`.
  std::size_t output_at(std::size_t place, std::size_t group, std::size_t output) const {
    const std::size_t channel = group * outputs_ + output;
    return convolution_ == nullptr
               ? place * outputs_ + channel
               : (place / places_ * groups_ * outputs_ + channel) * places_ + place % places_;
  }

 private:
  const Convolution* convolution_;  // nullptr: linear
  std::span<const double> values_;
  std::size_t groups_ = 1;
  std::size_t length_ = 0;
  std::size_t outputs_ = 0;
  std::size_t samples_ = 0;
  std::size_t places_ = 1;
  std::vector<std::size_t> input_;   // lengths of the input's axes of space
  std::vector<std::size_t> output_;  // of the output's
  std::vector<std::size_t> kernel_;
  std::size_t channels_ = 0;  // of a group
};

}  // namespace mgit
