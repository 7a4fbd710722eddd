// What torch.save writes since 1.6: the archive, or the pickle in a sound archive.
//
//   input = 0 archive | 1 pickle
#include "format/torch.h"

#include <fmt/format.h>

#include <string>

#include "checkpoint_checks.h"
#include "format/zip_layout.h"
#include "fuzz.h"

namespace {

using namespace mgit;

/// An archive of stored entries; readers of headers do not look at CRCs.
class Archive {
 public:
  void add(const std::string& name, std::string_view data) {
    const std::string sizes = number(0, 4) + number(data.size(), 4) + number(data.size(), 4) +
                              number(name.size(), 2) + number(0, 2);
    const std::string method = number(0, 2) + number(0, 2) + number(0, 4);
    directory_ += number(0x02014b50, 4) + number(0, 2) + number(0, 2) + method + sizes +
                  number(0, 2) + number(0, 2) + number(0, 2) + number(0, 4) +
                  number(file_.size(), 4) + name;
    file_ += number(0x04034b50, 4) + number(0, 2) + method + sizes + name;
    file_ += data;
    ++entries_;
  }
  std::string text() const {
    return file_ + directory_ + number(0x06054b50, 4) + number(0, 4) + number(entries_, 2) +
           number(entries_, 2) + number(directory_.size(), 4) + number(file_.size(), 4) +
           number(0, 2);
  }

 private:
  static std::string number(std::uint64_t value, int bytes) {
    std::string text;
    for (int i = 0; i < bytes; ++i) text += static_cast<char>(value >> (8 * i) & 0xffU);
    return text;
  }

  std::string file_;
  std::string directory_;
  std::size_t entries_ = 0;
};

/// With storages 0 to 9 of the sizes that small networks have.
std::string archive_of(std::string_view pickle) {
  Archive archive;
  archive.add("net/data.pkl", pickle);
  for (std::size_t i = 0; i < 10; ++i)
    archive.add(fmt::format("net/data/{}", i), std::string(std::size_t{8} << (i / 2), 'x'));
  archive.add("net/version", "3\n");
  return archive.text();
}

void check(Bytes file) {
  try {
    const auto parsed = parse_torch(file, read_zip(file));
    if (!parsed) return;
    fuzz::check_parsed(file, *parsed);
    without_crcs(make_layout(file, *parsed), file.size());
  } catch (const Error&) {
  }
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(fuzz::bytes_of(data, size));
  if (input.u8() % 2 == 0)
    check(input.rest());
  else
    check(as_bytes(archive_of(as_text(input.rest()))));
  return 0;
}
