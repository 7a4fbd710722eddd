#include <fmt/format.h>

#include "graph/torchscript/lexer.h"
#include "graph/torchscript/syntax.h"

namespace mgit::torchscript {

namespace {

using Kind = Token::Kind;

constexpr int kDeepest = 200;   // of expressions and statements
constexpr int kMostLinks = 50;  // a.b.c(..)[..]

class Parser {
 public:
  explicit Parser(std::string_view text) : tokens_(tokens_of(text)) {}

  Source run() {
    Source source;
    while (!is(Kind::kEnd)) {
      if (take("class")) {
        Class parsed = class_definition();
        std::string name = parsed.name;
        source.classes.insert_or_assign(std::move(name), std::move(parsed));
      } else if (take("def")) {
        Function parsed = function();
        std::string name = parsed.name;
        source.functions.insert_or_assign(std::move(name), std::move(parsed));
      } else {
        skip_line();  // "op_version_set = 1" and imports of old archives
      }
    }
    return source;
  }

 private:
  /// Counts how deep the parser is.
  struct Deeper {
    explicit Deeper(Parser& parser) : depth(parser.depth_) {
      if (++depth > kDeepest) parser.refuse("it is nested too deeply");
    }
    ~Deeper() { --depth; }
    Deeper(const Deeper&) = delete;
    Deeper& operator=(const Deeper&) = delete;
    int& depth;
  };

  [[noreturn]] void refuse(const std::string& what) const { refuse_line(token().line, what); }

  const Token& token() const { return tokens_[at_]; }
  bool is(Kind kind) const { return token().kind == kind; }
  bool is(std::string_view text) const {
    return (is(Kind::kName) || is(Kind::kSign)) && token().text == text;
  }
  Token next() {
    Token result = token();
    if (!is(Kind::kEnd)) ++at_;
    return result;
  }
  bool take(std::string_view text) {
    if (!is(text)) return false;
    ++at_;
    return true;
  }
  bool take(Kind kind) {
    if (!is(kind)) return false;
    ++at_;
    return true;
  }
  void expect(std::string_view text) {
    if (!take(text)) refuse(fmt::format("'{}' is missing", text));
  }
  void expect(Kind kind, const char* what) {
    if (!take(kind)) refuse(fmt::format("{} is missing", what));
  }
  std::string name() {
    if (!is(Kind::kName)) refuse("a name is missing");
    return next().text;
  }

  void skip_line() {
    while (!is(Kind::kEnd) && !take(Kind::kNewline)) ++at_;
  }

  Class class_definition() {
    Class result;
    result.name = name();
    if (take("(")) {
      if (is(Kind::kName)) result.base = name();
      while (!is(Kind::kEnd) && !take(")")) ++at_;
    }
    expect(":");
    expect(Kind::kNewline, "the end of the line");
    expect(Kind::kIndent, "the class's indented body");
    while (!take(Kind::kDedent)) {
      if (is(Kind::kEnd)) refuse("the class has no end");
      member(result);
    }
    return result;
  }

  void member(Class& of) {
    if (take("def")) {
      Function method = function();
      std::string name = method.name;
      of.methods.insert_or_assign(std::move(name), std::move(method));
      return;
    }
    if (take("pass")) return skip_line();
    const std::string name = this->name();
    if (name == "__annotations__") {  // = [], and then ["0"] = T
      if (take("[")) of.fields.push_back(next().text);
    } else if (name == "__parameters__" || name == "__buffers__") {
      expect("=");
      const Expression list = expression();
      for (const Expression& each : list.parts)
        (name == "__buffers__" ? of.buffers : of.parameters).push_back(each.text);
    } else if (take(":")) {
      of.fields.push_back(name);
      expression();
      if (take("=")) of.constants.insert_or_assign(name, expression());
    }
    skip_line();
  }

  Function function() {
    Function result;
    result.name = name();
    expect("(");
    while (!take(")")) {
      Parameter parameter{name()};
      if (take(":")) expression();
      if (take("=")) parameter.standard.push_back(expression());
      result.parameters.push_back(std::move(parameter));
      if (!take(",") && !is(")")) refuse("',' is missing");
    }
    if (take("->")) expression();
    result.body = block();
    return result;
  }

  std::vector<Statement> block() {
    const Deeper deeper(*this);
    std::vector<Statement> result;
    expect(":");
    expect(Kind::kNewline, "the end of the line");
    expect(Kind::kIndent, "an indented body");
    while (!take(Kind::kDedent)) {
      if (is(Kind::kEnd)) refuse("a body without an end");
      if (take("pass"))
        expect(Kind::kNewline, "the end of the line");
      else
        result.push_back(statement());
    }
    return result;
  }

  Statement statement() {
    Statement result;
    if (take("if")) {
      result.kind = Statement::Kind::kIf;
      result.value = expression();
      result.body = block();
      if (take("else")) result.otherwise = block();
      return result;
    }
    if (take("while")) {
      result.kind = Statement::Kind::kWhile;
      result.value = expression();
      result.body = block();
      return result;
    }
    if (take("for")) {
      result.kind = Statement::Kind::kFor;
      result.targets.push_back(postfix());
      expect("in");
      result.value = expression();
      result.body = block();
      return result;
    }
    if (take("with")) {
      result.kind = Statement::Kind::kWith;
      result.value = expression();
      if (take("as")) result.targets.push_back(postfix());
      result.body = block();
      return result;
    }
    if (is("def") || is("class")) refuse("'" + token().text + "' is not understood");
    if (take("return"))
      result.kind = Statement::Kind::kReturn, result.value = values();
    else
      assignment(result);
    expect(Kind::kNewline, "the end of the line");
    return result;
  }

