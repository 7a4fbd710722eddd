#include "model/operation_record.h"

#include <gmock/gmock.h>

#include <chrono>
#include <random>

#include "unit/git/sandbox.h"

namespace mgit::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const std::string kOid(40, 'a');
const std::string kDigest(64, 'b');

OperationRecord in_note(std::string_view note) { return parse_operation(note_trailers(note)); }

OperationRecord in_message(std::string_view message) {
  return parse_operation(operation_trailers(message));
}

TEST(OperationRecord, Rebase) {
  const auto record =
      in_note("Mgit-Rebase: onto " + kOid + " method weights seed 7\nMgit-Permutation: " + kDigest +
              "\nMgit-Spec: " + kDigest + " proof family\nMgit-Origin: " + kOid)
          .rebase;
  ASSERT_TRUE(record);
  EXPECT_EQ(record->onto->hex(), kOid);
  EXPECT_EQ(record->origin->hex(), kOid);
  EXPECT_EQ(record->method, "weights");
  EXPECT_EQ(record->seed, "7");
  EXPECT_EQ(record->permutation->hex(), kDigest);
  ASSERT_EQ(record->specs.size(), 1U);
  EXPECT_EQ(record->specs[0].proof, "family");
}

TEST(OperationRecord, WhatIsNotUnderstoodIsLeftOut) {
  EXPECT_TRUE(in_note("Mgit-Origin: " + kOid).empty());
  const auto record = in_note("Mgit-Rebase: onto nowhere\nMgit-Spec: x").rebase;
  ASSERT_TRUE(record);
  EXPECT_FALSE(record->onto);
  EXPECT_TRUE(record->specs.empty());
  EXPECT_TRUE(in_message("no trailers\n\nMgit- nothing").empty());
  EXPECT_TRUE(in_note("Mgit-Merge: strategy mean model \"not closed").empty());
}

TEST(OperationRecord, ValuesMayBeSpelledAsKeysAre) {
  for (const char* value : {"method seed seed 0", "onto method seed", "method  seed 0"}) {
    const OperationRecord record = in_note(std::string("Mgit-Rebase: ") + value);
    EXPECT_EQ(in_note(note_text(record)), record) << value;
  }
  for (const char* value :
       {"strategy weights weights 1 strategy 2", "weights strategy", "strategy"}) {
    const OperationRecord record = in_note(std::string("Mgit-Merge: ") + value + " model m");
    EXPECT_EQ(in_note(note_text(record)), record) << value;
  }
  EXPECT_EQ(in_note("Mgit-Rebase: onto x method a seed 1\nMgit- none\n").rebase->seed, "1");
}

TEST(OperationRecord, AnOriginIsAFullName) {
  for (const char* revision : {"HEAD", "main", "aaaaaaa", "HEAD~1", ":/Train", "", "-x"})
    EXPECT_FALSE(
        in_note(std::string("Mgit-Rebase: onto x\nMgit-Origin: ") + revision).rebase->origin)
        << revision;
}

TEST(OperationRecord, MergesOfSeveralModels) {
  const auto record = in_message(
      "Merge\n\nMgit-Merge: strategy mean weights 0.5 0.5 model a b.safetensors\n"
      "Mgit-Base: none model a b.safetensors\n"
      "Mgit-Merge-Permutation: " +
      kDigest + " parent 3 model a b.safetensors\nMgit-Merge-Spec: " + kDigest +
      " proof family\nMgit-Merge: strategy mean weights 2 1 model c.safetensors\nMgit-Base: " +
      kOid + " model c.safetensors\nSigned-off-by: A\n");
  ASSERT_EQ(record.merges.size(), 2U);
  const MergeRecord& first = record.merges[0];
  EXPECT_EQ(first.model, "a b.safetensors");
  EXPECT_EQ(first.weights, "0.5 0.5");
  EXPECT_EQ(first.base, "none");
  ASSERT_EQ(first.permutations.size(), 1U);
  EXPECT_EQ(first.permutations[0].parent, 3U);
  EXPECT_EQ(first.permutations[0].method, "");  // as older records have it
  ASSERT_EQ(first.specs.size(), 1U);  // of the permutation above it: older records name no model
  EXPECT_EQ(record.merges[1].weights, "2 1");
  EXPECT_EQ(record.merges[1].base, kOid);
  EXPECT_EQ(record.merge_of("c.safetensors"), &record.merges[1]);
  EXPECT_EQ(record.merge_of("d.safetensors"), nullptr);
}

