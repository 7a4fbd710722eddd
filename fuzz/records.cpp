// Records with sound checksums and any content, in a pack of a store: reading, listing, checking
// and rebuilding end with an answer or an Error. The same records as a stream into another store:
// all of them are taken in and right, or none is.
//
//   input = record*    record = encoding element base:u8 size:u16 length:u16 payload
//
// Large sizes come from the top bit of `element`. A raw record is named by the digest of its
// payload, so that others can build on it; every other one by its number.
#include <fstream>

#include "coding/checksum.h"
#include "fuzz.h"
#include "mgit/store.h"
#include "store/record.h"

namespace {

using namespace mgit;

constexpr std::size_t kMostRecords = 16;

RecordHeader header_of(fuzz::Input& input, const std::vector<Digest>& earlier) {
  RecordHeader header;
  header.encoding = static_cast<Encoding>(input.u8() % 6);
  const std::uint8_t element = input.u8();
  header.element_size = static_cast<std::uint8_t>(element & 0x1fU);
  if (const std::uint8_t base = input.u8(); header.encoding >= Encoding::kView)
    header.base = base < earlier.size() ? earlier[base] : sha256(as_bytes("another object"));
  header.size = (element & 0x80U) != 0 ? input.u64() : input.u16();
  return header;
}

std::vector<Digest> write_pack(fuzz::Input input, const std::filesystem::path& path) {
  std::vector<Digest> objects;
  std::ofstream pack(path, std::ios::binary);
  pack << kPackMagic;
  while (!input.empty() && objects.size() < kMostRecords) {
    RecordHeader header = header_of(input, objects);
    const Bytes payload = input.take(input.u16());
    header.payload = payload.size();
    if (header.encoding == Encoding::kRaw) header.size = payload.size();
    header.payload_sum = checksum(payload);
    header.object = header.encoding == Encoding::kRaw
                        ? sha256(payload)
                        : sha256(as_bytes("object " + std::to_string(objects.size())));
    objects.push_back(header.object);
    pack << as_text(encode_header(header)) << as_text(payload);
  }
  return objects;
}

void check_import(const std::filesystem::path& pack, const std::filesystem::path& directory) {
  std::ifstream file(pack, std::ios::binary);
  file.ignore(static_cast<std::streamsize>(kPackMagic.size()));
  Store store(directory);
  try {
    const auto batch = store.begin();
    batch->import_records([&](std::span<std::byte> out) {
      file.read(reinterpret_cast<char*>(out.data()), static_cast<std::streamsize>(out.size()));
      return static_cast<std::size_t>(file.gcount());
    });
    batch->commit();
  } catch (const Error&) {
    fuzz::require(store.list().empty(), "what was refused is not there");
  }
  for (const Digest& object : store.list())
    fuzz::require(sha256(store.read(object)) == object, "what was taken in is right");
}

template <typename Action>
void attempt(const Action& action) {
  try {
    action();
  } catch (const Error&) {
  }
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const fuzz::Scratch scratch;
  scratch.clear();
  std::filesystem::create_directories(scratch.path() / "packs");
  const std::vector<Digest> objects =
      write_pack(fuzz::Input(fuzz::bytes_of(data, size)), scratch.path() / "packs" / "fuzz.pack");
  const Store store(scratch.path());
  for (const Digest& object : objects) {
    attempt([&] { store.info(object); });
    attempt([&] {
      const Buffer content = store.read(object);
      fuzz::require(sha256(content) == object, "what is read is what was asked for");
    });
    attempt([&] { store.stream(object, [](Bytes) {}); });
  }
  attempt([&] { store.fsck(); });
  check_import(scratch.path() / "packs" / "fuzz.pack", scratch.path() / "imported");
  return 0;
}
