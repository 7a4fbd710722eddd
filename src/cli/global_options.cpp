#include "cli/global_options.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <string_view>

#include "base/process.h"
#include "base/similar.h"
#include "mgit/base.h"

namespace mgit::cli {
namespace {

namespace fs = std::filesystem;

enum class Value {
  kNone,
  kNext,      // in the next argument
  kEither,    // in the next argument, or after '='
  kAttached,  // after '=' only
};

struct Known {
  std::string_view name;
  Value value;
  const char* variable;  // set to `content`, or to the option's value if that is null
  const char* content;
};

constexpr std::array kKnown{
    Known{"-C", Value::kNext, nullptr, nullptr},
    Known{"-c", Value::kNext, nullptr, nullptr},
    Known{"--config-env", Value::kEither, nullptr, nullptr},
    Known{"--git-dir", Value::kEither, "GIT_DIR", nullptr},
    Known{"--work-tree", Value::kEither, "GIT_WORK_TREE", nullptr},
    Known{"--namespace", Value::kEither, "GIT_NAMESPACE", nullptr},
    Known{"--exec-path", Value::kAttached, "GIT_EXEC_PATH", nullptr},
    Known{"--bare", Value::kNone, nullptr, nullptr},
    Known{"-p", Value::kNone, nullptr, nullptr},
    Known{"--paginate", Value::kNone, nullptr, nullptr},
    Known{"-P", Value::kNone, "GIT_PAGER", "cat"},
    Known{"--no-pager", Value::kNone, "GIT_PAGER", "cat"},
    Known{"--no-replace-objects", Value::kNone, "GIT_NO_REPLACE_OBJECTS", "1"},
    Known{"--no-optional-locks", Value::kNone, "GIT_OPTIONAL_LOCKS", "0"},
    Known{"--literal-pathspecs", Value::kNone, "GIT_LITERAL_PATHSPECS", "1"},
    Known{"--no-literal-pathspecs", Value::kNone, "GIT_LITERAL_PATHSPECS", "0"},
    Known{"--glob-pathspecs", Value::kNone, "GIT_GLOB_PATHSPECS", "1"},
    Known{"--noglob-pathspecs", Value::kNone, "GIT_NOGLOB_PATHSPECS", "1"},
    Known{"--icase-pathspecs", Value::kNone, "GIT_ICASE_PATHSPECS", "1"},
};

constexpr std::array<std::string_view, 4> kAnswers{"--exec-path", "--html-path", "--man-path",
                                                   "--info-path"};

const Known* find(std::string_view argument) {
  const std::string_view name = argument.substr(0, argument.find('='));
  const bool attached = name.size() < argument.size();
  for (const Known& each : kKnown) {
    if (each.name != name) continue;
    if (attached && (each.value == Value::kNone || each.value == Value::kNext)) return nullptr;
    if (!attached && each.value == Value::kAttached) return nullptr;
    return &each;
  }
  return nullptr;
}

[[noreturn]] void fail_unknown(const std::string& option) {
  std::vector<std::string> names{"--version", "--help"};
  for (const Known& each : kKnown) names.emplace_back(each.name);
  const std::vector<std::string> near = similar_names(option.substr(0, option.find('=')), names);
  throw UsageError("unknown option '" + option + "'", "mgit",
                   near.empty() ? "'mgit --help' shows the commands; options of a command follow it"
                                : "did you mean " + near.front() + "?");
}

void set(const char* variable, const std::string& value) { ::setenv(variable, value.c_str(), 1); }

/// One more setting for this process and those it starts; `value` is null where only the name was
/// given, which means true.
void configure(const std::string& name, const std::string* value) {
  constexpr const char* kVariable = "GIT_CONFIG_PARAMETERS";
  const char* before = std::getenv(kVariable);
  std::string parameters = before != nullptr && *before != '\0' ? std::string(before) + " " : "";
  parameters += shell_quoted(name) + "=";
  if (value != nullptr) parameters += shell_quoted(*value);
  set(kVariable, parameters);
}

void configure(const std::string& setting) {
  const std::size_t equals = setting.find('=');
  if (equals == std::string::npos) return configure(setting, nullptr);
  const std::string value = setting.substr(equals + 1);
  configure(setting.substr(0, equals), &value);
}

void configure_from_environment(const std::string& setting) {
  const std::size_t equals = setting.rfind('=');
  if (equals == std::string::npos || equals == 0)
    throw Error("invalid config format: " + setting, "--config-env");
  const std::string variable = setting.substr(equals + 1);
  const char* content = std::getenv(variable.c_str());
  if (variable.empty() || content == nullptr)
    throw Error(fmt::format("missing environment variable '{}'", variable), "--config-env");
  const std::string value = content;
  configure(setting.substr(0, equals), &value);
}

void change_directory(const std::string& directory) {
  if (directory.empty()) return;
  std::error_code error;
  fs::current_path(directory, error);
  if (error) throw Error(fmt::format("cannot change to '{}': {}", directory, error.message()));
}

}  // namespace

GlobalOptions::GlobalOptions(const std::vector<std::string>& arguments) {
  std::size_t i = 0;
  for (; i < arguments.size() && arguments[i].starts_with('-'); ++i) {
    const std::string& argument = arguments[i];
    version_ = argument == "--version" || argument == "-v";
    help_ = argument == "--help" || argument == "-h";
    git_answers_ = std::find(kAnswers.begin(), kAnswers.end(), argument) != kAnswers.end() ||
                   argument.starts_with("--list-cmds=");
    if (version_ || help_ || git_answers_) break;
    const Known* const option = find(argument);
    if (option == nullptr) fail_unknown(argument);
    words_.push_back(argument);
    const std::size_t equals = argument.find('=');
    std::string value;
    if (equals != std::string::npos) {
      value = argument.substr(equals + 1);
    } else if (option->value != Value::kNone) {
      if (++i == arguments.size())
        throw UsageError(fmt::format("no value given for '{}'", argument), "mgit");
      value = arguments[i];
      words_.push_back(value);
    }
    steps_.emplace_back(option->name, std::move(value));
  }
  rest_.assign(arguments.begin() + static_cast<std::ptrdiff_t>(i), arguments.end());
}

void GlobalOptions::apply() const {
  std::vector<std::pair<const char*, std::string>> paths;
  for (const auto& [name, value] : steps_) {
    const Known& option = *std::find_if(kKnown.begin(), kKnown.end(),
                                        [&](const Known& each) { return each.name == name; });
    if (name == "-C") {
      change_directory(value);
    } else if (name == "-c") {
      configure(value);
    } else if (name == "--config-env") {
      configure_from_environment(value);
    } else if (name == "--git-dir" || name == "--work-tree") {
      paths.emplace_back(option.variable, value);
    } else if (name == "--bare") {
      set("GIT_IMPLICIT_WORK_TREE", "0");
      if (std::getenv("GIT_DIR") == nullptr) set("GIT_DIR", fs::current_path().string());
    } else if (option.variable != nullptr) {
      set(option.variable, option.content != nullptr ? option.content : value);
    }
  }
  // Seen from where all of -C led to; absolute, for mgit starts git in other directories, too.
  for (const auto& [variable, path] : paths)
    set(variable, fs::absolute(path).lexically_normal().string());
}

}  // namespace mgit::cli
