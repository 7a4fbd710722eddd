// A pack of unknown origin: the scan goes through all of it and believes only what lies inside.
#include <fstream>

#include "fuzz.h"
#include "mgit/store.h"
#include "store/record.h"

namespace {

using namespace mgit;

void check_scan(Bytes pack) {
  std::uint64_t end = 0;
  for (const ScannedRecord& record : scan_pack(pack).records) {
    fuzz::require(record.offset >= end, "records do not overlap");
    fuzz::require(
        record.offset <= pack.size() && record.header.record_size() <= pack.size() - record.offset,
        "a record lies in its pack");
    end = record.offset + record.header.record_size();
    fuzz::require(decode_header(encode_header(record.header)).has_value(),
                  "a header comes back from its encoding");
  }
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  check_scan(fuzz::bytes_of(data, size));
  return 0;
}
