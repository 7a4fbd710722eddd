// Indexes of packs, what to fetch by them, and what servers say.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "remote/lfs_batch.h"
#include "remote/lfs_endpoint.h"
#include "remote/pack_index.h"
#include "remote/s3_answers.h"

namespace mgit {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

Digest digest(unsigned number) {
  Digest result;
  result.bytes[31] = static_cast<std::uint8_t>(number);
  return result;
}

PackedRecord record(unsigned object, std::uint64_t offset, std::uint64_t bytes, unsigned base = 0) {
  PackedRecord result{digest(object), offset, bytes, std::nullopt};
  if (base != 0) result.base = digest(base);
  return result;
}

TEST(PackIndex, ComesBackAsItWas) {
  const std::vector<ListedPack> packs{{"a.pack", 1000, {record(1, 12, 100), record(2, 112, 50, 1)}},
                                      {"b", 12, {}}};
  const std::string text = pack_index_text(packs);
  EXPECT_EQ(pack_index_text(parse_pack_index(text, "x")), text);
  EXPECT_EQ(parse_pack_index(text, "x")[0].records[1].base, digest(1));
}

TEST(PackIndex, NothingElseIsBelieved) {
  const std::string one = digest(1).hex();
  const std::string head = "mgit pack-index 1\n";
  for (const std::string& text :
       {std::string(), std::string("mgit pack-index 2\n"), head + "pack a", head + "pack a 5 6\n",
        head + "pack ../a 50\n", head + "pack .a 50\n", head + "pack a -5\n", head + "pack a 05\n",
        head + one + " 0 1\n", head + "pack a 50\n" + one + "\n",
        head + "pack a 50\n" + one + " 12 39\n", head + "pack a 50\n" + one + " 60 1\n",
        head + "pack a 50\n" + one + " 12 0\n",
        head + "pack a 50\n" + one + " 12 18446744073709551615\n",
        head + "pack a 50\n" + one + " 12 10\n" + one + " 15 10\n",
        head + "pack a 50\n" + one + " 12 10 zz\n", head + "pack a 50\n" + one + " 12 10 \n"})
    EXPECT_THROW(parse_pack_index(text, "x"), CorruptError) << text;
}

TEST(PackTables, TakeTheShortestChainAndNoCycle) {
  const PackTable table({{"a", 1000, {record(1, 12, 10, 2), record(2, 22, 10, 1)}},
                         {"b", 1000, {record(2, 12, 10), record(3, 22, 10, 9)}}});
  ASSERT_NE(table.find(digest(1)), nullptr);
  EXPECT_EQ(table.find(digest(1))->chain, 1U);
  EXPECT_EQ(table.find(digest(2))->chain, 0U);
  EXPECT_EQ(table.find(digest(2))->pack, 1U);
  EXPECT_EQ(table.find(digest(3)), nullptr);  // its base is nowhere
}

TEST(PackTables, PlansBasesFirstAndNeighboursTogether) {
  const PackTable table(
      {{"a",
        10'000'000,
        {record(1, 12, 100), record(2, 112, 100, 4), record(3, 1112, 100), record(6, 900'000, 5)}},
       {"b", 1000, {record(4, 12, 50), record(5, 62, 50)}}});
  const auto nothing = [](const Digest&) { return false; };
  const std::vector<Digest> wanted{digest(6), digest(3), digest(2), digest(1), digest(5)};
  const auto segments = plan_segments(table, wanted, nothing, 1 << 20);
  ASSERT_EQ(segments.size(), 5U);
  EXPECT_EQ(segments[0].offset, 12U);                                          // 1
  EXPECT_EQ(segments[1].pack, 1U);                                             // 4, which 2 needs
  EXPECT_THAT(segments[2].parts, ElementsAre(Pair(0, 100), Pair(1000, 100)));  // 2 and 3
  EXPECT_EQ(segments[3].offset, 900'000U);
  EXPECT_EQ(segments[4].size, 50U);
  const auto with_base = plan_segments(
      table, wanted, [](const Digest& object) { return object == digest(4); }, 1 << 20);
  ASSERT_EQ(with_base.size(), 3U);
  EXPECT_THAT(with_base[0].parts, ElementsAre(Pair(0, 200), Pair(1100, 100)));
}

TEST(LfsBatch, AsksAndUnderstands) {
  const std::vector<ListedPack> packs{{"ab", 5}};
  EXPECT_EQ(lfs_batch_request(LfsOperation::kUpload, packs),
            R"({"operation":"upload","transfers":["basic"],"objects":[{"oid":"ab","size":5}],)"
            R"("hash_algo":"sha256"})");
  const auto answer = parse_lfs_batch(
      R"({"transfer":"basic","objects":[{"oid":"ab","size":5,"actions":{"upload":{"href":)"
      R"("https://h/x","header":{"Authorization":"t","Evil":"a\r\nb"},"expires_in":9},)"
      R"("verify":{"href":"ftp://h/x"}}},{"oid":"cd","error":{"code":404,"message":"gone"}}]})");
  ASSERT_TRUE(answer);
  ASSERT_EQ(answer->size(), 2U);
  EXPECT_EQ((*answer)[0].upload->href, "https://h/x");
  EXPECT_THAT((*answer)[0].upload->headers, ElementsAre(Pair("Authorization", "t")));
  EXPECT_FALSE((*answer)[0].verify);
  EXPECT_EQ((*answer)[1].error, 404);
  EXPECT_EQ((*answer)[1].message, "gone");
  for (const char* other : {"", "<html>", "{}", "{\"objects\":5}", "[]"})
    EXPECT_FALSE(parse_lfs_batch(other)) << other;
}

TEST(LfsLogin, NamesAServer) {
  const auto server = parse_lfs_action(
      R"({"href":"https://h/lfs","header":{"Authorization":"RemoteAuth x"},"expires_in":600})");
  ASSERT_TRUE(server);
  EXPECT_EQ(server->href, "https://h/lfs");
  EXPECT_THAT(server->headers, ElementsAre(Pair("Authorization", "RemoteAuth x")));
  for (const char* other : {"", "welcome", "[]", "{}", R"({"href":"file:///etc/passwd"})"})
    EXPECT_FALSE(parse_lfs_action(other)) << other;
}

TEST(LfsEndpoints, FollowTheUrlOfTheRemote) {
  EXPECT_EQ(lfs_url_of("https://h/a/b"), "https://h/a/b.git/info/lfs");
  EXPECT_EQ(lfs_url_of("https://me:x@h/a/b.git/"), "https://h/a/b.git/info/lfs");
  EXPECT_EQ(lfs_url_of("host:a/b"), "");
  EXPECT_EQ(lfs_url_of("/a/b"), "");
}

TEST(S3Answers, AreRead) {
  const auto listing = parse_s3_listing(
      "<?xml version=\"1.0\"?><ListBucketResult xmlns=\"x\"><Name>b</Name><Contents><Key>a&amp;b"
      "</Key><Size>12</Size></Contents><Contents><Key>c</Key><Size>0</Size></Contents>"
      "<NextContinuationToken>more</NextContinuationToken></ListBucketResult>");
  ASSERT_TRUE(listing);
  ASSERT_EQ(listing->entries.size(), 2U);
  EXPECT_EQ(listing->entries[0].key, "a&b");
  EXPECT_EQ(listing->entries[0].size, 12U);
  EXPECT_EQ(listing->next, "more");
  EXPECT_FALSE(parse_s3_listing("<Error><Code>NoSuchBucket</Code></Error>"));
  EXPECT_FALSE(parse_s3_listing("<ListBucketResult><Contents><Size>1</Size></Contents>"));
  EXPECT_EQ(s3_completion({"\"e\""}),
            "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>&quot;e&quot;</ETag>"
            "</Part></CompleteMultipartUpload>");
}

}  // namespace
}  // namespace mgit
