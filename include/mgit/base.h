// What every room needs: errors that end a command, bytes, digests.
//
// Everything here is a value type; nothing is shared between threads.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace mgit {

using Bytes = std::span<const std::byte>;
using Buffer = std::vector<std::byte>;

inline Bytes as_bytes(std::string_view text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}
inline std::string_view as_text(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// An error that ends the command. `cli` turns it into "fatal: <where>: <what>" on stderr, one
/// line, then "hint: <hint>" where there is one. Expected outcomes are return values, never an
/// Error.
class Error : public std::runtime_error {
 public:
  /// `what`: lower case, no full stop. `where`: a file, revision or tensor; may be empty.
  /// `hint`: what the user can do about it; may be empty.
  explicit Error(const std::string& what, std::string where = {}, std::string hint = {})
      : std::runtime_error(what), where_(std::move(where)), hint_(std::move(hint)) {}

  const std::string& where() const { return where_; }
  const std::string& hint() const { return hint_; }
  /// 128 as git's fatal errors; 129 for usage; 1 for a conflict or a difference.
  virtual int exit_code() const { return 128; }

 private:
  std::string where_;
  std::string hint_;
};

/// The command line makes no sense.
class UsageError : public Error {
 public:
  using Error::Error;
  int exit_code() const override { return 129; }
};

/// Models or files that a person has to reconcile.
class ConflictError : public Error {
 public:
  using Error::Error;
  int exit_code() const override { return 1; }
};

/// Stored bytes that are not what their name or their format says.
class CorruptError : public Error {
 public:
  using Error::Error;
};

/// Something named is not there: an object, a revision, a tensor.
class MissingError : public Error {
 public:
  using Error::Error;
};

/// A SHA-256. Orders and hashes by its bytes.
struct Digest {
  std::array<std::uint8_t, 32> bytes{};

  std::string hex() const;
  static std::optional<Digest> from_hex(std::string_view hex);
  auto operator<=>(const Digest&) const = default;
};

Digest sha256(Bytes data);

/// Incremental SHA-256 through OpenSSL (SHA-NI where the processor has it).
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;
  void update(Bytes data);
  /// Ends the computation; the object may not be used afterwards.
  Digest finish();

 private:
  void* context_;
};

}  // namespace mgit

template <>
struct std::hash<mgit::Digest> {
  std::size_t operator()(const mgit::Digest& digest) const noexcept {
    std::size_t value = 0;
    for (int i = 0; i < 8; ++i) value = value << 8 | digest.bytes[static_cast<std::size_t>(i)];
    return value;
  }
};
