// The source text in TorchScript archives, parsed: the part of Python that torch.jit.save writes
// (torch/csrc/jit/serialization/python_print.cpp).
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace mgit::torchscript {

struct Expression {
  enum class Kind : std::uint8_t {
    kName,       // text
    kInteger,    // integer
    kFloat,      // real
    kText,       // text
    kList,       // parts
    kTuple,      // parts
    kDict,       // parts: key, value, key, value ..
    kAttribute,  // parts[0].text
    kSubscript,  // parts[0][parts[1]]
    kCall,       // parts[0](parts[1], ..); keywords[i] names parts[i + 1], "" if it has no name
    kChoice,     // parts[1] if parts[0] else parts[2]
    kNegative    // -parts[0]
  };
  Kind kind = Kind::kName;
  std::string text{};
  std::int64_t integer = 0;
  double real = 0;
  std::vector<Expression> parts{};
  std::vector<std::string> keywords{};
};

struct Statement {
  enum class Kind : std::uint8_t {
    kAssign,  // targets = value; unpacks: "a, b, = value"
    kRun,     // value
    kReturn,  // value
    kIf,      // value: body, otherwise
    kWhile,   // value: body
    kFor,     // targets[0] in value: body
    kWith     // value, as targets[0] if there is one: body
  };
  Kind kind = Kind::kRun;
  std::vector<Expression> targets{};
  bool unpacks = false;
  Expression value{};
  std::vector<Statement> body{};
  std::vector<Statement> otherwise{};
};

struct Parameter {
  std::string name;
  std::vector<Expression> standard{};  // its default, if it has one
};

struct Function {
  std::string name;
  std::vector<Parameter> parameters{};
  std::vector<Statement> body{};
};

struct Class {
  std::string name;
  std::string base;                               // "Module", "NamedTuple"
  std::vector<std::string> fields{};              // attributes with a type, in order
  std::vector<std::string> parameters{};          // "__parameters__"
  std::vector<std::string> buffers{};             // "__buffers__"
  std::map<std::string, Expression> constants{};  // attributes that are numbers
  std::map<std::string, Function> methods{};
};

struct Source {
  std::map<std::string, Function> functions{};
  std::map<std::string, Class> classes{};
};

/// Throws CorruptError, with the number of the line, for what is not of this language.
Source parse_source(std::string_view text);

}  // namespace mgit::torchscript
