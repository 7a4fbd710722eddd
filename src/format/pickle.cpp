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

/// Their names in CPython's Lib/pickletools.py.
enum class Opcode : std::uint8_t {
  kMark = '(',
  kStop = '.',
  kPop = '0',
  kPopMark = '1',
  kDup = '2',
  kBinBytes = 'B',
  kShortBinBytes = 'C',
  kBinFloat = 'G',
  kBinInt = 'J',
  kBinInt1 = 'K',
  kBinInt2 = 'M',
  kNone = 'N',
  kBinPersId = 'Q',
  kReduce = 'R',
  kBinString = 'T',  // Python 2's str
  kShortBinString = 'U',
  kBinUnicode = 'X',
  kEmptyList = ']',
  kAppend = 'a',
  kBuild = 'b',
  kGlobal = 'c',
  kDict = 'd',
  kAppends = 'e',
  kBinGet = 'h',
  kLongBinGet = 'j',
  kList = 'l',
  kBinPut = 'q',
  kLongBinPut = 'r',
  kSetItem = 's',
  kTuple = 't',
  kSetItems = 'u',
  kEmptyTuple = ')',
  kEmptyDict = '}',
  kProto = 0x80,
  kNewObj = 0x81,
  kExt1 = 0x82,
  kExt2 = 0x83,
  kExt4 = 0x84,
  kTuple1 = 0x85,
  kTuple2 = 0x86,
  kTuple3 = 0x87,
  kNewTrue = 0x88,
  kNewFalse = 0x89,
  kLong1 = 0x8a,
  kLong4 = 0x8b,
  kShortBinUnicode = 0x8c,
  kBinUnicode8 = 0x8d,
  kBinBytes8 = 0x8e,
  kEmptySet = 0x8f,
  kAddItems = 0x90,
  kFrozenSet = 0x91,
  kNewObjEx = 0x92,
  kStackGlobal = 0x93,
  kMemoize = 0x94,
  kFrame = 0x95,
  kByteArray8 = 0x96,
  kNextBuffer = 0x97,
  kReadOnlyBuffer = 0x98
};

[[noreturn]] void broken(const std::string& reason) {
  throw CorruptError("broken pickle: " + reason);
}

/// Runs a pickle into nodes, and nothing else: calls are recorded, never made. For one run; linear
/// in the bytes. Throws CorruptError for what is not understood.
class Machine {
 public:
  explicit Machine(Bytes bytes) : reader_(bytes), size_(bytes.size()) {}

  Pickle run() {
    try {
      if (Opcode{reader_.u8()} != Opcode::kProto) broken("it does not begin with a protocol");
      if (const auto protocol = reader_.u8(); protocol < 2 || protocol > 5)
        broken(fmt::format("protocol {}", protocol));
      while (step(Opcode{reader_.u8()})) continue;
    } catch (const wire::Malformed&) {
      broken("it ends too early");
    }
    if (stack_.size() != 1 || !marks_.empty()) broken("its end leaves more than one value");
    result_.root = stack_.back();
    result_.length = size_ - reader_.rest().size();
    return std::move(result_);
  }

