// Builds ZIP archives for tests, well-formed or not.
#pragma once

#include <zlib.h>

#include <string>
#include <vector>

#include "format/zip.h"

namespace mgit::testing {

/// One entry to write. What is true by default can be overridden to lie.
struct ZipPart {
  std::string name;
  std::string data;  // as it stands in the file
  std::uint16_t method = 0;
  std::uint64_t size = 0;  // unpacked; of `data` for 0
  std::uint32_t crc = 0;   // of `data` for 0
  int descriptor = 0;      // 0 none, -1 promised only, else its bytes: 12, 16, 20, 24
  std::size_t align = 0;   // pads the extra field as PyTorch does
  bool wide = false;       // sizes in a ZIP64 field
};

inline void put(std::string& out, std::uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) out += i < 8 ? static_cast<char>(value >> (8 * i) & 0xff) : '\0';
}

inline std::string deflated(const std::string& text) {
  std::string packed(text.size() + 100, '\0');
  z_stream stream{};
  deflateInit2(&stream, 9, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
  std::string copy = text;
  stream.next_in = reinterpret_cast<Bytef*>(copy.data());
  stream.avail_in = static_cast<uInt>(copy.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  deflate(&stream, Z_FINISH);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}

class ZipBuilder {
 public:
  explicit ZipBuilder(bool end64 = false) : end64_(end64) {}

  ZipBuilder& add(ZipPart part) {
    if (part.size == 0) part.size = part.data.size();
    if (part.crc == 0) part.crc = crc32_of(as_bytes(part.data));
    const std::size_t header = file_.size();
    local_header(part);
    file_ += part.data;
    descriptor(part);
    central(part, header);
    ++count_;
    return *this;
  }

  std::string finish(const std::string& comment = {}) const {
    std::string out = file_ + directory_;
    const std::size_t end = out.size();
    if (end64_) {
      put(out, 0x06064b50, 4);
      put(out, 44, 8);
      put(out, 0x001e001e, 4);
      put(out, 0, 8);
      put(out, count_, 8);
      put(out, count_, 8);
      put(out, directory_.size(), 8);
      put(out, file_.size(), 8);
      put(out, 0x07064b50, 4);
      put(out, 0, 4);
      put(out, end, 8);
      put(out, 1, 4);
    }
    put(out, 0x06054b50, 4);
    put(out, 0, 4);
    put(out, end64_ ? 0xffff : count_, 2);
    put(out, end64_ ? 0xffff : count_, 2);
    put(out, end64_ ? 0xffffffff : directory_.size(), 4);
    put(out, end64_ ? 0xffffffff : file_.size(), 4);
    put(out, comment.size(), 2);
    return out + comment;
  }

 private:
  void sizes(std::string& out, const ZipPart& part, bool here) const {
    put(out, here ? part.crc : 0, 4);
    put(out, part.wide ? 0xffffffff : here ? part.data.size() : 0, 4);
    put(out, part.wide ? 0xffffffff : here ? part.size : 0, 4);
  }

  void local_header(const ZipPart& part) {
    const bool here = part.descriptor == 0;
    std::string extra;
    if (part.wide) {
      put(extra, 1, 2);
      put(extra, 16, 2);
      put(extra, here ? part.size : 0, 8);
      put(extra, here ? part.data.size() : 0, 8);
    }
    if (part.align > 0) {
      const std::size_t start = file_.size() + 30 + part.name.size() + extra.size() + 4;
      const std::size_t padding = (part.align - start % part.align) % part.align;
      extra += "FB";
      put(extra, padding, 2);
      extra += std::string(padding, 'Z');
    }
    put(file_, 0x04034b50, 4);
    put(file_, 0, 2);
    put(file_, here ? 0 : 8, 2);
    put(file_, part.method, 2);
    put(file_, 0, 4);
    sizes(file_, part, here);
    put(file_, part.name.size(), 2);
    put(file_, extra.size(), 2);
    file_ += part.name + extra;
  }

  void descriptor(const ZipPart& part) {
    if (part.descriptor <= 0) return;
    if (part.descriptor == 16 || part.descriptor == 24) put(file_, 0x08074b50, 4);
    const int width = part.descriptor >= 20 ? 8 : 4;
    put(file_, part.crc, 4);
    put(file_, part.data.size(), width);
    put(file_, part.size, width);
  }

  void central(const ZipPart& part, std::size_t header) {
    put(directory_, 0x02014b50, 4);
    put(directory_, 0, 4);
    put(directory_, part.descriptor == 0 ? 0 : 8, 2);
    put(directory_, part.method, 2);
    put(directory_, 0, 4);
    sizes(directory_, part, true);
    put(directory_, part.name.size(), 2);
    put(directory_, part.wide ? 28 : 0, 2);
    put(directory_, 0, 10);
    put(directory_, part.wide ? 0xffffffff : header, 4);
    directory_ += part.name;
    if (!part.wide) return;
    put(directory_, 1, 2);
    put(directory_, 24, 2);
    put(directory_, part.size, 8);
    put(directory_, part.data.size(), 8);
    put(directory_, header, 8);
  }

  std::string file_;
  std::string directory_;
  std::size_t count_ = 0;
  bool end64_;
};

}  // namespace mgit::testing