TEST(OperationRecord, MergeWithoutModelIsOfAnyModel) {
  const auto record = in_note("Mgit-Merge: strategy mean weights 1 3\nMgit-Base: none\n");
  ASSERT_EQ(record.merges.size(), 1U);
  EXPECT_EQ(record.merges[0].model, "");
  EXPECT_EQ(record.merges[0].weights, "1 3");
  EXPECT_EQ(record.merges[0].base, "none");
  EXPECT_EQ(record.merge_of("any"), &record.merges[0]);
}

/// Notes of two clones are joined line by line, sorted; an amended commit's are put together.
TEST(OperationRecord, JoinedNotes) {
  OperationRecord record;
  record.merges.push_back({"m",
                           "mean",
                           "0.5 0.5",
                           "combined 4 parent-2 1",
                           kOid,
                           {{*Digest::from_hex(kDigest), 2}},
                           {}});
  std::vector<std::string> lines;
  std::istringstream text(note_text(record));
  for (std::string line; std::getline(text, line);) lines.push_back(line + "\n");
  std::sort(lines.begin(), lines.end());
  std::string sorted;
  for (const std::string& line : lines) sorted += line;
  EXPECT_EQ(in_note(sorted), record);
  EXPECT_EQ(in_note("\n" + note_text(record)), record);
  const auto twice = in_note(note_text(record) + "\n" + note_text(record));
  ASSERT_EQ(twice.merges.size(), 1U);
  EXPECT_EQ(twice.merges[0].base, kOid);
}

std::string random_path(std::mt19937_64& random) {
  static const std::vector<std::string> kPieces{"a", " ", "\n", "\"", "model ",   "\\",  "\t",
                                                "é", "/", "#",  ":",  " model x", "\xff"};
  std::string path = "m";
  for (std::size_t i = random() % 6; i > 0; --i) path += kPieces[random() % kPieces.size()];
  return path + ".safetensors";
}

template <typename Name>
Name random_name(std::mt19937_64& random) {
  Name name;
  for (auto& byte : name.bytes) byte = static_cast<std::uint8_t>(random());
  return name;
}

OperationRecord random_record(std::mt19937_64& random) {
  OperationRecord record;
  const auto odds = [&] { return random() % 2 == 0; };
  const auto specs = [&](std::vector<SpecRecord>& list) {
    for (std::size_t i = random() % 3; i > 0; --i)
      list.push_back({random_name<Digest>(random), odds() ? "family" : ""});
  };
  if (odds()) {
    RebaseRecord& rebase = record.rebase.emplace();
    if (odds()) rebase.onto = random_name<Oid>(random);
    if (odds()) rebase.origin = random_name<Oid>(random);
    if (odds()) rebase.method = "weights";
    if (odds()) rebase.seed = std::to_string(random());
    if (odds()) rebase.weighting = "norm";
    if (odds()) rebase.order = "forward";
    if (odds()) rebase.permutation = random_name<Digest>(random);
    specs(rebase.specs);
  }
  for (std::size_t i = random() % 4; i > 0; --i) {
    MergeRecord merge;
    merge.model = odds() ? random_path(random) : "";
    if (record.merge_of(merge.model) != nullptr || (merge.model.empty() && !record.merges.empty()))
      continue;
    if (odds()) merge.strategy = "mean";
    if (odds()) merge.weights = "0.25 0.75";
    if (odds()) merge.tensors = "combined 4 parent-1 2";
    if (odds()) merge.repair = "norm-variance 9";
    if (odds()) merge.base = odds() ? "none" : random_name<Oid>(random).hex();
    for (std::size_t j = random() % 3; j > 0; --j)
      merge.permutations.push_back({random_name<Digest>(random), 2 + random() % 5,
                                    odds() ? std::string("weights") : std::string(),
                                    odds() ? std::string("norm") : std::string()});
    specs(merge.specs);
    record.merges.push_back(merge);
    if (merge.model.empty()) break;
  }
  for (std::size_t i = random() % 3; i > 0; --i) {
    RepairRecord repair{odds() ? random_path(random) : "", "least-squares 9 batch-norm-reset 9"};
    if (record.repair_of(repair.model) != nullptr ||
        (repair.model.empty() && !record.repairs.empty()))
      continue;
    if (odds()) repair.data = random_name<Digest>(random);
    if (repair.data && odds()) repair.samples = std::to_string(random() % 10000);
    if (odds()) repair.graph = random_name<Digest>(random);
    record.repairs.push_back(repair);
    if (repair.model.empty()) break;
  }
  return record;
}

TEST(OperationRecord, WritingAndReadingAreInverse) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 2000; ++i) {
    const OperationRecord record = random_record(random);
    EXPECT_EQ(in_note(note_text(record)), record) << note_text(record);
    EXPECT_EQ(in_message(with_trailers("Subject\n\nBody\n", trailers_for(record))), record);
  }
}

