// Both ends of mgit serve's protocol, on a pair of sockets.
#include <gmock/gmock.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>

#include "remote/messages.h"
#include "remote/serve.h"
#include "remote/served_store.h"
#include "support/support.h"

namespace mgit::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

ByteChannel channel_of(int socket) {
  return {[socket](std::span<std::byte> out) {
            const ssize_t count = ::recv(socket, out.data(), out.size(), 0);
            return count > 0 ? static_cast<std::size_t>(count) : 0;
          },
          [socket](Bytes bytes) {
            while (!bytes.empty()) {
              const ssize_t count = ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
              if (count < 0) return false;
              bytes = bytes.subspan(static_cast<std::size_t>(count));
            }
            return true;
          }};
}

/// A store "there", served; and the near end of the connection.
struct Served {
  Served() : Served([this] { return std::make_unique<Store>(directory.path() / "there"); }) {}
  explicit Served(std::function<std::unique_ptr<Store>()> open) {
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()), 0);
    server = std::thread([this, open = std::move(open)] {
      FrameChannel far(channel_of(ends[1]));
      well = serve(far, open);
      ::shutdown(ends[1], SHUT_RDWR);
    });
    channel = std::make_unique<FrameChannel>(channel_of(ends[0]));
  }
  ~Served() { end(); }
  void end() {
    if (!server.joinable()) return;
    ::shutdown(ends[0], SHUT_RDWR);
    server.join();
    for (const int file : ends) ::close(file);
  }
  Store there() const { return Store(directory.path() / "there"); }

  TemporaryDirectory directory;
  std::array<int, 2> ends{};
  std::unique_ptr<FrameChannel> channel;
  std::thread server;
  bool well = false;
};

Digest put(Store& store, Bytes data, std::optional<Digest> base = {}) {
  const auto batch = store.begin();
  const Digest object = batch->put(data, 4, {.base = base});
  batch->commit();
  return object;
}

/// A tensor and a version of it that is stored as a delta.
struct Versions {
  explicit Versions(const std::filesystem::path& directory) : store(directory) {
    first = put(store, random_floats(4096, 1));
    Buffer data = random_floats(4096, 1);
    for (std::size_t i = 0; i < data.size(); i += 4) data[i] ^= std::byte{1};
    second = put(store, data, first);
    EXPECT_EQ(store.info(second)->base, first);
  }
  Store store;
  Digest first;
  Digest second;
};

void ignore(std::uint64_t /*more*/) {}

TEST(Serve, QuestionsAndObjectsGoToAndFro) {
  Served served;
  ServedStore there(*served.channel, "there");
  const Versions here(served.directory.path() / "here");
  there.greet();
  there.keep(std::array{here.first});
  EXPECT_THAT(there.lacking(std::array{here.first, here.second}),
              ElementsAre(here.first, here.second));
  const TransferReport sent = there.send(here.store, std::array{here.first, here.second}, ignore);
  EXPECT_EQ(sent.objects, 2U);
  EXPECT_GT(sent.stored_bytes, here.store.info(here.first)->stored);
  EXPECT_THAT(there.lacking(std::array{here.first, Digest{}}), ElementsAre(Digest{}));
  const auto records = there.records_of(std::array{here.second});
  ASSERT_EQ(records.size(), 2U);
  EXPECT_EQ(records[0].object, here.first);
  EXPECT_EQ(records[1].base, here.first);
  EXPECT_EQ(records[1].stored, here.store.info(here.second)->stored);
  Store copy(served.directory.path() / "copy");
  const auto batch = copy.begin();
  std::uint64_t bytes = 0;
  EXPECT_EQ(there.get(std::array{here.first, here.second}, *batch,
                      [&](std::uint64_t more) { bytes += more; }),
            2U);
  batch->commit();
  EXPECT_EQ(bytes, records[0].stored + records[1].stored);
  EXPECT_EQ(copy.read(here.second), here.store.read(here.second));
  served.end();
  EXPECT_TRUE(served.well);
}

TEST(Serve, WhatIsWrongOverThereIsSaidHere) {
  Served served([]() -> std::unique_ptr<Store> {
    throw MissingError("there is no git repository", "x\ny.git", "make\x1b one");
  });
  ServedStore there(*served.channel, "ssh://host/x");
  there.greet();
  try {
    there.lacking(std::array{Digest{}});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.where(), "ssh://host/x");
    EXPECT_STREQ(error.what(), "x y.git: there is no git repository");
    EXPECT_EQ(error.hint(), "make  one");
  }
}

