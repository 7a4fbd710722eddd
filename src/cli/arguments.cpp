#include "cli/arguments.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/similar.h"
#include "mgit/base.h"

namespace mgit::cli {
namespace {

/// An option of mgit's or of git's, or --help.
struct Known {
  const Option* ours = nullptr;
  const GitOption* git = nullptr;
  std::string name;  // as declared

  bool takes_value() const {
    if (ours != nullptr) return !ours->is_flag() && !ours->has_optional_value();
    return git != nullptr && git->value == GitOption::Value::kRequired;
  }
  bool may_have_value() const {
    if (ours != nullptr) return !ours->is_flag();
    return git != nullptr && git->value != GitOption::Value::kNone;
  }
};

/// Tells the options of one command line from its arguments. For one call; throws Error for an
/// option that neither mgit nor git has.
class Sorter {
 public:
  Sorter(const Options& options, const std::vector<std::string>& arguments)
      : options_(options), arguments_(arguments) {
    for (const Option& option : options.all())
      if (!option.is_argument())
        for (const std::string& name : option.names()) known_.push_back({&option, nullptr, name});
    for (const GitOption& option : options.git_options())
      for (const std::string& name : option.names) known_.push_back({nullptr, &option, name});
    known_.push_back({nullptr, nullptr, "--help"});
    known_.push_back({nullptr, nullptr, "-h"});
  }

  std::vector<std::string> sorted() {
    for (at_ = 0; at_ < arguments_.size(); ++at_) {
      const std::string& argument = arguments_[at_];
      if (argument == "--") {
        positional_.insert(positional_.end(),
                           arguments_.begin() + static_cast<std::ptrdiff_t>(at_) + 1,
                           arguments_.end());
        break;
      }
      if (argument.starts_with("--"))
        take_long(argument);
      else if (argument.size() > 1 && argument[0] == '-')
        take_short(argument);
      else
        positional_.push_back(argument);
    }
    check_positional();
    // Only where needed: to CLI11 it also ends a sub-command.
    if (std::any_of(positional_.begin(), positional_.end(),
                    [](const std::string& each) { return each.starts_with("-"); }))
      ours_.emplace_back("--");
    ours_.insert(ours_.end(), positional_.begin(), positional_.end());
    return std::move(ours_);
  }

 private:
  [[noreturn]] void fail(const std::string& what, const std::string& hint = {}) const {
    throw UsageError(
        what, options_.name(),
        hint.empty() ? fmt::format("'{} --help' shows how it is used", options_.name()) : hint);
  }

  [[noreturn]] void fail_unknown(const std::string& name) const {
    std::vector<std::string> names;
    for (const Known& each : known_)
      if (each.ours == nullptr || !each.ours->is_hidden()) names.push_back(each.name);
    const std::vector<std::string> near = similar_names(name, names);
    fail(fmt::format("unknown option '{}'", name),
         near.empty() ? "" : fmt::format("did you mean {}?", fmt::join(near, " or ")));
  }

  /// The one with this name, or the only one that begins with it.
  const Known& find_long(const std::string& name) const {
    std::vector<const Known*> found;
    for (const Known& each : known_) {
      if (each.name == name) return each;
      if (each.name.starts_with(name)) found.push_back(&each);
    }
    if (found.empty()) fail_unknown(name);
    const bool one = std::all_of(found.begin(), found.end(), [&](const Known* each) {
      return each->ours == found.front()->ours && each->git == found.front()->git;
    });
    if (!one)
      fail(fmt::format("ambiguous option '{}': {} or {}", name, found[0]->name, found[1]->name));
    return *found.front();
  }

  const Known& find_short(char letter) const {
    const std::string name{'-', letter};
    for (const Known& each : known_)
      if (each.name == name) return each;
    fail_unknown(name);
  }

  std::string next_value(const Known& option) {
    if (at_ + 1 == arguments_.size())
      fail(fmt::format("option '{}' requires a value", option.name));
    return arguments_[++at_];
  }

  void take_long(const std::string& argument) {
    const std::size_t equals = argument.find('=');
    const Known& option = find_long(argument.substr(0, equals));
    if (equals != std::string::npos) {
      if (!option.may_have_value()) fail(fmt::format("option '{}' takes no value", option.name));
      give(option, argument.substr(equals + 1));
    } else if (option.takes_value()) {
      give(option, next_value(option));
    } else {
      give(option);
    }
  }

  void take_short(const std::string& argument) {
    for (std::size_t i = 1; i < argument.size(); ++i) {
      const Known& option = find_short(argument[i]);
      const std::string rest = argument.substr(i + 1);
      if (option.may_have_value() && !rest.empty()) return give(option, rest);
      if (option.takes_value()) return give(option, next_value(option));
      give(option);
    }
  }

  void give(const Known& option) {
    if (option.git != nullptr)
      options_.git_words()->push_back(option.name);
    else if (option.ours == nullptr || option.ours->is_flag())
      ours_.push_back(option.name);
  }

  void give(const Known& option, const std::string& value) {
    const bool word = option.name.starts_with("--");
    if (option.git != nullptr) {
      std::vector<std::string>& words = *options_.git_words();
      if (value.empty() && !word)
        words.insert(words.end(), {option.name, value});
      else
        words.push_back(option.name + (word ? "=" : "") + value);
    } else if (value.empty()) {
      ours_.insert(ours_.end(), {option.name, value});
    } else {
      ours_.push_back(option.name + (word ? "=" : "") + value);
    }
  }

  void check_positional() const {
    std::size_t most = 0;
    for (const Option& option : options_.all()) {
      if (!option.is_argument()) continue;
      if (option.is_list() && option.most() == 0) return;
      most += option.is_list() ? static_cast<std::size_t>(option.most()) : 1;
    }
    if (options_.subcommands().empty() && positional_.size() > most)
      fail(fmt::format("unexpected argument '{}'", positional_[most]));
  }

  const Options& options_;
  const std::vector<std::string>& arguments_;
  std::vector<Known> known_;
  std::size_t at_ = 0;
  std::vector<std::string> ours_;
  std::vector<std::string> positional_;
};

std::vector<std::string> with_subcommand(const Options& options,
                                         const std::vector<std::string>& arguments) {
  if (arguments.empty() || arguments.front() == "--help" || arguments.front() == "-h")
    return arguments;
  std::vector<std::string> names;
  for (const Options& each : options.subcommands()) {
    names.push_back(each.name().substr(options.name().size() + 1));
    if (names.back() != arguments.front()) continue;
    std::vector<std::string> rest = sort_arguments(each, {arguments.begin() + 1, arguments.end()});
    rest.insert(rest.begin(), names.back());
    return rest;
  }
  const std::vector<std::string> near = similar_names(arguments.front(), names);
  throw UsageError(fmt::format("unknown sub-command '{}'", arguments.front()), options.name(),
                   near.empty() ? fmt::format("it has {}", fmt::join(names, ", "))
                                : fmt::format("did you mean {}?", fmt::join(near, " or ")));
}

}  // namespace

std::vector<std::string> sort_arguments(const Options& options,
                                        const std::vector<std::string>& arguments) {
  if (!options.subcommands().empty()) return with_subcommand(options, arguments);
  return Sorter(options, arguments).sorted();
}

}  // namespace mgit::cli
