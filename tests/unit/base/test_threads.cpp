#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>
#include <thread>
#include <vector>

#include "base/threads.h"

namespace mgit {
namespace {

TEST(ParallelFor, DoesEverythingOnceAgainAndAgain) {
  for (int round = 0; round < 200; ++round) {
    std::vector<std::atomic<int>> done(97);
    parallel_for(done.size(), [&](std::size_t i) { ++done[i]; });
    for (const auto& count : done) ASSERT_EQ(count, 1);
  }
}

TEST(ParallelFor, ServesSeveralCallersAndNests) {
  std::atomic<int> sum{0};
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 4; ++caller)
    callers.emplace_back([&] {
      for (int round = 0; round < 50; ++round)
        parallel_for(8, [&](std::size_t) { parallel_for(3, [&](std::size_t) { ++sum; }); });
    });
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(sum, 4 * 50 * 8 * 3);
}

TEST(ParallelFor, RethrowsTheFailureOfTheLowestIndex) {
  try {
    parallel_for(50, [](std::size_t i) {
      if (i % 10 == 7) throw std::runtime_error(std::to_string(i));
    });
    FAIL();
  } catch (const std::runtime_error& error) {
    EXPECT_STREQ(error.what(), "7");
  }
}

TEST(OrderedFor, FinishesInOrderWithinItsSlots) {
  for (const std::size_t slots : {std::size_t{1}, std::size_t{2}, std::size_t{5}}) {
    std::vector<std::size_t> content(slots);
    std::vector<std::atomic<bool>> taken(slots);
    std::vector<std::size_t> finished;
    ordered_for(
        300, slots,
        [&](std::size_t i, std::size_t slot) {
          ASSERT_FALSE(taken[slot].exchange(true)) << "a slot is used twice at a time";
          content[slot] = i;
        },
        [&](std::size_t i, std::size_t slot) {
          EXPECT_EQ(content[slot], i);
          finished.push_back(i);
          taken[slot] = false;
        });
    ASSERT_EQ(finished.size(), 300u);
    for (std::size_t i = 0; i < finished.size(); ++i) EXPECT_EQ(finished[i], i);
  }
}

TEST(OrderedFor, EndsWhenEitherStageFails) {
  const auto nothing = [](std::size_t, std::size_t) {};
  const auto fails = [](std::size_t i, std::size_t) {
    if (i == 20) throw std::runtime_error("twenty");
  };
  EXPECT_THROW(ordered_for(1000, 4, fails, nothing), std::runtime_error);
  std::size_t last = 0;
  EXPECT_THROW(ordered_for(1000, 4, nothing,
                           [&](std::size_t i, std::size_t slot) {
                             last = i;
                             fails(i, slot);
                           }),
               std::runtime_error);
  EXPECT_EQ(last, 20u);
}

}  // namespace
}  // namespace mgit
