#include <gmock/gmock.h>

#include "remote/sftp_packets.h"

namespace mgit {
namespace {

using ::testing::ElementsAre;

/// The body of what is sent, as if it had been received.
Buffer body_of(const SftpRequest& request) {
  Buffer packet = request.packet(7);
  EXPECT_EQ(sftp_number(packet), packet.size() - 4);
  EXPECT_EQ(sftp_number(Bytes(packet).subspan(5)), 7U);
  packet.erase(packet.begin(), packet.begin() + 9);
  return packet;
}

TEST(SftpPackets, AreReadAsTheyAreWritten) {
  const SftpStatus status = parse_sftp_status(body_of(
      SftpRequest(SftpType::kStatus).number(kSftpNoSuchFile).text("No such file").text("en")));
  EXPECT_EQ(status.code, kSftpNoSuchFile);
  EXPECT_EQ(status.message, "No such file");
  EXPECT_EQ(parse_sftp_status(body_of(SftpRequest(SftpType::kStatus).number(kSftpEnd))).message,
            "");
  EXPECT_EQ(parse_sftp_handle(body_of(SftpRequest(SftpType::kHandle).text("h1"))), "h1");
  const Buffer data = body_of(SftpRequest(SftpType::kData).data(as_bytes("abc")));
  EXPECT_EQ(as_text(parse_sftp_data(data)), "abc");
  EXPECT_THAT(parse_sftp_extensions(body_of(
                  SftpRequest(SftpType::kVersion).text("a@b").text("1").text("c@d").text("2"))),
              ElementsAre("a@b", "c@d"));
}

TEST(SftpPackets, NamesComeWithWhateverAttributesAServerSends) {
  constexpr std::uint32_t kAll = 0x8000000f;
  const Buffer names = body_of(SftpRequest(SftpType::kName)
                                   .number(2)
                                   .text("a.pack")
                                   .text("-rw-r--r-- a.pack")
                                   .number(kAll)
                                   .long_number(std::uint64_t{5} << 32)
                                   .number(1)
                                   .number(2)
                                   .number(0644)
                                   .number(3)
                                   .number(4)
                                   .number(1)
                                   .text("more@server")
                                   .text("x")
                                   .text("b.idx")
                                   .text("")
                                   .number(0));
  const std::vector<SftpFile> files = parse_sftp_names(names);
  ASSERT_EQ(files.size(), 2U);
  EXPECT_EQ(files[0].name, "a.pack");
  EXPECT_EQ(files[0].size, std::uint64_t{5} << 32);
  EXPECT_EQ(files[1].name, "b.idx");
  EXPECT_EQ(files[1].size, 0U);
  for (std::size_t cut = 0; cut < names.size(); ++cut)
    EXPECT_THROW(parse_sftp_names(Bytes(names).first(cut)), CorruptError) << cut;
}

}  // namespace
}  // namespace mgit
