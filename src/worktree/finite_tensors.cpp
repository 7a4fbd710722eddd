#include "worktree/finite_tensors.h"

#include <fstream>

#include "base/shared_permissions.h"

namespace mgit {
namespace {

/// A million tensors or so, added and never committed.
constexpr std::uintmax_t kLargestFile = 64'000'000;

}  // namespace

void FiniteTensors::load() {
  std::ifstream lines(file_);
  std::string name;
  std::string hex;
  while (lines >> name >> hex) {
    const auto dtype = dtype_from_name(name);
    const auto object = Digest::from_hex(hex);
    if (dtype && object) tensors_.emplace(*dtype, *object);
  }
}

void FiniteTensors::add(const Digest& object, const TensorView& view) {
  if (!is_arithmetic(view.dtype) || count_non_finite(view) > 0) return;
  const std::lock_guard lock(mutex_);
  tensors_.emplace(view.dtype, object);
}

void FiniteTensors::save() const {
  if (tensors_.empty()) return;
  std::string text;
  for (const auto& [dtype, object] : tensors_)
    text.append(dtype_name(dtype)).append(" ").append(object.hex()).append("\n");
  std::error_code absent;
  std::filesystem::create_directory(file_.parent_path(), absent);
  adjust_permissions(file_.parent_path());
  const bool grow = std::filesystem::file_size(file_, absent) < kLargestFile && !absent;
  std::ofstream(file_, grow ? std::ios::app : std::ios::trunc) << text;
  adjust_permissions(file_);
}

void FiniteTensors::forget() const {
  std::error_code absent;
  std::filesystem::remove(file_, absent);
}

}  // namespace mgit
