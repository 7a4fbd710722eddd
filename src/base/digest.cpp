#include <openssl/evp.h>

#include "base/hex.h"
#include "mgit/base.h"

namespace mgit {

std::string Digest::hex() const { return hex_text(bytes); }

std::optional<Digest> Digest::from_hex(std::string_view hex) {
  // Manifests name an object in one way only.
  if (hex.find_first_of("ABCDEF") != std::string_view::npos) return std::nullopt;
  Digest digest;
  return parse_hex(hex, digest.bytes) ? std::optional(digest) : std::nullopt;
}

Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
  // Fetched once: looking an algorithm up by name takes longer than hashing a small tensor.
  static EVP_MD* const algorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  if (context_ == nullptr || algorithm == nullptr ||
      EVP_DigestInit_ex2(static_cast<EVP_MD_CTX*>(context_), algorithm, nullptr) != 1)
    throw Error("OpenSSL offers no SHA-256");
}

Sha256::~Sha256() { EVP_MD_CTX_free(static_cast<EVP_MD_CTX*>(context_)); }

void Sha256::update(Bytes data) {
  if (EVP_DigestUpdate(static_cast<EVP_MD_CTX*>(context_), data.data(), data.size()) != 1)
    throw Error("SHA-256 failed");
}

Digest Sha256::finish() {
  Digest digest;
  if (EVP_DigestFinal_ex(static_cast<EVP_MD_CTX*>(context_), digest.bytes.data(), nullptr) != 1)
    throw Error("SHA-256 failed");
  return digest;
}

Digest sha256(Bytes data) {
  Sha256 hash;
  hash.update(data);
  return hash.finish();
}

}  // namespace mgit
