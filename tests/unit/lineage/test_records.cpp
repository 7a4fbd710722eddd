#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "lineage/records.h"

namespace mgit {
namespace {

const std::string kOid(40, 'a');
const std::string kDigest(64, 'b');

EvaluationRecord evaluation() {
  EvaluationRecord record;
  record.commit = *Oid::from_hex(kOid);
  record.path = "model.safetensors";
  record.checkpoint = *Digest::from_hex(kDigest);
  record.data_name = "evaluation \"set\"";
  record.loss_name = "cross_entropy";
  record.result = {0.1, 2.0 / 3.0, 10'000};
  record.recorded = 1'700'000'000;
  return record;
}

TEST(Records, DoublesComeBackExactly) {
  for (const double value :
       {0.1, 1e-300, 5e-324, 1.0 / 3.0, 123456789.12345678, -0.0, 1.7976931348623157e308}) {
    EvaluationRecord record = evaluation();
    record.result.loss = value;
    const auto back = parse_evaluation(record.commit, evaluation_line(record));
    ASSERT_TRUE(back);
    EXPECT_EQ(std::signbit(back->result.loss), std::signbit(value));
    EXPECT_EQ(back->result.loss, value);
    EXPECT_EQ(back->result.accuracy, record.result.accuracy);
    EXPECT_EQ(back->result.samples, 10'000U);
    EXPECT_EQ(back->data_name, record.data_name);
    EXPECT_EQ(back->checkpoint, record.checkpoint);
    EXPECT_EQ(back->recorded, record.recorded);
  }
}

TEST(Records, DivergedNetworks) {
  EvaluationRecord record = evaluation();
  record.result.loss = std::numeric_limits<double>::quiet_NaN();
  record.result.accuracy.reset();
  auto back = parse_evaluation(record.commit, evaluation_line(record));
  ASSERT_TRUE(back);
  EXPECT_TRUE(std::isnan(back->result.loss));
  EXPECT_FALSE(back->result.accuracy);
  record.result.loss = -std::numeric_limits<double>::infinity();
  back = parse_evaluation(record.commit, evaluation_line(record));
  EXPECT_EQ(back->result.loss, record.result.loss);
}

TEST(Records, NotesThatPeopleWrote) {
  const std::string line = evaluation_line(evaluation());
  const auto records =
      parse_evaluations(Oid(), "looks good\n\n" + line +
                                   "\n[1]\n{\"loss\":\n{}\n{\"loss\":1,\"samples\":-3}\n" + line);
  ASSERT_EQ(records.size(), 3U);
  EXPECT_EQ(records[0].result.loss, 0.1);
  EXPECT_EQ(records[1].result.loss, 1);
  EXPECT_EQ(records[2].result.loss, 0.1);
}

}  // namespace
}  // namespace mgit