TEST(OperationRecord, ReadsAnythingInLinearTime) {
  std::string message = "Subject\n\n";
  for (int i = 0; i < 100'000; ++i)
    message += fmt::format("Mgit-Merge: strategy mean model m{0}\nMgit-Base: none model m{0}\n", i);
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(in_message(message).merges.size(), 100'000U);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(10));
}

TEST(WithRebase, ReplacesARebaseAndKeepsTheRest) {
  RebaseRecord rebase;
  rebase.method = "weights";
  rebase.origin = Oid::from_hex(kOid);
  const std::string message =
      "S\n\nMgit-Merge: strategy mean weights 1 1 model m\nMgit-Rebase: onto x\n"
      "Mgit-Origin: " +
      std::string(40, 'c') + "\nSigned-off-by: A\n";
  EXPECT_EQ(with_rebase(message, {rebase, in_message(message).merges}),
            "S\n\nMgit-Merge: strategy mean weights 1 1 model m\nSigned-off-by: A\n"
            "Mgit-Rebase: method weights\nMgit-Origin: " +
                kOid + "\n");
  EXPECT_EQ(with_rebase("S\n", {rebase, in_message(message).merges}),
            "S\n\nMgit-Merge: strategy mean weights 1 1 model m\nMgit-Rebase: method weights\n"
            "Mgit-Origin: " +
                kOid + "\n");
}

TEST(ObjectsNamedBy, AlsoOfUnknownRecords) {
  EXPECT_THAT(objects_named_by({{"Mgit-Future-Spec", "x " + kDigest}, {"Mgit-Origin", kDigest}}),
              ElementsAre(*Digest::from_hex(kDigest)));
  EXPECT_THAT(objects_named_by({{"Other-Spec", kDigest}}), IsEmpty());
}

class OperationNotes : public ::testing::Test {
 protected:
  OperationRecord of(const Oid& commit) const {
    const Repository repository = sandbox_.open();
    return OperationReader(repository).of(repository.commit(commit));
  }

  GitSandbox sandbox_;
};

TEST_F(OperationNotes, StandInForTheMessageAndNeverOverruleIt) {
  const std::string rebase = "Mgit-Rebase: onto " + kOid + " method weights seed ";
  const Oid edited = sandbox_.commit("Edited");
  const Oid whole = sandbox_.commit("Whole\n\n" + rebase + "1");
  const Repository repository = sandbox_.open();
  const OperationRecord other = in_note(rebase + "2");
  write_operation_notes(repository, {{edited, other}, {whole, other}});
  EXPECT_EQ(of(edited).rebase->seed, "2");
  EXPECT_EQ(of(whole).rebase->seed, "1");
}

TEST_F(OperationNotes, AreWrittenAtOnceAndBesideOthers) {
  const Oid first = sandbox_.commit("one");
  const Oid second = sandbox_.commit("two");
  Repository repository = sandbox_.open();
  const OperationRecord record = in_note("Mgit-Rebase: onto x method a seed 1");
  write_operation_notes(repository, {{first, record}});
  write_operation_notes(repository, {{second, record}});
  write_operation_notes(repository, {});
  EXPECT_EQ(repository.notes(kOperationNotes).size(), 2U);
  EXPECT_EQ(sandbox_.git({"rev-list", "--count", kOperationNotes}), "2");
  EXPECT_THAT(sandbox_.git({"notes", "--ref", kOperationNotes, "show", first.hex()}),
              HasSubstr("Mgit-Rebase: method a seed 1"));
}

TEST_F(OperationNotes, MirrorWhatTheMessageSays) {
  const Oid commit = sandbox_.commit("S\n\nMgit-Merge: strategy mean weights 1 1 model m");
  const Oid plain = sandbox_.commit("S");
  Repository repository = sandbox_.open();
  mirror_operation(repository, commit);
  mirror_operation(repository, plain);
  EXPECT_EQ(repository.note(kOperationNotes, commit),
            "Mgit-Merge: strategy mean weights 1 1 model m\n");
  EXPECT_FALSE(repository.note(kOperationNotes, plain));
}

TEST_F(OperationNotes, ManyAreReadAtOnce) {
  const Repository repository = sandbox_.open();
  std::vector<std::pair<Oid, OperationRecord>> records;
  for (int i = 0; i < 150; ++i)
    records.emplace_back(sandbox_.commit("c" + std::to_string(i)),
                         in_note("Mgit-Rebase: onto x method a seed " + std::to_string(i)));
  write_operation_notes(repository, records);
  OperationReader reader(repository);
  for (const auto& [commit, record] : records)
    EXPECT_EQ(reader.of(repository.commit(commit)), record);
}

}  // namespace
}  // namespace mgit::testing
