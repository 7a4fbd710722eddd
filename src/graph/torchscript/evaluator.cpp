#include "graph/torchscript/evaluator.h"

#include <limits>

#include <fmt/format.h>

#include "graph/torchscript/builtins.h"
#include "graph/torchscript/composites.h"
#include "graph/torchscript/types.h"
#include "mgit/format.h"

namespace mgit::torchscript {

namespace {

using Kind = Expression::Kind;

constexpr std::size_t kMostSteps = 3'000'000;
constexpr int kDeepest = 500;  // expressions in expressions, over all calls

constexpr std::size_t kCharactersOfValue = 40;  // of a text that weigh as much as a value

struct Deeper {
  explicit Deeper(int& counted) : depth(counted) {
    if (++depth > kDeepest) {
      --depth;
      throw CorruptError("its calls are nested too deeply");
    }
  }
  ~Deeper() { --depth; }
  Deeper(const Deeper&) = delete;
  Deeper& operator=(const Deeper&) = delete;
  int& depth;
};

/// "torch.nn.relu" of names with dots only.
std::optional<std::string> dotted(const Expression& expression) {
  if (expression.kind == Kind::kName) return expression.text;
  if (expression.kind != Kind::kAttribute) return std::nullopt;
  auto front = dotted(expression.parts[0]);
  if (front) *front += "." + expression.text;
  return front;
}

const std::string& first_name(const Expression& expression) {
  const Expression* at = &expression;
  while (at->kind == Kind::kAttribute) at = &at->parts[0];
  return at->text;
}

/// What stands behind one of the fronts; nullopt: none of them is there.
std::optional<std::string> behind(const std::string& name,
                                  std::initializer_list<std::string_view> fronts) {
  for (const std::string_view front : fronts)
    if (name.starts_with(front)) return name.substr(front.size());
  return std::nullopt;
}

Value negated(const Value& value) {
  const auto* whole = std::get_if<std::int64_t>(&value);
  if (whole == nullptr) return -real_number(value);
  if (*whole == std::numeric_limits<std::int64_t>::min()) return *whole;
  return -*whole;
}

const Value& only(const Arguments& arguments, const char* what) {
  if (arguments.positional.size() != 1 || !arguments.named.empty())
    throw CorruptError(fmt::format("{} takes one argument", what));
  return arguments.positional[0];
}

}  // namespace

void Evaluator::count() {
  if (++steps_ > kMostSteps) throw Error("the program never ends");
}

Value Evaluator::forward(std::vector<Value> inputs) {
  return call_method(*modules_.root(), "forward", {std::move(inputs), {}});
}

Value Evaluator::call_method(Object& object, const std::string& name, Arguments arguments) {
  const Class* type = archive_.find_class(object.type);
  const auto method = type == nullptr ? std::map<std::string, Function>::const_iterator()
                                      : type->methods.find(name);
  if (type == nullptr || method == type->methods.end())
    throw CorruptError(fmt::format("{} has no method {}", object.type, quote_name(name)));
  arguments.positional.insert(arguments.positional.begin(), &object);
  const std::string outer = builder_.module();
  if (object.has_state) builder_.set_module(object.path);
  Value result = call(method->second, std::move(arguments));
  builder_.set_module(outer);
  return result;
}

Value Evaluator::call(const Function& function, Arguments arguments) {
  Locals locals;
  const auto& parameters = function.parameters;
  if (arguments.positional.size() > parameters.size())
    throw CorruptError(fmt::format("{} gets more arguments than it has", function.name));
  for (std::size_t i = 0; i < arguments.positional.size(); ++i)
    locals.insert_or_assign(parameters[i].name, std::move(arguments.positional[i]));
  for (auto& [name, value] : arguments.named) locals.insert_or_assign(name, std::move(value));
  for (const Parameter& parameter : parameters) {
    if (locals.contains(parameter.name)) continue;
    if (parameter.standard.empty())
      throw Error(
          fmt::format("{} lacks its argument {}", function.name, quote_name(parameter.name)));
    locals.emplace(parameter.name, evaluate(parameter.standard[0], locals));
  }
  return run(function.body, locals).value_or(std::monostate{});
}

/// A function, or a class: of a named tuple its fields are given, of others "__init__" is called.
Value Evaluator::call_qualified(const std::string& name, Arguments arguments) {
  if (const Function* function = archive_.find_function(name))
    return call(*function, std::move(arguments));
  constexpr std::string_view kNew = ".__new__";
  if (name.ends_with(kNew)) {
    const std::string made = name.substr(0, name.size() - kNew.size());
    if (archive_.find_class(made) != nullptr)
      return builder_.arena().object({made, "", 0, false, {}});
  }
  const Class* type = archive_.find_class(name);
  if (type == nullptr) throw Error("there is no function " + quote_name(name) + " in it");
  if (type->base == "NamedTuple") {
    for (auto& [keyword, value] : arguments.named) arguments.positional.push_back(std::move(value));
    Object& object = *builder_.arena().object({name, "", 0, false, {}});
    for (std::size_t i = 0; i < std::min(type->fields.size(), arguments.positional.size()); ++i)
      object.set.emplace(type->fields[i], arguments.positional[i]);
    object.set.emplace("", builder_.arena().list(std::move(arguments.positional)));
    return &object;
  }
  throw Error("objects of class " + quote_name(name) + " are not understood");
}

std::optional<Value> Evaluator::run(const std::vector<Statement>& body, Locals& locals) {
  const Deeper deeper(depth_);
  for (const Statement& statement : body) {
    count();
    switch (statement.kind) {
      case Statement::Kind::kAssign:
        assign(statement, locals);
        break;
      case Statement::Kind::kRun:
        evaluate(statement.value, locals);
        break;
      case Statement::Kind::kReturn:
        return evaluate(statement.value, locals);
      case Statement::Kind::kIf: {
        const bool holds = truth(evaluate(statement.value, locals));
        if (auto result = run(holds ? statement.body : statement.otherwise, locals)) return result;
        break;
      }
      case Statement::Kind::kWith:
        if (auto result = run_with(statement, locals)) return result;
        break;
      default:
        if (auto result = loop(statement, locals)) return result;
    }
  }
  return std::nullopt;
}

/// A block between what an object does before and after it.
std::optional<Value> Evaluator::run_with(const Statement& statement, Locals& locals) {
  const Value value = evaluate(statement.value, locals);
  const auto* object = std::get_if<Object*>(&value);
  if (object == nullptr)
    throw Error(fmt::format("a block with {} is not understood", kind_of(value)));
  Value entered = call_method(**object, "__enter__", {});
  if (!statement.targets.empty()) assign(statement.targets[0], std::move(entered), locals);
  auto result = run(statement.body, locals);
  call_method(**object, "__exit__", {{Value(), Value(), Value()}, {}});
  return result;
}

std::optional<Value> Evaluator::loop(const Statement& statement, Locals& locals) {
  if (statement.kind == Statement::Kind::kWhile) {
    while (truth(evaluate(statement.value, locals))) {
      count();
      if (auto result = run(statement.body, locals)) return result;
    }
    return std::nullopt;
  }
  const Value over = evaluate(statement.value, locals);
  const auto* list = std::get_if<List*>(&over);
  const auto* range = std::get_if<std::int64_t>(&over);
  if (list == nullptr && range == nullptr)
    throw Error(fmt::format("a loop over {} is not understood", kind_of(over)));
  const std::int64_t length =
      range != nullptr ? *range : static_cast<std::int64_t>((*list)->items.size());
  for (std::int64_t i = 0; i < length; ++i) {
    count();
    assign(statement.targets[0],
           range != nullptr ? Value(i) : (*list)->items.at(static_cast<std::size_t>(i)), locals);
    if (auto result = run(statement.body, locals)) return result;
  }
  return std::nullopt;
}

void Evaluator::assign(const Statement& statement, Locals& locals) {
  Value value = evaluate(statement.value, locals);
  if (!statement.unpacks) return assign(statement.targets[0], std::move(value), locals);
  if (const auto* object = std::get_if<Object*>(&value); object != nullptr && !(*object)->has_state)
    value = modules_.attribute(**object, "");
  const auto* list = std::get_if<List*>(&value);
  if (list == nullptr || (*list)->items.size() != statement.targets.size())
    throw CorruptError("it takes another number of values apart than there are");
  for (std::size_t i = 0; i < statement.targets.size(); ++i)
    assign(statement.targets[i], (*list)->items[i], locals);
}

void Evaluator::assign(const Expression& target, Value value, Locals& locals) {
  if (target.kind == Kind::kName) {
    locals.insert_or_assign(target.text, std::move(value));
    return;
  }
  if (target.kind != Kind::kAttribute) throw Error("such an assignment is not understood");
  const Value object = evaluate(target.parts[0], locals);
  const auto* of = std::get_if<Object*>(&object);
  if (of == nullptr)
    throw CorruptError(fmt::format("{} has no attribute to be set", kind_of(object)));
  builder_.output(value);  // it is there in the next call
  Modules::set_attribute(**of, target.text, std::move(value));
}

std::vector<Value> Evaluator::all(const std::vector<Expression>& expressions, Locals& locals) {
  std::vector<Value> values;
  for (const Expression& each : expressions) values.push_back(evaluate(each, locals));
  return values;
}

Value Evaluator::evaluate(const Expression& expression, Locals& locals) {
  const Deeper deeper(depth_);
  count();
  switch (expression.kind) {
    case Kind::kInteger:
      return expression.integer;
    case Kind::kFloat:
      return expression.real;
    case Kind::kText:
      builder_.arena().spend(expression.text.size() / kCharactersOfValue);
      return expression.text;
    case Kind::kList:
    case Kind::kTuple:
    case Kind::kDict:
      return builder_.arena().list(all(expression.parts, locals), expression.kind == Kind::kDict);
    case Kind::kNegative:
      return negated(evaluate(expression.parts[0], locals));
    case Kind::kChoice:
      return evaluate(expression.parts[truth(evaluate(expression.parts[0], locals)) ? 1 : 2],
                      locals);
    case Kind::kSubscript:
      return evaluate_subscript(expression, locals);
    case Kind::kCall:
      return evaluate_call(expression, locals);
    case Kind::kAttribute:
      return evaluate_attribute(expression, locals);
    default:
      return evaluate_name(expression, locals);
  }
}

Value Evaluator::evaluate_name(const Expression& expression, Locals& locals) {
  const std::string& name = expression.text;
  const auto found = locals.find(name);
  if (found != locals.end()) return found->second;
  if (name == "None" || name.empty()) return std::monostate{};
  if (name == "True" || name == "False") return name == "True";
  if (name == "inf") return std::numeric_limits<double>::infinity();
  if (name == "nan") return std::numeric_limits<double>::quiet_NaN();
  throw CorruptError("name " + quote_name(name) + " is used before it is given");
}

Value Evaluator::evaluate_attribute(const Expression& expression, Locals& locals) {
  const auto name = dotted(expression);
  if (name && !locals.contains(first_name(expression))) {
    if (name->starts_with("__torch__.")) return FunctionName{*name};
    if (const auto constant = behind(*name, {"CONSTANTS."})) return modules_.constant(*constant);
  }
  const Value object = evaluate(expression.parts[0], locals);
  if (const auto* of = std::get_if<Object*>(&object)) {
    const Class* type = archive_.find_class((*of)->type);
    if (type != nullptr && type->constants.contains(expression.text))
      return evaluate(type->constants.at(expression.text), locals);
    return modules_.attribute(**of, expression.text);
  }
  if (std::holds_alternative<Tensor*>(object)) {
    if (auto result = call_builtin(builder_, expression.text, {{object}, {}})) return *result;
    if (expression.text == "T" || expression.text == "mT")
      return builder_.apply(expression.text == "T" ? "numpy_T" : "mT", {{object}, {}});
  }
  throw Error(fmt::format("attribute {} of {} is not understood", quote_name(expression.text),
                          kind_of(object)));
}

Value Evaluator::evaluate_subscript(const Expression& expression, Locals& locals) {
  Value object = evaluate(expression.parts[0], locals);
  const Value index = evaluate(expression.parts[1], locals);
  if (const auto* of = std::get_if<Object*>(&object); of != nullptr && !(*of)->has_state)
    object = modules_.attribute(**of, "");
  const auto* list = std::get_if<List*>(&object);
  if (list != nullptr && (*list)->dict) {
    for (std::size_t i = 0; i + 1 < (*list)->items.size(); i += 2) {
      const auto same = call_builtin(builder_, "eq", {{(*list)->items[i], index}, {}});
      if (same && truth(*same)) return (*list)->items[i + 1];
    }
    throw Error("a dict has no such key");
  }
  if (list != nullptr) return *call_builtin(builder_, "__getitem__", {{object, index}, {}});
  throw Error(fmt::format("{} has no parts", kind_of(object)));
}

Arguments Evaluator::arguments_of(const Expression& expression, Locals& locals, std::size_t first) {
  Arguments arguments;
  for (std::size_t i = first; i < expression.parts.size(); ++i) {
    Value value = evaluate(expression.parts[i], locals);
    const std::string& keyword = expression.keywords[i - 1];
    if (keyword.empty())
      arguments.positional.push_back(std::move(value));
    else
      arguments.named.emplace_back(keyword, std::move(value));
  }
  return arguments;
}

Value Evaluator::evaluate_call(const Expression& expression, Locals& locals) {
  const Expression& callee = expression.parts[0];
  const auto name = dotted(callee);
  if (name && !locals.contains(first_name(callee))) return call_named(*name, expression, locals);
  if (callee.kind == Kind::kAttribute) {
    const Value object = evaluate(callee.parts[0], locals);
    if (const auto* of = std::get_if<Object*>(&object))
      return call_method(**of, callee.text, arguments_of(expression, locals));
    throw Error(
        fmt::format("method {} of {} is not understood", quote_name(callee.text), kind_of(object)));
  }
  const Value function = evaluate(callee, locals);
  if (const auto* known = std::get_if<FunctionName>(&function))
    return call_qualified(known->qualified, arguments_of(expression, locals));
  throw Error(fmt::format("{} is called", kind_of(function)));
}

Value Evaluator::call_named(const std::string& name, const Expression& expression, Locals& locals) {
  const std::size_t count = expression.parts.size() - 1;
  if (name == "annotate" || name == "unchecked_cast" || name == "ops.prim.unchecked_cast") {
    if (count != 2) throw CorruptError(name + " takes a type and a value");
    Value value = evaluate(expression.parts[2], locals);
    const bool number = expression.parts[1].text == "number";
    if (!number || !std::holds_alternative<Tensor*>(value)) return value;
    return *call_builtin(builder_, "ScalarImplicit", {{std::move(value)}, {}});
  }
  if (name == "uninitialized") return std::monostate{};
  if (name == "isinstance" || name == "ops.prim.isinstance")
    throw Error("a question for the type of a value is not understood");
  Arguments arguments = arguments_of(expression, locals);
  if (name.starts_with("__torch__.")) return call_qualified(name, std::move(arguments));
  if (name == "int") {
    const Value& value = only(arguments, "int");
    if (const auto* real = std::get_if<double>(&value)) return whole_number(std::trunc(*real));
    if (std::holds_alternative<Tensor*>(value))
      if (const auto number = number_of(value)) return whole_number(std::trunc(*number));
    return whole_number(value);
  }
  if (name == "float") return real_number(only(arguments, "float"));
  if (name == "bool") return truth(only(arguments, "bool"));
  if (name == "str") return std::string();
  if (name == "range") return std::max<std::int64_t>(0, whole_number(only(arguments, "range")));
  if (name == "getattr") {
    const auto* object =
        arguments.positional.empty() ? nullptr : std::get_if<Object*>(&arguments.positional[0]);
    const auto* attribute = arguments.positional.size() == 2
                                ? std::get_if<std::string>(&arguments.positional[1])
                                : nullptr;
    if (object == nullptr || attribute == nullptr)
      throw CorruptError("getattr takes an object and a name");
    return modules_.attribute(**object, *attribute);
  }
  if (name == "torch.device") return only(arguments, "device");
  if (const auto op = behind(name, {"torch.", "ops.prim.", "ops.aten."}))
    return call_operator(*op, arguments);
  throw Error("operator " + name + " is not known to mgit");
}

Value Evaluator::call_operator(const std::string& name, const Arguments& arguments) {
  if (auto result = call_builtin(builder_, name, arguments)) return *result;
  if (auto result = apply_composite(builder_, name, arguments)) return *result;
  return builder_.apply(name.substr(name.rfind('.') + 1), arguments);
}

}  // namespace mgit::torchscript