  /// "a = v", "a : Tensor = v", "a, b, = v", "v".
  void assignment(Statement& result) {
    result.value = values();
    if (take(":")) expression();
    if (!take("=")) return;
    result.kind = Statement::Kind::kAssign;
    result.unpacks = result.value.kind == Expression::Kind::kTuple;
    if (result.unpacks)
      result.targets = std::move(result.value.parts);
    else
      result.targets.push_back(std::move(result.value));
    result.value = values();
  }

  /// Several of them, with commas, are a tuple.
  Expression values() {
    if (is(Kind::kNewline)) return {};
    Expression first = expression();
    if (!is(",")) return first;
    Expression tuple{Expression::Kind::kTuple};
    tuple.parts.push_back(std::move(first));
    while (take(",") && !is("=") && !is(Kind::kNewline)) tuple.parts.push_back(expression());
    return tuple;
  }

  Expression expression() {
    const Deeper deeper(*this);
    Expression value = take("-") ? negative() : postfix();
    if (!take("if")) return value;
    Expression choice{Expression::Kind::kChoice};
    choice.parts.push_back(expression());
    choice.parts.push_back(std::move(value));
    expect("else");
    choice.parts.push_back(expression());
    return choice;
  }

  Expression negative() {
    Expression result{Expression::Kind::kNegative};
    result.parts.push_back(postfix());
    return result;
  }

  Expression postfix() {
    Expression value = primary();
    int links = 0;
    while (is(".") || is("(") || is("[")) {
      if (++links > kMostLinks) refuse("it is nested too deeply");
      Expression outer;
      if (take(".")) {
        outer.kind = Expression::Kind::kAttribute;
        outer.text = name();
        outer.parts.push_back(std::move(value));
      } else if (take("(")) {
        outer.kind = Expression::Kind::kCall;
        outer.parts.push_back(std::move(value));
        arguments(outer);
      } else {
        expect("[");
        outer.kind = Expression::Kind::kSubscript;
        outer.parts.push_back(std::move(value));
        outer.parts.push_back(list_until("]", Expression::Kind::kTuple));
        if (outer.parts[1].parts.size() == 1)
          outer.parts[1] = Expression(std::move(outer.parts[1].parts[0]));
      }
      value = std::move(outer);
    }
    return value;
  }

  void arguments(Expression& call) {
    while (!take(")")) {
      std::string keyword;
      if (is(Kind::kName) && tokens_[at_ + 1].kind == Kind::kSign && tokens_[at_ + 1].text == "=") {
        keyword = name();
        expect("=");
      }
      call.keywords.push_back(std::move(keyword));
      call.parts.push_back(expression());
      if (!take(",") && !is(")")) refuse("',' is missing");
    }
  }

  Expression list_until(std::string_view end, Expression::Kind kind) {
    Expression list{kind};
    while (!take(end)) {
      list.parts.push_back(expression());
      if (!take(",") && !is(end)) refuse("',' is missing");
    }
    return list;
  }

  Expression primary() {
    Expression result;
    const Token first = next();
    result.text = first.text;
    result.integer = first.integer;
    result.real = first.real;
    if (first.kind == Kind::kName) return result;
    if (first.kind == Kind::kInteger) result.kind = Expression::Kind::kInteger;
    if (first.kind == Kind::kFloat) result.kind = Expression::Kind::kFloat;
    if (first.kind == Kind::kText) result.kind = Expression::Kind::kText;
    if (result.kind != Expression::Kind::kName) return result;
    if (first.kind == Kind::kSign && first.text == "[")
      return list_until("]", Expression::Kind::kList);
    if (first.kind == Kind::kSign && first.text == "(") return in_parentheses();
    if (first.kind == Kind::kSign && first.text == "{") return dict();
    refuse_line(first.line, "a value is missing");
  }

  Expression in_parentheses() {
    Expression tuple{Expression::Kind::kTuple};
    if (take(")")) return tuple;
    tuple.parts.push_back(expression());
    if (take(")")) return Expression(std::move(tuple.parts[0]));
    expect(",");
    Expression rest = list_until(")", Expression::Kind::kTuple);
    for (Expression& each : rest.parts) tuple.parts.push_back(std::move(each));
    return tuple;
  }

  Expression dict() {
    Expression result{Expression::Kind::kDict};
    while (!take("}")) {
      result.parts.push_back(expression());
      expect(":");
      result.parts.push_back(expression());
      if (!take(",") && !is("}")) refuse("',' is missing");
    }
    return result;
  }

  std::vector<Token> tokens_;
  std::size_t at_ = 0;
  int depth_ = 0;
};

}  // namespace

Source parse_source(std::string_view text) { return Parser(text).run(); }

}  // namespace mgit::torchscript
