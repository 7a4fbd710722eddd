#include "coding/context_coder.h"

#include <algorithm>
#include <array>
#include <numeric>

#include "coding/frames.h"
#include "coding/rans.h"

namespace mgit {
namespace {

constexpr std::size_t kContexts = 256;
constexpr std::size_t kMostClasses = 16;
/// A class has this share of all symbols, and so many, or its distribution is not worth its bytes.
constexpr std::uint32_t kSmallestShare = 128;
constexpr std::uint32_t kSmallestClass = 1024;

/// The first context of each class.
using Classes = std::vector<std::uint8_t>;

Classes classes_of(const std::array<std::uint32_t, kContexts>& totals, std::uint32_t smallest) {
  Classes firsts{0};
  std::uint32_t taken = 0;
  auto left = std::accumulate(totals.begin(), totals.end(), 0U);
  for (std::size_t context = 0; context < kContexts; ++context) {
    if (taken >= smallest && left >= smallest) {
      firsts.push_back(static_cast<std::uint8_t>(context));
      taken = 0;
    }
    taken += totals[context];
    left -= totals[context];
  }
  return firsts.size() > kMostClasses ? classes_of(totals, 2 * smallest) : firsts;
}

std::array<std::uint8_t, kContexts> class_of_each(const Classes& firsts) {
  std::array<std::uint8_t, kContexts> class_of{};
  for (std::size_t i = 0; i < firsts.size(); ++i)
    std::fill(class_of.begin() + firsts[i], class_of.end(), static_cast<std::uint8_t>(i));
  return class_of;
}

/// How often each symbol occurs in each context.
class Histogram {
 public:
  Histogram(Bytes contexts, Bytes symbols) : room_(kContexts * sizeof(rans::Counts)) {
    counts_ = reinterpret_cast<rans::Counts*>(room_.bytes().data());
    std::fill_n(counts_, kContexts, rans::Counts{});
    for (std::size_t i = 0; i < symbols.size(); ++i)
      ++counts_[static_cast<std::size_t>(contexts[i])][static_cast<std::size_t>(symbols[i])];
  }

  std::array<std::uint32_t, kContexts> totals() const {
    std::array<std::uint32_t, kContexts> totals;
    std::transform(counts_, counts_ + kContexts, totals.begin(), [](const rans::Counts& counts) {
      return std::accumulate(counts.begin(), counts.end(), 0U);
    });
    return totals;
  }

  /// Of contexts from `first` to before `last` together.
  rans::Counts sum(std::size_t first, std::size_t last) const {
    rans::Counts sum{};
    for (; first < last; ++first)
      std::transform(sum.begin(), sum.end(), counts_[first].begin(), sum.begin(), std::plus<>());
    return sum;
  }

 private:
  Scratch room_;
  rans::Counts* counts_;
};

}  // namespace

void encode_given(Bytes contexts, Bytes symbols, Buffer& out) {
  const Histogram histogram(contexts, symbols);
  const auto count = static_cast<std::uint32_t>(symbols.size());
  const Classes firsts =
      classes_of(histogram.totals(), std::max(count / kSmallestShare, kSmallestClass));
  out.push_back(static_cast<std::byte>(firsts.size()));
  for (std::size_t i = 1; i < firsts.size(); ++i) out.push_back(static_cast<std::byte>(firsts[i]));
  rans::Model model{{}, class_of_each(firsts)};
  for (std::size_t i = 0; i < firsts.size(); ++i) {
    const std::size_t last = i + 1 < firsts.size() ? firsts[i + 1] : kContexts;
    model.distributions.push_back(rans::frequencies_of(histogram.sum(firsts[i], last)));
    rans::put_frequencies(model.distributions.back(), out);
  }
  rans::encode(contexts, symbols, model, out);
}

void decode_given(Bytes contexts, Bytes code, std::span<std::byte> symbols) {
  wire::Reader reader(code);
  const std::size_t count = reader.u8();
  if (count == 0 || count > kMostClasses) throw wire::Malformed("an impossible number of classes");
  Classes firsts{0};
  while (firsts.size() < count) {
    firsts.push_back(reader.u8());
    if (firsts.back() <= *(firsts.end() - 2)) throw wire::Malformed("classes out of order");
  }
  rans::Model model{{}, class_of_each(firsts)};
  while (model.distributions.size() < count)
    model.distributions.push_back(rans::take_frequencies(reader));
  rans::decode(contexts, reader.rest(), model, symbols);
}

}  // namespace mgit
