// What the pre-commit hook need not read again.
#include "worktree/finite_tensors.h"

#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <limits>

#include "support/support.h"

namespace mgit {
namespace {

TensorView floats(const std::vector<float>& values) {
  return {DType::kF32, {values.size()}, std::as_bytes(std::span(values))};
}

TEST(FiniteTensors, RemembersWhatIsFiniteUnderItsDtypeOnly) {
  const testing::TemporaryDirectory sandbox;
  const Digest good = sha256(as_bytes("good"));
  const Digest bad = sha256(as_bytes("bad"));
  const std::vector<float> finite{1, 2};
  const std::vector<float> infinite{1, std::numeric_limits<float>::infinity()};
  FiniteTensors found(sandbox.path());
  found.add(good, floats(finite));
  found.add(bad, floats(infinite));
  found.save();

  FiniteTensors later(sandbox.path());
  later.load();
  EXPECT_TRUE(later.contains(good, DType::kF32));
  EXPECT_FALSE(later.contains(good, DType::kBF16));
  EXPECT_FALSE(later.contains(bad, DType::kF32));

  later.forget();
  FiniteTensors after(sandbox.path());
  after.load();
  EXPECT_FALSE(after.contains(good, DType::kF32));
}

TEST(FiniteTensors, IgnoresWhatItCannotRead) {
  const testing::TemporaryDirectory sandbox;
  const Digest object = sha256(as_bytes("good"));
  std::filesystem::create_directory(sandbox.path() / "cache");
  std::ofstream(sandbox.path() / "cache" / "finite")
      << "F31 " << object.hex() << "\nF32 12ab\nF16 " << object.hex() << "\nF32";
  FiniteTensors found(sandbox.path());
  found.load();
  EXPECT_TRUE(found.contains(object, DType::kF16));
  EXPECT_FALSE(found.contains(object, DType::kF32));
}

}  // namespace
}  // namespace mgit
