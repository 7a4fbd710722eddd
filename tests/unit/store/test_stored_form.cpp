// Which form is chosen, from bytes alone: nothing here has a pack or a store.
#include "store/stored_form.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <numeric>

#include "coding/delta.h"
#include "store/record_frames.h"
#include "store_support.h"

namespace mgit {
namespace {

using namespace mgit::testing;

const Shape kShape{64, 48};
const Digest kOlder = sha256(as_bytes("older"));
const Digest kRoot = sha256(as_bytes("root"));

Buffer weights(std::uint64_t seed) { return random_floats(*element_count(kShape), seed); }

/// Each word moved a little: what training does.
Buffer trained(Buffer floats) {
  for (std::size_t i = 0; i < floats.size(); i += 4) floats[i] ^= std::byte{3};
  return floats;
}

/// Rows from the last to the first.
std::vector<Gather> turned() {
  Gather rows;
  for (std::size_t i = kShape[0]; i > 0; --i) rows.push_back(static_cast<std::uint32_t>(i - 1));
  return {rows, {}};
}

Buffer gathered(const Buffer& floats, const std::vector<Gather>& axes) {
  Buffer out(floats.size());
  gather_axes({DType::kF32, kShape, floats}, axes, out);
  return out;
}

FormCandidates older(const Buffer& base) {
  return {.older = OlderVersion{kOlder, frames_in_memory(base)}};
}

OtherOrder order(const Buffer& base, std::optional<View> below = {}) {
  return {{kRoot, std::move(below)}, frames_in_memory(base), kShape};
}

Buffer joined(const StoredForm& form) {
  Buffer all;
  for (const Buffer& piece : form.payload) all.insert(all.end(), piece.begin(), piece.end());
  return all;
}

/// The object again, from its form and what that is based on.
Buffer decoded(const StoredForm& form, std::size_t size, const Buffer& base = {}) {
  const Buffer payload = joined(form);
  Record record{header_of(form, sha256({}), size), payload, "", nullptr};
  const auto frames = frames_of(std::move(record), form.base ? frames_in_memory(base) : nullptr);
  Buffer out(size);
  read_frames(*frames, out);
  return out;
}

TEST(PlainForm, IsCodedWhereThatGainsSomething) {
  std::mt19937_64 random(1);
  const std::string noise = random_bytes(4096, random);
  const StoredForm raw = plain_form(as_bytes(noise), 1);
  EXPECT_EQ(raw.encoding, Encoding::kRaw);
  EXPECT_TRUE(raw.payload.empty());
  EXPECT_EQ(plain_form({}, 4).encoding, Encoding::kRaw);

  const Buffer floats = weights(1);
  const StoredForm coded = plain_form(floats, 4);
  EXPECT_EQ(coded.encoding, Encoding::kZstd);
  EXPECT_EQ(coded.element_size, 4);
  EXPECT_FALSE(coded.base);
  EXPECT_LT(joined(coded).size(), floats.size());
  EXPECT_EQ(decoded(coded, floats.size()), floats);
}

TEST(PlainForm, OfALargeObjectIsCodedLater) {
  const Buffer zeros((std::size_t{64} << 20) + 4);
  const StoredForm form = plain_form(zeros, 4);
  EXPECT_EQ(form.encoding, Encoding::kZstd);
  EXPECT_TRUE(form.payload.empty());
  ASSERT_TRUE(form.coder);
  EXPECT_EQ(form.coder->frames(), 65U);
}

TEST(ChooseForm, ANewVersionIsADelta) {
  const Buffer before = weights(1);
  const Buffer after = trained(before);
  const StoredForm form = choose_form(after, 4, older(before));
  EXPECT_EQ(form.encoding, Encoding::kDelta);
  EXPECT_EQ(form.base, kOlder);
  EXPECT_LT(joined(form).size(), joined(plain_form(after, 4)).size() / 2);
  EXPECT_EQ(decoded(form, after.size(), before), after);
  const RecordHeader header = header_of(form, kRoot, after.size());
  EXPECT_TRUE(header.has_base());
  EXPECT_EQ(header.base, kOlder);
  EXPECT_EQ(header.object, kRoot);
  EXPECT_EQ(header.size, after.size());
}

TEST(ChooseForm, ABaseThatSavesNothingIsNone) {
  const Buffer data = weights(1);
  const StoredForm plain = plain_form(data, 4);
  for (const Buffer& base : {weights(2), Buffer(data.size())}) {
    const StoredForm form = choose_form(data, 4, older(base));
    EXPECT_EQ(form.encoding, Encoding::kZstd);
    EXPECT_FALSE(form.base);
    EXPECT_EQ(joined(form), joined(plain));
  }
  // By itself it is as small as a difference could be.
  const Buffer zeros(data.size());
  EXPECT_EQ(choose_form(zeros, 4, older(data)).encoding, Encoding::kZstd);
}

TEST(ChooseForm, AReorderedTensorIsAView) {
  const Buffer before = weights(1);
  const Buffer after = gathered(before, turned());
  FormCandidates candidates = older(before);
  EXPECT_EQ(choose_form(after, 4, candidates).encoding, Encoding::kZstd);
  candidates.reordered = order(before);
  const StoredForm form = choose_form(after, 4, candidates);
  EXPECT_EQ(form.encoding, Encoding::kView);
  EXPECT_EQ(form.base, kRoot);
  ASSERT_TRUE(form.view);
  EXPECT_EQ(form.view->axes, turned());
  EXPECT_EQ(decoded(form, after.size(), before), after);
}

TEST(ChooseForm, ADeltaComesBeforeAView) {
  const Buffer before = weights(1);
  const Buffer after = trained(before);
  FormCandidates candidates = older(before);
  candidates.reordered = order(before);
  EXPECT_EQ(choose_form(after, 4, candidates).encoding, Encoding::kDelta);
  EXPECT_EQ(choose_form(after, 4, {.reordered = order(before)}).encoding, Encoding::kZstd);
}

TEST(ChooseForm, AnotherOrderThatCannotBeReadIsNone) {
  class Damaged final : public ObjectFrames {
   public:
    using ObjectFrames::ObjectFrames;
    Bytes frame(std::size_t /*index*/, std::span<std::byte> /*room*/) const override {
      throw CorruptError("damaged object", "here");
    }
  };
  const Buffer data = weights(1);
  const auto damaged = std::make_shared<Damaged>(data.size());
  const StoredForm form =
      choose_form(data, 4, {.reordered = OtherOrder{{kRoot, {}}, damaged, kShape}});
  EXPECT_EQ(form.encoding, Encoding::kZstd);
  EXPECT_THROW(choose_form(data, 4, {.older = OlderVersion{kOlder, damaged}}), CorruptError);
}

TEST(ViewForm, IsComposedWithTheViewBelow) {
  const Buffer root = weights(1);
  std::vector<Gather> columns{{}, {}};
  for (std::size_t i = 0; i < kShape[1]; ++i)
    columns[1].push_back(static_cast<std::uint32_t>((i + 1) % kShape[1]));
  const Buffer middle = gathered(root, columns);
  const Buffer data = gathered(middle, turned());
  const StoredForm form = view_form(data, {kRoot, View{4, kShape, columns}}, {4, kShape, turned()});
  EXPECT_EQ(form.encoding, Encoding::kView);
  EXPECT_EQ(form.base, kRoot);
  EXPECT_EQ(decoded(form, data.size(), root), data);
  // A view of something else in between leads nowhere.
  const Shape other{kShape[1], kShape[0]};
  EXPECT_EQ(view_form(data, {kRoot, View{4, other, {{}, {}}}}, {4, kShape, turned()}).encoding,
            Encoding::kZstd);
}

TEST(ViewForm, IsPlainWhereThatIsSmaller) {
  const Shape line{1024};
  Gather shuffled(line[0]);
  std::iota(shuffled.begin(), shuffled.end(), 0U);
  std::shuffle(shuffled.begin(), shuffled.end(), std::mt19937_64(1));
  const View view{4, line, {shuffled}};
  const Buffer zeros(line[0] * 4);
  const StoredForm plain = view_form(zeros, {kRoot, {}}, view);
  EXPECT_EQ(plain.encoding, Encoding::kZstd);
  EXPECT_FALSE(plain.base);
  EXPECT_FALSE(plain.view);
  EXPECT_EQ(view_form(random_floats(line[0], 1), {kRoot, {}}, view).encoding, Encoding::kView);
}

TEST(SmallestForm, TakesAMoveOfLowRankWhereThatIsSmaller) {
  const Shape shape{128, 96};
  const Buffer before = random_floats(*element_count(shape), 1);
  Buffer after = before;
  std::vector<float> values(*element_count(shape));
  std::memcpy(values.data(), before.data(), before.size());
  for (std::size_t i = 0; i < shape[0]; ++i)
    for (std::size_t j = 0; j < shape[1]; ++j)
      values[i * shape[1] + j] +=
          0.01F * static_cast<float>(i % 13) * static_cast<float>(j % 7 + 1);
  std::memcpy(after.data(), values.data(), after.size());
  const TensorView tensor{DType::kF32, shape, after};
  const StoredForm moved = smallest_form(tensor, kOlder, before);
  EXPECT_EQ(moved.encoding, Encoding::kLowRank);
  EXPECT_EQ(moved.base, kOlder);
  EXPECT_EQ(moved.payload.size(), 1U);
  EXPECT_EQ(decoded(moved, after.size(), before), after);
  // A row of numbers has no rank, and words moved one by one none that is low.
  EXPECT_EQ(smallest_form({DType::kF32, {after.size() / 4}, after}, kOlder, before).encoding,
            Encoding::kDelta);
  const Buffer each = trained(before);
  EXPECT_EQ(smallest_form({DType::kF32, shape, each}, kOlder, before).encoding, Encoding::kDelta);
}

}  // namespace
}  // namespace mgit
