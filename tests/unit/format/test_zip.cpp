#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "zip_file.h"

namespace mgit {
namespace {

using testing::deflated;
using ::testing::HasSubstr;
using testing::put;
using testing::ZipBuilder;
using testing::ZipPart;

std::string zip_refusal(const std::string& file) {
  try {
    read_zip(as_bytes(file));
  } catch (const CorruptError& error) {
    return error.what();
  }
  return "accepted";
}

std::string data_of(const std::string& file, const ZipEntry& entry) {
  const Buffer data = unpack(as_bytes(file), entry, 1 << 20);
  return std::string(as_text(data));
}

std::uint32_t u32_at(const std::string& file, std::uint64_t at) {
  std::uint32_t value = 0;
  for (std::size_t i = 4; i-- > 0;)
    value = value << 8 | static_cast<unsigned char>(file.at(at + i));
  return value;
}

std::string poked(std::string file, std::uint64_t at, std::uint64_t value, int bytes) {
  std::string field;
  put(field, value, bytes);
  return file.replace(at, field.size(), field);
}

/// Every form of entry that this reader knows.
std::string all_forms() {
  const std::string long_text(5000, 'x');
  ZipBuilder builder;
  builder.add({.name = "plain", .data = "hello"});
  builder.add({.name = "empty", .data = ""});
  builder.add({.name = "aligned", .data = "0123456789abcdef", .descriptor = 16, .align = 64});
  builder.add({.name = "unmarked", .data = "u", .descriptor = 12});
  builder.add({.name = "wide", .data = "w", .descriptor = 24, .wide = true});
  builder.add({.name = "wide unmarked", .data = "wu", .descriptor = 20, .wide = true});
  builder.add({.name = "wide here", .data = "wh", .align = 64, .wide = true});
  builder.add({.name = "deflated",
               .data = deflated(long_text),
               .method = kZipDeflated,
               .size = long_text.size(),
               .crc = crc32_of(as_bytes(long_text))});
  return builder.finish("a comment");
}

TEST(Zip, ReadsEveryForm) {
  const std::string file = all_forms();
  ASSERT_TRUE(looks_like_zip(as_bytes(file)));
  const std::vector<ZipEntry> entries = read_zip(as_bytes(file));
  ASSERT_EQ(entries.size(), 8U);
  EXPECT_EQ(data_of(file, *find_entry(entries, "plain")), "hello");
  EXPECT_EQ(data_of(file, *find_entry(entries, "empty")), "");
  EXPECT_EQ(data_of(file, *find_entry(entries, "aligned")), "0123456789abcdef");
  EXPECT_EQ(data_of(file, *find_entry(entries, "unmarked")), "u");
  EXPECT_EQ(data_of(file, *find_entry(entries, "wide unmarked")), "wu");
  EXPECT_EQ(data_of(file, *find_entry(entries, "deflated")), std::string(5000, 'x'));
  EXPECT_EQ(find_entry(entries, "aligned")->offset % 64, 0U);
  EXPECT_EQ(find_entry(entries, "wide here")->offset % 64, 0U);
  EXPECT_EQ(find_entry(entries, "other"), nullptr);
  EXPECT_FALSE(find_entry(entries, "deflated")->stored());
}

TEST(Zip, SaysWhereEveryCrcStands) {
  const std::string file = all_forms();
  for (const ZipEntry& entry : read_zip(as_bytes(file))) {
    EXPECT_EQ(entry.crc_fields.size(), 2U) << entry.name;  // header or descriptor, and directory
    EXPECT_EQ(crc32_of(as_bytes(data_of(file, entry))), entry.crc) << entry.name;
    for (const std::uint64_t at : entry.crc_fields)
      EXPECT_EQ(u32_at(file, at), entry.crc) << entry.name;
  }
}

TEST(Zip, ReadsItsZip64End) {
  for (const int count : {0, 1, 3}) {
    ZipBuilder builder(true);
    for (int i = 0; i < count; ++i) builder.add({.name = std::to_string(i), .data = "data"});
    EXPECT_EQ(read_zip(as_bytes(builder.finish())).size(), static_cast<std::size_t>(count));
  }
}

TEST(Zip, RefusesLies) {
  const std::string file = ZipBuilder().add({.name = "a", .data = "hello"}).finish();
  const std::uint64_t directory = 30 + 1 + 5;
  const std::uint64_t end = directory + 46 + 1;
  EXPECT_EQ(zip_refusal(file), "accepted");
  EXPECT_THAT(zip_refusal(""), HasSubstr("no end of central directory"));
  EXPECT_THAT(zip_refusal(file + "x"), HasSubstr("no end of central directory"));
  EXPECT_THAT(zip_refusal(file.substr(1)), HasSubstr("out of place"));
  EXPECT_THAT(zip_refusal(poked(file, 30, 'b', 1)), HasSubstr("agree about its name"));
  EXPECT_THAT(zip_refusal(poked(file, 8, 8, 2)), HasSubstr("agree about its method"));
  EXPECT_THAT(zip_refusal(poked(file, 6, 8, 2)), HasSubstr("agree about its flags"));
  EXPECT_THAT(zip_refusal(poked(file, 14, 1, 4)), HasSubstr("agree about its CRC"));
  EXPECT_THAT(zip_refusal(poked(file, 18, 4, 4)), HasSubstr("agree about its size"));
  EXPECT_THAT(zip_refusal(poked(poked(file, 6, 1, 2), directory + 8, 1, 2)),
              HasSubstr("encrypted"));
  EXPECT_THAT(zip_refusal(poked(poked(file, 18, 4, 4), directory + 20, 4, 4)),
              HasSubstr("stored, but of two sizes"));
  EXPECT_THAT(zip_refusal(poked(file, directory + 42, 1, 4)), HasSubstr("no local header"));
  EXPECT_THAT(zip_refusal(poked(file, directory + 42, 0xfffffff0, 4)), HasSubstr("past the end"));
  EXPECT_THAT(zip_refusal(poked(file, directory + 28, 2, 2)), HasSubstr("truncated"));
  EXPECT_THAT(zip_refusal(poked(file, end + 8, 0xffff, 2)), HasSubstr("disks"));
  EXPECT_THAT(zip_refusal(poked(poked(file, end + 8, 0xffff, 2), end + 10, 0xffff, 2)),
              HasSubstr("too short for its entries"));
  EXPECT_THAT(zip_refusal(poked(poked(file, end + 8, 0, 2), end + 10, 0, 2)),
              HasSubstr("longer than its entries"));
  EXPECT_THAT(zip_refusal(poked(file, end + 16, 5, 4)), HasSubstr("out of place"));
}

TEST(Zip, RefusesWhatTwoReadersCouldReadDifferently) {
  EXPECT_THAT(
      zip_refusal(
          ZipBuilder().add({.name = "a", .data = "1"}).add({.name = "a", .data = "2"}).finish()),
      HasSubstr("two entries have the name a"));
  EXPECT_THAT(zip_refusal(ZipBuilder().add({.name = "a", .data = "x", .descriptor = -1}).finish()),
              HasSubstr("no data descriptor"));
  // The second entry points at the first one's header.
  const std::string two =
      ZipBuilder().add({.name = "a", .data = "1"}).add({.name = "a", .data = "1"}).finish();
  const std::uint64_t second = 2 * 32 + 47;
  EXPECT_THAT(zip_refusal(poked(poked(poked(two, 32 + 30, 'b', 1), second + 46, 'b', 1),
                                second + 42, 0, 4)),
              HasSubstr("name"));
}

TEST(Zip, RefusesOverlappingEntries) {
  // The data of the first entry is an archive's whole first entry.
  const std::string inner = ZipBuilder().add({.name = "b", .data = "1"}).finish().substr(0, 32);
  const std::string file =
      ZipBuilder().add({.name = "a", .data = inner}).add({.name = "b", .data = "1"}).finish();
  const std::uint64_t second = 31 + inner.size() + 32 + 47;
  EXPECT_EQ(zip_refusal(file), "accepted");
  EXPECT_THAT(zip_refusal(poked(file, second + 42, 31, 4)), HasSubstr("entries a and b overlap"));
}

TEST(Zip, BombsDoNotExplode) {
  const std::string packed = deflated(std::string(100000, '\0'));
  const auto entry_of = [](const ZipPart& part) {
    const std::string file = ZipBuilder().add(part).finish();
    return std::pair(file, read_zip(as_bytes(file)).front());
  };
  const auto refused = [](const std::pair<std::string, ZipEntry>& archive, std::uint64_t limit) {
    try {
      unpack(as_bytes(archive.first), archive.second, limit);
    } catch (const CorruptError& error) {
      return std::string(error.what());
    }
    return std::string("accepted");
  };
  ZipPart part{.name = "a", .data = packed, .method = kZipDeflated, .size = 100000};
  EXPECT_EQ(refused(entry_of(part), 100000), "accepted");
  EXPECT_THAT(refused(entry_of(part), 99999), HasSubstr("too many"));
  part.size = 99999;
  EXPECT_THAT(refused(entry_of(part), 1 << 20), HasSubstr("does not unpack"));
  part.size = 100001;
  EXPECT_THAT(refused(entry_of(part), 1 << 20), HasSubstr("does not unpack"));
  part.size = 0xfffffff0;
  EXPECT_THAT(refused(entry_of(part), ~std::uint64_t{0}), HasSubstr("cannot be true"));
  part.method = 12;
  EXPECT_THAT(refused(entry_of(part), ~std::uint64_t{0}), HasSubstr("method 12"));
}

TEST(Zip, SurvivesDamage) {
  const std::string file = all_forms();
  for (std::size_t length = 0; length < file.size(); ++length)
    EXPECT_NE(zip_refusal(file.substr(0, length)), "accepted") << length;
  std::mt19937 random(3);
  for (int round = 0; round < 20000; ++round) {
    std::string damaged = file;
    for (auto changes = 1 + random() % 3; changes > 0; --changes)
      damaged[random() % damaged.size()] = static_cast<char>(random());
    try {
      for (const ZipEntry& entry : read_zip(as_bytes(damaged))) {
        EXPECT_LE(entry.end, damaged.size());
        for (const std::uint64_t at : entry.crc_fields) EXPECT_LE(at + 4, damaged.size());
        unpack(as_bytes(damaged), entry, 1 << 16);
      }
    } catch (const CorruptError&) {
    }
  }
}

}  // namespace
}  // namespace mgit