TEST(Serve, NothingIsVisibleOfWhatIsCutOff) {
  for (const std::size_t length : {0U, 1U, 150U, 5000U}) {
    Served served;
    const Versions here(served.directory.path() / "here");
    FrameChannel& channel = *served.channel;
    channel.receive_raw(kGreeting.size());
    channel.send(FrameType::kSend);
    std::string stream;
    here.store.export_records(std::array{here.first, here.second},
                              [&](Bytes piece) { stream += as_text(piece); });
    channel.send(FrameType::kStream, as_bytes(stream).first(length));
    channel.flush();
    served.end();
    EXPECT_FALSE(served.well);
    EXPECT_THAT(served.there().list(), IsEmpty());
    const std::filesystem::path packs = served.directory.path() / "there" / "packs";
    EXPECT_TRUE(!std::filesystem::exists(packs) || std::filesystem::is_empty(packs));
  }
}

TEST(Serve, ASenderIsToldWhyWhileItSends) {
  Served served;
  Versions here(served.directory.path() / "here");
  ServedStore there(*served.channel, "there");
  there.greet();
  try {
    there.send(here.store, std::array{here.second}, ignore);  // without its base
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("coded against is not here"));
  }
}

/// What a server says that is none, or is out of order.
std::string failure_of(std::string_view bytes,
                       const std::function<void(ServedStore&, Store::Batch&)>& ask) {
  const TemporaryDirectory directory;
  FrameChannel channel({[bytes](std::span<std::byte> out) mutable {
                          const std::size_t count = std::min(out.size(), bytes.size());
                          std::copy_n(as_bytes(bytes).begin(), count, out.begin());
                          bytes.remove_prefix(count);
                          return count;
                        },
                        [](Bytes) { return true; }});
  ServedStore there(channel, "there");
  Store store(directory.path());
  const auto batch = store.begin();
  try {
    ask(there, *batch);
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(Serve, AnswersOfStrangersAreRefused) {
  const auto greet = [](ServedStore& there, Store::Batch&) { there.greet(); };
  EXPECT_THAT(failure_of("", greet), HasSubstr("ended too early"));
  EXPECT_THAT(failure_of("Welcome to our machine", greet), HasSubstr("not mgit serve"));
  EXPECT_THAT(failure_of("mgit serve 2\n", greet), HasSubstr("another version"));
  EXPECT_EQ(failure_of("mgit serve 1\n", greet), "no error");

  const auto ask = [](ServedStore& there, Store::Batch&) { there.lacking(std::array{Digest{}}); };
  const auto get = [](ServedStore& there, Store::Batch& batch) {
    there.get(std::array{Digest{}}, batch, ignore);
  };
  const auto plan = [](ServedStore& there, Store::Batch&) {
    there.records_of(std::array{Digest{}});
  };
  const auto frame = [](char type, std::string_view payload) {
    std::string text{type};
    for (int i = 0; i < 4; ++i) text += static_cast<char>(payload.size() >> (8 * i) & 0xff);
    return text + std::string(payload);
  };
  EXPECT_EQ(failure_of(frame('b', std::string(1, '\0')), ask), "no error");
  EXPECT_NE(failure_of(frame('b', ""), ask), "no error");
  EXPECT_NE(failure_of(frame('b', "ab"), ask), "no error");
  EXPECT_NE(failure_of(frame('e', ""), ask), "no error");
  EXPECT_NE(failure_of(frame('?', ""), ask), "no error");
  EXPECT_NE(failure_of(std::string("b\xff\xff\xff\xff", 5), ask), "no error");
  EXPECT_NE(failure_of(frame('b', "a").substr(0, 5), ask), "no error");
  EXPECT_NE(failure_of(frame('x', "no error"), ask), "no error");
  EXPECT_EQ(failure_of(frame('e', ""), plan), "no error");
  EXPECT_NE(failure_of(frame('t', "short") + frame('e', ""), plan), "no error");
  EXPECT_EQ(failure_of(frame('e', ""), get), "no error");
  EXPECT_NE(failure_of(frame('r', "no record") + frame('e', ""), get), "no error");
  EXPECT_NE(failure_of(frame('r', ""), get), "no error");
}

TEST(Messages, BitsChooseObjects) {
  std::vector<Digest> all(19);
  for (std::size_t i = 0; i < all.size(); ++i) all[i].bytes[0] = static_cast<std::uint8_t>(i);
  const std::vector<Digest> some{all[0], all[7], all[8], all[18]};
  EXPECT_EQ(chosen_by(bits_of(all, some), all), some);
  EXPECT_THROW(chosen_by(Buffer(2), all), CorruptError);
}

}  // namespace
}  // namespace mgit::testing
