#include "format/pickle.h"

#include <unordered_map>

#include <fmt/format.h>

#include "base/wire.h"

namespace mgit::pickle {
namespace {

using Kind = Node::Kind;

/// Every opcode makes at most one node or memo entry of about a hundred bytes. A training state of
/// ten thousand tensors has half a million.
constexpr std::size_t kMaximumNodes = 2'000'000;
constexpr std::size_t kMaximumMarks = 10'000;
constexpr std::size_t kMaximumLine = 4096;

[[noreturn]] void broken(const std::string& reason) {
  throw CorruptError("broken pickle: " + reason);
}

class Machine {
 public:
  explicit Machine(Bytes bytes) : reader_(bytes), size_(bytes.size()) {}

  Pickle run() {
    try {
      if (reader_.u8() != 0x80) broken("it does not begin with a protocol");
      if (const auto protocol = reader_.u8(); protocol < 2 || protocol > 5)
        broken(fmt::format("protocol {}", protocol));
      while (step(static_cast<char>(reader_.u8()))) continue;
    } catch (const wire::Malformed&) {
      broken("it ends too early");
    }
    if (stack_.size() != 1 || !marks_.empty()) broken("its end leaves more than one value");
    result_.root = stack_.back();
    result_.length = size_ - reader_.rest().size();
    return std::move(result_);
  }

 private:
  // The opcodes have their letters of pickletools. False for STOP.
  bool step(char opcode) {
    switch (opcode) {
      case '.':
        return false;
      case '\x95':  // FRAME: a hint for buffering
        reader_.take(8);
        return true;
      case '(':
        if (marks_.size() >= kMaximumMarks) broken("nested too deeply");
        marks_.push_back(stack_.size());
        return true;
      case '0':
        if (!marks_.empty() && marks_.back() == stack_.size())
          marks_.pop_back();
        else
          pop();
        return true;
      case '1':
        take_marked();
        return true;
      case '2':
        stack_.push_back(top());
        return true;
      default:
        if (!scalar(opcode) && !container(opcode) && !memo(opcode) && !object(opcode))
          broken(fmt::format("unknown opcode {:#04x} at byte {}",
                             static_cast<unsigned char>(opcode),
                             size_ - reader_.rest().size() - 1));
        return true;
    }
  }

  bool scalar(char opcode) {
    switch (opcode) {
      case 'N':
        push({.kind = Kind::kNone});
        return true;
      case '\x88':
        integer(1, Kind::kBool);
        return true;
      case '\x89':
        integer(0, Kind::kBool);
        return true;
      case 'K':
        integer(reader_.u8());
        return true;
      case 'M':
        integer(static_cast<std::int64_t>(length(2)));
        return true;
      case 'J':
        integer(static_cast<std::int32_t>(reader_.u32()));
        return true;
      case '\x8a':
        long_integer(reader_.take(reader_.u8()));
        return true;
      case '\x8b':
        long_integer(reader_.take(reader_.u32()));
        return true;
      case 'G':
        reader_.take(8);
        push({.kind = Kind::kFloat});
        return true;
      default:
        return text(opcode);
    }
  }

  bool text(char opcode) {
    switch (opcode) {
      case 'X':
        return text(Kind::kText, reader_.u32());
      case '\x8c':
        return text(Kind::kText, reader_.u8());
      case '\x8d':
        return text(Kind::kText, reader_.u64());
      case 'T':  // Python 2's str
        return text(Kind::kText, reader_.u32());
      case 'U':
        return text(Kind::kText, reader_.u8());
      case 'B':
        return text(Kind::kBytes, reader_.u32());
      case 'C':
        return text(Kind::kBytes, reader_.u8());
      case '\x8e':
      case '\x96':  // BYTEARRAY8
        return text(Kind::kBytes, reader_.u64());
      default:
        return false;
    }
  }

  bool container(char opcode) {
    switch (opcode) {
      case ')':
        push({.kind = Kind::kTuple});
        return true;
      case ']':
        push({.kind = Kind::kList});
        return true;
      case '}':
        push({.kind = Kind::kDict});
        return true;
      case '\x8f':
        push({.kind = Kind::kSet});
        return true;
      case '\x85':
      case '\x86':
      case '\x87':
        push({.kind = Kind::kTuple, .items = take(static_cast<std::size_t>(opcode - '\x84'))});
        return true;
      case 't':
        push({.kind = Kind::kTuple, .items = take_marked()});
        return true;
      case 'l':
        push({.kind = Kind::kList, .items = take_marked()});
        return true;
      case 'd':
        push({.kind = Kind::kDict, .items = pairs(take_marked())});
        return true;
      case '\x91':  // FROZENSET
        push({.kind = Kind::kSet, .items = take_marked()});
        return true;
      case 'a':
        append(take(1));
        return true;
      case 'e':
      case '\x90':  // ADDITEMS
        append(take_marked());
        return true;
      case 's':
        set(take(2));
        return true;
      case 'u':
        set(pairs(take_marked()));
        return true;
      default:
        return false;
    }
  }

  bool memo(char opcode) {
    switch (opcode) {
      case 'q':
        remember(reader_.u8());
        return true;
      case 'r':
        remember(reader_.u32());
        return true;
      case '\x94':
        remember(memo_.size());
        return true;
      case 'h':
        recall(reader_.u8());
        return true;
      case 'j':
        recall(reader_.u32());
        return true;
      default:
        return false;
    }
  }

