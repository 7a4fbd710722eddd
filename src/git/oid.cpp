#include "base/hex.h"
#include "mgit/git.h"

namespace mgit {

std::string Oid::hex() const { return hex_text(bytes); }

std::optional<Oid> Oid::from_hex(std::string_view hex) {
  Oid id;
  return parse_hex(hex, id.bytes) ? std::optional(id) : std::nullopt;
}

}  // namespace mgit
