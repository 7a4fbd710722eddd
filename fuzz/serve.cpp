// Either end of the protocol of mgit serve against a stranger: it ends with answers or an Error,
// and what was taken in is what its name says.
//
//   input = side:u8 bytes      odd: bytes are the answers to our questions; even: questions to us
#include "remote/serve.h"

#include <array>
#include <cstring>

#include "fuzz.h"
#include "remote/messages.h"
#include "remote/served_store.h"

namespace {

using namespace mgit;

ByteChannel channel_of(Bytes bytes) {
  return {[bytes](std::span<std::byte> out) mutable {
            const std::size_t count = std::min(out.size(), bytes.size());
            if (count > 0) std::memcpy(out.data(), bytes.data(), count);
            bytes = bytes.subspan(count);
            return count;
          },
          [](Bytes) { return true; }};
}

const Digest kOne = sha256(as_bytes("one"));
const Digest kTwo = sha256(as_bytes("two"));

void ask(FrameChannel& channel, Store& store) {
  const std::array objects{kOne, kTwo};
  const auto ignore = [](std::uint64_t) {};
  ServedStore there(channel, "there");
  for (const Digest& absent : there.lacking(objects))
    fuzz::require(absent == kOne || absent == kTwo, "nobody asked about it");
  there.records_of(objects);
  const auto batch = store.begin();
  there.get(objects, *batch, ignore);
  batch->commit();
  there.send(store, std::array{kOne}, ignore);
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const fuzz::Scratch scratch;
  scratch.clear();
  {
    Store store(scratch.path());
    const auto batch = store.begin();
    batch->put(as_bytes("one"), 1);
    batch->commit();
  }
  fuzz::Input input(fuzz::bytes_of(data, size));
  const bool asks = input.u8() % 2 == 1;
  FrameChannel channel(channel_of(input.rest()));
  Store store(scratch.path());
  if (asks) {
    try {
      ask(channel, store);
    } catch (const Error&) {
    }
  } else {
    serve(channel, [&] { return std::make_unique<Store>(scratch.path()); });
  }
  for (const Digest& object : store.list())
    fuzz::require(sha256(store.read(object)) == object, "what is there is right");
  return 0;
}
