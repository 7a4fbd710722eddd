// What a command takes: flags, values, arguments and sub-commands, declared once. Parsing, --help,
// docs/cli.md, man pages and completions are made from it.
//
// The tree refers to the variables it fills, which must outlive parse(). One thread. No templates
// here: the parser behind it (CLI11) is compiled in options_parse.cpp alone.
#pragma once

#include <concepts>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace mgit::cli {

/// A flag, a value or an argument. Setters return the option, to be chained.
class Option {
 public:
  using Pointer = std::variant<bool*, int*, std::uint64_t*, double*, std::string*,
                               std::filesystem::path*, std::vector<std::string>*>;
  /// The variable that is filled.
  struct Target {
    template <typename T>
    requires std::constructible_from<Pointer, T*> Target(T& variable) : pointer(&variable) {}
    Pointer pointer;
  };

  Option(std::vector<std::string> names, Target target, std::string help)
      : names_(std::move(names)), target_(target.pointer), help_(std::move(help)) {}

  Option& required();
  Option& hidden();
  /// What --help calls the value.
  Option& value_name(std::string name);
  /// The value may be left out; a given one is attached (--prune=now), as git has it.
  Option& optional_value();
  /// Of a list of arguments.
  Option& at_most(int count);
  Option& range(int least, int most);
  /// The number may have a unit: 100MB, 1GiB.
  Option& size();
  Option& excludes(const Option& other);

  /// As typed, "-n" and "--dry-run"; of an argument its name alone.
  const std::vector<std::string>& names() const { return names_; }
  const Pointer& target() const { return target_; }
  const std::string& help() const { return help_; }
  const std::string& value_name() const { return value_name_; }
  bool is_argument() const { return !names_.front().starts_with("-"); }
  bool is_flag() const { return std::holds_alternative<bool*>(target_); }
  bool is_list() const { return std::holds_alternative<std::vector<std::string>*>(target_); }
  bool is_required() const { return required_; }
  bool is_hidden() const { return hidden_; }
  bool is_size() const { return size_; }
  bool has_optional_value() const { return optional_value_; }
  /// "-n, --dry-run", "--points <number>", "--prune[=<date>]", "<branches>...".
  std::string spelled() const;
  int most() const { return most_; }
  const std::optional<std::pair<int, int>>& range() const { return range_; }
  const std::vector<const Option*>& excluded() const { return excluded_; }

 private:
  std::vector<std::string> names_;
  Pointer target_;
  std::string help_;
  std::string value_name_ = "value";
  bool required_ = false;
  bool hidden_ = false;
  bool size_ = false;
  bool optional_value_ = false;
  int most_ = 0;  // no limit
  std::optional<std::pair<int, int>> range_;
  std::vector<const Option*> excluded_;
};

/// An option of git's command of that name, handed on as it was typed.
struct GitOption {
  enum class Value { kNone, kRequired, kOptional };  // an optional one is attached: --log=5, -Skey

  std::vector<std::string> names;
  Value value = Value::kNone;
  std::string value_name;
  std::string help;

  std::string spelled() const;
};

class Options {
 public:
  /// `name`: as typed, "mgit merge".
  explicit Options(std::string name, std::string summary = {})
      : name_(std::move(name)), summary_(std::move(summary)) {}

  /// `names`: "-n,--dry-run".
  Option& flag(const std::string& names, bool& target, const std::string& help);
  /// At most once; the type of the target decides what is accepted.
  Option& value(const std::string& names, Option::Target target, const std::string& help);
  /// As often as wanted, one value each.
  Option& values(const std::string& names, std::vector<std::string>& target,
                 const std::string& help);
  /// By position, in the order of declaration.
  Option& argument(const std::string& name, Option::Target target, const std::string& help = {});
  Option& arguments(const std::string& name, std::vector<std::string>& target,
                    const std::string& help);
  /// One of them must be chosen. The reference lives as long as this tree.
  Options& subcommand(const std::string& name, const std::string& summary);
  /// git's option, collected in `words` with its value, in the order of the command line.
  /// `spelled`: "-n,--no-stat", "--log[=<n>]", "-F,--file <file>".
  void git(const std::string& spelled, std::vector<std::string>& words, const std::string& help);
  /// Every argument is git's; `usage` says for --help which.
  void as_git(const std::string& usage) { as_git_ = usage; }
  /// What the command does and prints, in paragraphs separated by an empty line.
  void description(const std::string& text) { description_ = text; }
  /// Closing lines of --help: examples.
  void footer(const std::string& text) { footer_ = text; }

  /// Fills the targets. Throws UsageError; returns false if help was asked for.
  bool parse(const std::vector<std::string>& arguments);
  /// Of this command, or of the sub-command that was chosen.
  std::string help() const;
  /// "mgit ls [<options>] [<rev>] [<path>]".
  std::string usage() const;
  /// After parse(): this sub-command was chosen.
  bool chosen() const { return chosen_; }

  const std::string& name() const { return name_; }
  const std::string& summary() const { return summary_; }
  const std::string& git_usage() const { return as_git_; }
  const std::string& description() const { return description_; }
  const std::string& footer() const { return footer_; }
  const std::deque<Option>& all() const { return options_; }
  const std::deque<Options>& subcommands() const { return subcommands_; }
  const std::vector<GitOption>& git_options() const { return git_options_; }
  /// Where git's options are collected; nullptr: there are none.
  std::vector<std::string>* git_words() const { return git_words_; }

 private:
  friend class Parser;

  Option& add(Option option);

  std::string name_;
  std::string summary_;
  std::string as_git_;
  std::string description_;
  std::string footer_;
  bool chosen_ = false;
  std::deque<Option> options_;  // a deque: references stay
  std::deque<Options> subcommands_;
  std::vector<GitOption> git_options_;
  std::vector<std::string>* git_words_ = nullptr;
};

}  // namespace mgit::cli
