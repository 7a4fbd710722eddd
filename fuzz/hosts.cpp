// What hosts of packs answer, and the files that name keys and passwords: read from whatever stands
// there.
#include "fuzz.h"
#include "net/aws_credentials.h"
#include "net/credentials.h"
#include "net/retry.h"
#include "remote/lfs_batch.h"
#include "remote/pack_index.h"
#include "remote/s3_answers.h"
#include "remote/sftp_packets.h"

namespace {

using namespace mgit;

void plan_everything(const PackTable& table) {
  std::vector<Digest> objects;
  for (const ListedPack& pack : table.packs())
    for (const PackedRecord& record : pack.records)
      if (table.find(record.object) != nullptr) objects.push_back(record.object);
  for (const PackSegment& segment : plan_segments(
           table, objects, [](const Digest&) { return false; }, 1 << 20)) {
    const ListedPack& pack = table.packs()[segment.pack];
    fuzz::require(segment.offset <= pack.size && segment.size <= pack.size - segment.offset,
                  "a segment lies inside its pack");
    std::uint64_t end = 0;
    for (const auto& [begin, size] : segment.parts) {
      fuzz::require(begin >= end && size <= segment.size && begin <= segment.size - size,
                    "parts follow each other inside their segment");
      end = begin + size;
    }
  }
}

void read_index(std::string_view text) {
  std::vector<ListedPack> packs;
  try {
    packs = parse_pack_index(text, "fuzz");
  } catch (const CorruptError&) {
    return;
  }
  fuzz::require(pack_index_text(packs) == text, "an index is written as it was read");
  plan_everything(PackTable(std::move(packs)));
}

void read_sftp(Bytes body) {
  const auto attempt = [](const auto& parse) {
    try {
      parse();
    } catch (const CorruptError&) {
    }
  };
  attempt([&] { sftp_number(body); });
  attempt([&] { parse_sftp_status(body); });
  attempt([&] { parse_sftp_handle(body); });
  attempt([&] { parse_sftp_data(body); });
  attempt([&] { parse_sftp_names(body); });
  attempt([&] { parse_sftp_extensions(body); });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  read_index(text);
  parse_lfs_batch(text);
  parse_lfs_action(text);
  parse_s3_listing(text);
  netrc_entry(text, "host");
  aws_sections(text);
  retry_after(text, {});
  read_sftp(as_bytes(text));
  if (const auto url = Url::parse(text))
    fuzz::require(Url::parse(url->text()).has_value(), "a URL is one when it is written again");
  return 0;
}
