#include "model/data_seen.h"

#include <gtest/gtest.h>

namespace mgit::testing {
namespace {

const std::string kSpokenOf = "model.safetensors";

TEST(DataSeen, ACountOfSamplesOrTokens) {
  EXPECT_EQ(parse_data_seen(" samples  20000 "), (DataSeen{"samples", 20000}));
  EXPECT_EQ(parse_data_seen("tokens 1000000000000000"), (DataSeen{"tokens", 1000000000000000}));
}

TEST(DataSeen, NothingElse) {
  for (const char* claim :
       {"", "samples", "20000", "samples 0", "samples -5", "samples +5", "samples 1.5",
        "samples 1e9", "samples nan", "samples 0x10", "samples 1000000000000001",
        "samples 99999999999999999999999", "samples 5 more", "epochs 5", "Samples 5"})
    EXPECT_EQ(parse_data_seen(claim), std::nullopt) << claim;
}

TEST(DataSeen, TheLastLineThatSpeaksOfTheModel) {
  const auto claim = [](const std::string& trailers) {
    const auto found = data_claim("Train\n\n" + trailers, kSpokenOf);
    return found ? parse_data_seen(*found) : std::nullopt;
  };
  EXPECT_EQ(claim("Mgit-Trained: samples 5\n"), (DataSeen{"samples", 5}));
  EXPECT_EQ(claim("Mgit-Trained: samples 5 model model.safetensors\n"), (DataSeen{"samples", 5}));
  EXPECT_EQ(claim("Mgit-Trained: samples 5 model other.safetensors\n"), std::nullopt);
  EXPECT_EQ(claim("Mgit-Trained: samples 5\nMgit-Trained: samples 6\nSigned-off-by: A <a@b.c>\n"),
            (DataSeen{"samples", 6}));
  EXPECT_EQ(claim("Mgit-Trained: samples 5 model \"not closed\n"), std::nullopt);
  EXPECT_EQ(data_claim("Mgit-Trained: samples 5\n", kSpokenOf), std::nullopt) << "a title";
}

}  // namespace
}  // namespace mgit::testing
