// Tensors in LibTorch's hands, and its operators by name. LibTorch itself stays in the plugin.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "eval/torch_abi.h"
#include "mgit/graph.h"
#include "mgit/tensor.h"

namespace mgit {

/// A tensor of LibTorch, on the CPU; copies share it, and nothing changes it. Owned by one thread.
class TorchTensor {
 public:
  TorchTensor() = default;  // none
  /// A copy of what `view` borrows, in its dtype. Throws Error for a dtype that LibTorch lacks. The
  /// first one opens the plugin (torch_plugin()).
  explicit TorchTensor(const TensorView& view);
  static TorchTensor number(std::int64_t value);  // I64 of rank 0

  explicit operator bool() const { return value_ != nullptr; }

  /// Row-major, in its own dtype; borrowed, as long as a copy of this lives.
  TensorView view() const;
  Shape shape() const { return view().shape; }
  DType dtype() const { return view().dtype; }

  /// Itself, if it has that dtype.
  TorchTensor to(DType dtype) const;
  std::vector<double> doubles() const;
  /// A copy to differentiate by (torch_gradients).
  TorchTensor watched() const;

  MgitTorchValue* get() const { return value_.get(); }

 private:
  friend struct TorchGradients torch_gradients(const std::string&, const TorchTensor&,
                                               const TorchTensor&, const std::vector<TorchTensor>&);
  friend std::vector<TorchTensor> call_torch(const std::string&, const std::string&,
                                             const std::vector<struct TorchArgument>&, std::size_t);
  explicit TorchTensor(MgitTorchValue* value);

  std::shared_ptr<MgitTorchValue> value_;
};

/// As the arguments of a GraphNode, but with tensors instead of the numbers of values.
struct TorchArgument {
  using Tensors = std::vector<TorchTensor>;  // none among them is None
  using Value =
      std::variant<std::monostate, TorchTensor, Tensors, bool, std::int64_t, double, std::string,
                   std::vector<std::int64_t>, std::vector<double>, std::vector<bool>>;

  std::string name;  // in ATen's schema
  Value value;
};

/// This LibTorch has no operator that could be called.
struct OperatorMissing : Error {
  using Error::Error;
};

/// Whether this LibTorch has an operator: "aten.add".
bool torch_has(const std::string& op);

/// Calls an operator of ATen by name ("aten.add"); arguments that are left out have their defaults.
/// `overload` is the one that is tried first; "" is as good as any. Lists of results come one after
/// the other, numbers as tensors of rank 0; the first `most` of them are given. Throws Error that
/// names the operator, without a place; OperatorMissing for one that does not exist, or only writes
/// into what it is given or reads files, and for arguments that it does not take.
std::vector<TorchTensor> call_torch(const std::string& op, const std::string& overload,
                                    const std::vector<TorchArgument>& arguments,
                                    std::size_t most = 8);

/// Its first result.
TorchTensor call_torch_for_one(const std::string& op, const std::vector<TorchArgument>& arguments);

/// Adds a batch to a loss, "cross_entropy" or "mse", as the evaluation of TorchScript does. Throws
/// Error for another loss, and for targets that are not those of the output.
void add_torch_loss(const std::string& loss, const TorchTensor& output, const TorchTensor& target,
                    MgitTorchSums& sums);
/// The mean loss over targets, and its gradients, F32, by tensors that were watched when `output`
/// was computed from them; none by one that it does not depend on. Throws Error as add_torch_loss.
struct TorchGradients {
  double loss = 0;
  std::vector<TorchTensor> by;
};
TorchGradients torch_gradients(const std::string& loss, const TorchTensor& output,
                               const TorchTensor& target, const std::vector<TorchTensor>& watched);
/// Scores of a batch whose first sample is `begin`.
void score_torch_batch(const std::string& loss, const TorchTensor& output,
                       const TorchTensor& target, std::uint64_t begin,
                       const MgitTorchScoring& scoring);

/// Mean, variance (of all, not of a sample) and mean of squares of each unit along an axis of some
/// values, in float64; several batches are added up. One order of additions, whatever the threads.
class ChannelMoments {
 public:
  /// Throws Error for an axis that is not there, and another number of units than before.
  void add(const TorchTensor& values, std::size_t axis);

  std::uint64_t count() const { return count_; }  // values of each unit
  const std::vector<double>& mean() const { return mean_; }
  std::vector<double> variance() const;
  std::vector<double> mean_square() const;

  /// Of axis 1 in [2, 3, 4, 5]: 2 blocks of 3 units with 20 values each.
  struct Units {
    std::size_t blocks = 1;
    std::size_t units = 1;
    std::size_t values = 1;
  };

 private:
  template <typename T>
  void add_batch(const T* values, const Units& along);

  std::uint64_t count_ = 0;
  std::vector<double> mean_;
  std::vector<double> deviations_;  // sums of squares, from the mean
};

}  // namespace mgit
