#include "remote/serve.h"

#include <unistd.h>

#include <cerrno>
#include <utility>

#include "base/wire.h"
#include "mgit/remote.h"
#include "remote/messages.h"

namespace mgit {
namespace {

class Server {
 public:
  Server(FrameChannel& channel, Store& store) : channel_(channel), store_(store) {}

  void run() {
    while (const auto frame = channel_.receive()) {
      if (frame->type == FrameType::kObjects)
        add_objects(*frame, objects_);
      else
        answer(frame->type);
    }
  }

 private:
  void answer(FrameType request) {
    const std::vector<Digest> objects = std::exchange(objects_, {});
    switch (request) {
      case FrameType::kKeep:
        return store_.freshen(objects);
      case FrameType::kLacking:
        return channel_.send(FrameType::kBits, bits_of(objects, store_.lacking(objects)));
      case FrameType::kRecordsOf:
        channel_.send_long(FrameType::kRecords, encode_records(store_.records_of(objects)));
        return channel_.send(FrameType::kEnd);
      case FrameType::kGet:
        return give(objects);
      case FrameType::kSend:
        return take();
      default:
        throw CorruptError("what arrived is not mgit's protocol");
    }
  }

  void give(const std::vector<Digest>& objects) {
    RecordSink sink(channel_);
    store_.export_records(objects, [&](Bytes piece) { sink.write(piece); });
    sink.finish();
  }

  void take() {
    const auto batch = store_.begin();
    const std::uint64_t objects = batch->import_records(record_source(channel_, "the other side"));
    const std::uint64_t stored = batch->stored();
    batch->commit();
    Buffer report;
    wire::put_u64(report, objects);
    wire::put_u64(report, stored);
    channel_.send(FrameType::kDone, report);
  }

  FrameChannel& channel_;
  Store& store_;
  std::vector<Digest> objects_;
};

/// Whoever git does not trust as an owner is refused here, too.
std::unique_ptr<Store> open_store(const std::string& directory) {
  const auto store = store_behind(directory, std::filesystem::current_path());
  if (!store) throw MissingError("there is no git repository", directory);
  const Repository repository = Repository::discover(store->parent_path());
  return std::make_unique<Store>(repository.mgit_dir());
}

std::size_t read_some(int file, std::span<std::byte> out) {
  ssize_t count = 0;
  do {
    count = ::read(file, out.data(), out.size());
  } while (count < 0 && errno == EINTR);
  return count > 0 ? static_cast<std::size_t>(count) : 0;
}

bool write_all(int file, Bytes bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(file, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return false;
    bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
  return true;
}

}  // namespace

bool serve(FrameChannel& channel, const std::function<std::unique_ptr<Store>()>& open) {
  try {
    channel.send_raw(as_bytes(kGreeting));
    channel.flush();
    const auto store = open();
    Server(channel, *store).run();
    return true;
  } catch (const ConnectionLost&) {
    return false;  // nobody is there to be told
  } catch (const Error& error) {
    try {
      channel.send(FrameType::kError, encode_error(error));
      channel.flush();
    } catch (const ConnectionLost&) {
      return false;
    }
  }
  return false;
}

int serve_repository(int input, int output, const std::string& directory) {
  FrameChannel channel({[input](std::span<std::byte> out) { return read_some(input, out); },
                        [output](Bytes bytes) { return write_all(output, bytes); }});
  const bool well = serve(channel, [&] { return open_store(directory); });
  return well ? 0 : 1;
}

}  // namespace mgit