  bool object(char opcode) {
    switch (opcode) {
      case 'c': {
        const std::string_view module = line();
        push({.kind = Kind::kGlobal, .text = module, .name = line()});
        return true;
      }
      case '\x93': {  // STACK_GLOBAL
        const std::vector<NodeId> names = take(2);
        const Node& module = result_[names[0]];
        const Node& name = result_[names[1]];
        if (module.kind != Kind::kText || name.kind != Kind::kText)
          broken("a name is not a string");
        push({.kind = Kind::kGlobal, .text = module.text, .name = name.text});
        return true;
      }
      case 'R':
      case '\x81':  // NEWOBJ
        push({.kind = Kind::kCall, .items = take(2)});
        return true;
      case '\x92':  // NEWOBJ_EX: with keyword arguments, which stay behind the others
        push({.kind = Kind::kCall, .items = take(3)});
        return true;
      case 'b': {
        const NodeId state = pop();
        extend(result_.nodes[top()].given, {kState, state});
        return true;
      }
      case 'Q':
        push({.kind = Kind::kPersistent, .items = take(1)});
        return true;
      case '\x82':
        return unknown(1);
      case '\x83':
        return unknown(2);
      case '\x84':
        return unknown(4);
      case '\x97':  // NEXT_BUFFER
        return unknown(0);
      case '\x98':  // READONLY_BUFFER: of the one on the stack
        top();
        return true;
      default:
        return false;
    }
  }

  bool unknown(std::uint64_t arguments) {
    reader_.take(arguments);
    push({.kind = Kind::kUnknown});
    return true;
  }

  void push(Node node) {
    if (result_.nodes.size() >= kMaximumNodes) broken("it has too many values");
    stack_.push_back(static_cast<NodeId>(result_.nodes.size()));
    result_.nodes.push_back(std::move(node));
  }

  std::size_t floor() const { return marks_.empty() ? 0 : marks_.back(); }

  NodeId top() const {
    if (stack_.size() <= floor()) broken("stack underflow");
    return stack_.back();
  }

  NodeId pop() {
    const NodeId id = top();
    stack_.pop_back();
    return id;
  }

  std::vector<NodeId> take(std::size_t count) {
    if (stack_.size() - floor() < count) broken("stack underflow");
    const auto first = stack_.end() - static_cast<std::ptrdiff_t>(count);
    std::vector<NodeId> taken(first, stack_.end());
    stack_.erase(first, stack_.end());
    return taken;
  }

  std::vector<NodeId> take_marked() {
    if (marks_.empty()) broken("a mark is missing");
    std::vector<NodeId> taken = take(stack_.size() - marks_.back());
    marks_.pop_back();
    return taken;
  }

  static std::vector<NodeId> pairs(std::vector<NodeId> items) {
    if (items.size() % 2 != 0) broken("a key without a value");
    return items;
  }

  static void extend(std::vector<NodeId>& list, const std::vector<NodeId>& items) {
    list.insert(list.end(), items.begin(), items.end());
  }

  void append(const std::vector<NodeId>& items) {
    Node& target = result_.nodes[top()];
    if (target.kind == Kind::kList || target.kind == Kind::kSet) return extend(target.items, items);
    for (const NodeId item : items) extend(target.given, {kAppended, item});
  }

  void set(const std::vector<NodeId>& items) {
    Node& target = result_.nodes[top()];
    extend(target.kind == Kind::kDict ? target.items : target.given, items);
  }

  void remember(std::uint64_t index) {
    if (memo_.size() >= kMaximumNodes) broken("it has too many values");
    memo_[index] = top();
  }

  void recall(std::uint64_t index) {
    const auto found = memo_.find(index);
    if (found == memo_.end()) broken("it reads a memo entry that was never stored");
    stack_.push_back(found->second);
  }

  void integer(std::int64_t value, Kind kind = Kind::kInteger) {
    push({.kind = kind, .integer = value});
  }

  std::uint64_t length(std::size_t bytes) {
    std::uint64_t value = 0;
    const Bytes digits = reader_.take(bytes);
    for (std::size_t i = bytes; i-- > 0;) value = value << 8 | static_cast<std::uint8_t>(digits[i]);
    return value;
  }

  void long_integer(Bytes digits) {
    if (digits.size() > sizeof(std::int64_t)) {
      push({.kind = Kind::kBigInteger, .text = as_text(digits)});
      return;
    }
    const bool negative = !digits.empty() && static_cast<std::uint8_t>(digits.back()) >= 0x80;
    std::uint64_t value = negative ? ~std::uint64_t{0} : 0;
    for (std::size_t i = digits.size(); i-- > 0;)
      value = value << 8 | static_cast<std::uint8_t>(digits[i]);
    integer(static_cast<std::int64_t>(value));
  }

  bool text(Kind kind, std::uint64_t bytes) {
    push({.kind = kind, .text = as_text(reader_.take(bytes))});
    return true;
  }

  std::string_view line() {
    const std::string_view rest = as_text(reader_.rest()).substr(0, kMaximumLine);
    const std::size_t end = rest.find('\n');
    if (end == std::string_view::npos) broken("a name has no end");
    reader_.take(end + 1);
    return rest.substr(0, end);
  }

  wire::Reader reader_;
  std::uint64_t size_;
  Pickle result_;
  std::vector<NodeId> stack_;
  std::vector<std::size_t> marks_;  // heights of the stack
  std::unordered_map<std::uint64_t, NodeId> memo_;
};

}  // namespace

Pickle read_pickle(Bytes bytes) { return Machine(bytes).run(); }

}  // namespace mgit::pickle
