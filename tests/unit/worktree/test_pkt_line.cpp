// git's packet format, and the filter process against hostile input.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <functional>
#include <system_error>
#include <vector>

#include "base/os.h"
#include "worktree/filter_process.h"
#include "worktree/pkt_line.h"

namespace mgit {
namespace {

/// Both ends of a pipe, large enough for these tests' input.
struct Pipe {
  Pipe() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw Error("pipe");
    ::fcntl(ends[1], F_SETPIPE_SZ, 1 << 20);
    read = os::File(ends[0]);
    write = os::File(ends[1]);
  }
  os::File read;
  os::File write;
};

/// A pipe that holds this text and then ends.
Pipe pipe_with(std::string_view text) {
  Pipe pipe;
  os::write_all(pipe.write, as_bytes(text), "pipe");
  pipe.write.close();
  return pipe;
}

TEST(PacketReader, ReadsLinesUpToTheFlush) {
  const Pipe pipe = pipe_with("000ecommand=ok0009abcde0008xyz\n0000");
  PacketReader reader(pipe.read.fd());
  EXPECT_THAT(reader.lines().value(), ::testing::ElementsAre("command=ok", "abcde", "xyz"));
  EXPECT_FALSE(reader.lines().has_value());
}

TEST(PacketReader, RefusesMalformedPackets) {
  for (const std::string_view text : {"00", "zzzz", "0001", "0003", "ffff", "0010short", "00FFx"}) {
    const Pipe pipe = pipe_with(text);
    PacketReader reader(pipe.read.fd());
    std::string_view payload;
    EXPECT_THROW(reader.next(payload), Error) << text;
  }
}

TEST(PacketWriter, CutsLongContentAndReadsBack) {
  const std::string content(200'000, 'x');
  Pipe pipe;
  PacketWriter writer(pipe.write.fd());
  writer.data(as_bytes(content));
  writer.line("status=success");
  writer.flush();
  pipe.write.close();
  PacketReader reader(pipe.read.fd());
  std::string got;
  std::string_view payload;
  while (reader.next(payload) == PacketReader::Kind::kData) got += payload;
  EXPECT_EQ(got, content + "status=success\n");
}

TEST(FilterProcess, RefusesAnotherProtocol) {
  const Pipe in = pipe_with("0015git-other-client\n000eversion=2\n0000");
  Pipe out;
  const auto no_repository = []() -> Workspace { throw Error("not needed"); };
  EXPECT_THROW(serve_filter(in.read.fd(), out.write.fd(), no_repository), Error);
}

TEST(FilterProcess, ServesOnAfterAFileItCannotFilter) {
  const std::string handshake =
      "0016git-filter-client\n000eversion=2\n00000015capability=clean\n0000";
  const std::string unknown = "0012command=dance\n000fpathname=a\n00000008data0000";
  const std::string plain = "0013command=smudge\n000fpathname=b\n00000009hello0000";
  const Pipe in = pipe_with(handshake + unknown + plain);
  Pipe out;
  serve_filter(in.read.fd(), out.write.fd(), []() -> Workspace { throw Error("not needed"); });
  out.write.close();
  std::string answers;
  std::array<char, 4096> chunk{};
  for (ssize_t n = 0; (n = ::read(out.read.fd(), chunk.data(), chunk.size())) > 0;)
    answers.append(chunk.data(), static_cast<std::size_t>(n));
  EXPECT_THAT(answers, ::testing::HasSubstr("0011status=error\n0000"));
  EXPECT_THAT(answers, ::testing::EndsWith("0013status=success\n00000009hello00000000"));
}

/// Not every library throws what is ours.
TEST(FilterProcess, AnswersEveryExceptionWithAnError) {
  const std::string handshake =
      "0016git-filter-client\n000eversion=2\n00000015capability=clean\n0000";
  const std::string file = "0012command=clean\n000fpathname=a\n00000008data0000";
  const std::vector<std::function<void()>> failures{
      [] {
        throw std::system_error(std::make_error_code(std::errc::resource_unavailable_try_again));
      },
      [] {
        throw std::filesystem::filesystem_error("no",
                                                std::error_code(EIO, std::generic_category()));
      },
      [] { throw std::bad_alloc(); },
      [] { throw std::length_error("too long"); },
  };
  for (const auto& failure : failures) {
    const Pipe in = pipe_with(handshake + file + file);
    Pipe out;
    serve_filter(in.read.fd(), out.write.fd(), [&failure]() -> Workspace {
      failure();
      throw Error("unreachable");
    });
    out.write.close();
    std::array<char, 4096> chunk{};
    const ssize_t n = ::read(out.read.fd(), chunk.data(), chunk.size());
    EXPECT_THAT(std::string(chunk.data(), static_cast<std::size_t>(n)),
                ::testing::EndsWith("0011status=error\n00000011status=error\n0000"));
  }
}

}  // namespace
}  // namespace mgit
