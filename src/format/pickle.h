// Python pickles, read without running anything.
//
// A pickle is a program for a stack machine that may call any function there is. This reader runs
// the stack, and where Python would call something it keeps the call as an inert node: what would
// be called, and with what. Protocols 2 to 5, as far as torch.save, copyreg and Python's own types
// need them (Lib/pickletools.py of CPython describes the opcodes).
//
// The nodes of a tree may be shared and, as in Python, even contain themselves. Values of one
// thread; texts point into the pickle's bytes, which must outlive them.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "mgit/base.h"

namespace mgit::pickle {

using NodeId = std::uint32_t;

struct Node {
  enum class Kind : std::uint8_t {
    kNone,
    kBool,        // integer: 0 or 1
    kInteger,     // integer
    kBigInteger,  // text: little-endian two's complement, more than 64 bits
    kFloat,       // integer: the bits of a double
    kText,        // text, UTF-8
    kBytes,       // text
    kTuple,       // items
    kList,        // items
    kSet,         // items
    kDict,        // items: key, value, key, value ..
    kGlobal,      // text: the module; name: what of it
    kCall,        // items: what is called, its arguments (a tuple); then see `given`
    kPersistent,  // items: the id
    kUnknown      // something this reader does not model: an extension code, a buffer
  };
  Kind kind = Kind::kNone;
  std::int64_t integer = 0;
  std::string_view text{};
  std::string_view name{};
  std::vector<NodeId> items{};
  // What it is given afterwards by SETITEM, APPEND and BUILD: key, value .. with the keys kAppended
  // and kState for those that have none. Dicts, lists and sets have theirs in `items`.
  std::vector<NodeId> given{};
};

constexpr NodeId kAppended = 0xffffffff;
constexpr NodeId kState = 0xfffffffe;

struct Pickle {
  std::vector<Node> nodes;
  NodeId root = 0;
  std::uint64_t length = 0;  // bytes up to and with its STOP

  const Node& operator[](NodeId id) const { return nodes[id]; }
};

/// Reads the pickle that `bytes` begins with. Throws CorruptError (without a place) for what is no
/// pickle, ends too early, has an opcode this reader does not know, or exceeds its limits.
Pickle read_pickle(Bytes bytes);

}  // namespace mgit::pickle