 private:
  /// False for STOP.
  bool step(Opcode opcode) {
    switch (opcode) {
      case Opcode::kStop:
        return false;
      case Opcode::kFrame:  // a hint for buffering
        reader_.take(8);
        break;

      case Opcode::kMark:
        if (marks_.size() >= kMaximumMarks) broken("nested too deeply");
        marks_.push_back(stack_.size());
        break;
      case Opcode::kPop:
        if (!marks_.empty() && marks_.back() == stack_.size())
          marks_.pop_back();
        else
          pop();
        break;
      case Opcode::kPopMark:
        take_marked();
        break;
      case Opcode::kDup:
        stack_.push_back(top());
        break;

      case Opcode::kNone:
        push({.kind = Kind::kNone});
        break;
      case Opcode::kNewTrue:
        integer(1, Kind::kBool);
        break;
      case Opcode::kNewFalse:
        integer(0, Kind::kBool);
        break;
      case Opcode::kBinInt1:
        integer(reader_.u8());
        break;
      case Opcode::kBinInt2:
        integer(static_cast<std::int64_t>(length(2)));
        break;
      case Opcode::kBinInt:
        integer(static_cast<std::int32_t>(reader_.u32()));
        break;
      case Opcode::kLong1:
        long_integer(reader_.take(reader_.u8()));
        break;
      case Opcode::kLong4:
        long_integer(reader_.take(reader_.u32()));
        break;
      case Opcode::kBinFloat:
        push({.kind = Kind::kFloat, .integer = big_endian(reader_.take(8))});
        break;

      case Opcode::kBinUnicode:
      case Opcode::kBinString:
        text(Kind::kText, reader_.u32());
        break;
      case Opcode::kShortBinUnicode:
      case Opcode::kShortBinString:
        text(Kind::kText, reader_.u8());
        break;
      case Opcode::kBinUnicode8:
        text(Kind::kText, reader_.u64());
        break;
      case Opcode::kBinBytes:
        text(Kind::kBytes, reader_.u32());
        break;
      case Opcode::kShortBinBytes:
        text(Kind::kBytes, reader_.u8());
        break;
      case Opcode::kBinBytes8:
      case Opcode::kByteArray8:
        text(Kind::kBytes, reader_.u64());
        break;

      case Opcode::kEmptyTuple:
        push({.kind = Kind::kTuple});
        break;
      case Opcode::kEmptyList:
        push({.kind = Kind::kList});
        break;
      case Opcode::kEmptyDict:
        push({.kind = Kind::kDict});
        break;
      case Opcode::kEmptySet:
        push({.kind = Kind::kSet});
        break;
      case Opcode::kTuple1:
        push({.kind = Kind::kTuple, .items = take(1)});
        break;
      case Opcode::kTuple2:
        push({.kind = Kind::kTuple, .items = take(2)});
        break;
      case Opcode::kTuple3:
        push({.kind = Kind::kTuple, .items = take(3)});
        break;
      case Opcode::kTuple:
        push({.kind = Kind::kTuple, .items = take_marked()});
        break;
      case Opcode::kList:
        push({.kind = Kind::kList, .items = take_marked()});
        break;
      case Opcode::kDict:
        push({.kind = Kind::kDict, .items = pairs(take_marked())});
        break;
      case Opcode::kFrozenSet:
        push({.kind = Kind::kSet, .items = take_marked()});
        break;
      case Opcode::kAppend:
        append(take(1));
        break;
      case Opcode::kAppends:
      case Opcode::kAddItems:
        append(take_marked());
        break;
      case Opcode::kSetItem:
        set(take(2));
        break;
      case Opcode::kSetItems:
        set(pairs(take_marked()));
        break;

      case Opcode::kBinPut:
        remember(reader_.u8());
        break;
      case Opcode::kLongBinPut:
        remember(reader_.u32());
        break;
      case Opcode::kMemoize:
        remember(memo_.size());
        break;
      case Opcode::kBinGet:
        recall(reader_.u8());
        break;
      case Opcode::kLongBinGet:
        recall(reader_.u32());
        break;

      case Opcode::kGlobal:
        global();
        break;
      case Opcode::kStackGlobal:
        stack_global();
        break;
      case Opcode::kReduce:
      case Opcode::kNewObj:
        push({.kind = Kind::kCall, .items = take(2)});
        break;
      case Opcode::kNewObjEx:  // with keyword arguments, which stay behind the others
        push({.kind = Kind::kCall, .items = take(3)});
        break;
      case Opcode::kBuild:
        build();
        break;
      case Opcode::kBinPersId:
        push({.kind = Kind::kPersistent, .items = take(1)});
        break;

      case Opcode::kExt1:
        unknown(1);
        break;
      case Opcode::kExt2:
        unknown(2);
        break;
      case Opcode::kExt4:
        unknown(4);
        break;
      case Opcode::kNextBuffer:
        unknown(0);
        break;
      case Opcode::kReadOnlyBuffer:  // of the one on the stack
        top();
        break;

      default:
        broken(fmt::format("unknown opcode {:#04x} at byte {}", static_cast<unsigned>(opcode),
                           size_ - reader_.rest().size() - 1));
    }
    return true;
  }

  void global() {
    const std::string_view module = line();
    push({.kind = Kind::kGlobal, .text = module, .name = line()});
  }

  void stack_global() {
    const std::vector<NodeId> names = take(2);
    const Node& module = result_[names[0]];
    const Node& name = result_[names[1]];
    if (module.kind != Kind::kText || name.kind != Kind::kText) broken("a name is not a string");
    push({.kind = Kind::kGlobal, .text = module.text, .name = name.text});
  }

  void build() {
    const NodeId state = pop();
    extend(result_.nodes[top()].given, {kState, state});
  }

  void unknown(std::uint64_t arguments) {
    reader_.take(arguments);
    push({.kind = Kind::kUnknown});
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

  void text(Kind kind, std::uint64_t bytes) {
    push({.kind = kind, .text = as_text(reader_.take(bytes))});
  }

  static std::int64_t big_endian(Bytes digits) {
    std::uint64_t value = 0;
    for (const std::byte digit : digits) value = value << 8 | static_cast<std::uint8_t>(digit);
    return static_cast<std::int64_t>(value);
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
