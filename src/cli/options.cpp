#include "cli/options.h"

#include <fmt/format.h>

#include <algorithm>

namespace mgit::cli {
namespace {

constexpr std::size_t kColumns = 100;
constexpr std::size_t kHelpColumn = 30;

/// Short ones first.
std::vector<std::string> split(const std::string& names) {
  std::vector<std::string> result;
  std::size_t at = 0;
  while (at <= names.size()) {
    const std::size_t comma = std::min(names.find(',', at), names.size());
    result.push_back(names.substr(at, comma - at));
    at = comma + 1;
  }
  std::stable_partition(result.begin(), result.end(),
                        [](const std::string& name) { return !name.starts_with("--"); });
  return result;
}

/// `text` in lines that end before column 100 and begin at `margin`.
std::string folded(const std::string& text, std::size_t margin = kHelpColumn) {
  std::string result;
  std::size_t column = margin;
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t space = std::min(text.find(' ', at), text.size());
    const std::string word = text.substr(at, space - at);
    if (at > 0 && column + 1 + word.size() > kColumns) {
      result += "\n" + std::string(margin, ' ');
      column = margin;
    } else if (at > 0) {
      result += ' ';
      ++column;
    }
    result += word;
    column += word.size();
    at = space + 1;
  }
  return result + "\n";
}

std::string row(const std::string& left, const std::string& help) {
  std::string line = "  " + left;
  if (line.size() + 2 > kHelpColumn) line += "\n" + std::string(kHelpColumn, ' ');
  if (line.size() < kHelpColumn) line.resize(kHelpColumn, ' ');
  return line + folded(help);
}

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

bool has_switches(const Options& options) {
  for (const Option& option : options.all())
    if (!option.is_argument() && !option.is_hidden()) return true;
  return !options.git_options().empty();
}

}  // namespace

std::string Option::spelled() const {
  if (is_argument()) return "<" + names_.front() + ">" + (is_list() ? "..." : "");
  const std::string text = joined(names_);
  if (is_flag()) return text;
  const std::string value = "<" + value_name_ + ">";
  return text + (optional_value_ ? "[=" + value + "]" : " " + value);
}

std::string GitOption::spelled() const {
  const std::string text = joined(names);
  if (value == Value::kNone) return text;
  if (value == Value::kRequired) return text + " <" + value_name + ">";
  const bool word = text.find("--") != std::string::npos;
  return text + (word ? "[=<" : "[<") + value_name + ">]";
}

std::string Options::usage() const {
  std::string line = name_;
  if (has_switches(*this)) line += " [<options>]";
  for (const Option& option : options_) {
    if (!option.is_argument() || option.is_hidden()) continue;
    line += option.is_required() ? " " + option.spelled() : " [" + option.spelled() + "]";
  }
  if (!as_git_.empty()) line += " [<git's options and arguments>]";
  return line;
}

Option& Option::required() {
  required_ = true;
  return *this;
}

Option& Option::hidden() {
  hidden_ = true;
  return *this;
}

Option& Option::value_name(std::string name) {
  value_name_ = std::move(name);
  return *this;
}

Option& Option::optional_value() {
  optional_value_ = true;
  return *this;
}

Option& Option::at_most(int count) {
  most_ = count;
  return *this;
}

Option& Option::range(int least, int most) {
  range_ = std::pair(least, most);
  return *this;
}

Option& Option::size() {
  size_ = true;
  value_name_ = "size";
  return *this;
}

Option& Option::excludes(const Option& other) {
  excluded_.push_back(&other);
  return *this;
}

Option& Options::add(Option option) {
  options_.push_back(std::move(option));
  return options_.back();
}

Option& Options::flag(const std::string& names, bool& target, const std::string& help) {
  return add({split(names), target, help});
}

Option& Options::value(const std::string& names, Option::Target target, const std::string& help) {
  Option& option = add({split(names), target, help});
  if (std::holds_alternative<std::filesystem::path*>(target.pointer))
    option.value_name("file");
  else if (!std::holds_alternative<std::string*>(target.pointer))
    option.value_name("number");
  return option;
}

Option& Options::values(const std::string& names, std::vector<std::string>& target,
                        const std::string& help) {
  return add({split(names), target, help});
}

Option& Options::argument(const std::string& name, Option::Target target, const std::string& help) {
  return add({{name}, target, help});
}

Option& Options::arguments(const std::string& name, std::vector<std::string>& target,
                           const std::string& help) {
  return add({{name}, target, help});
}

Options& Options::subcommand(const std::string& name, const std::string& summary) {
  subcommands_.emplace_back(name_ + " " + name, summary);
  return subcommands_.back();
}

void Options::git(const std::string& spelled, std::vector<std::string>& words,
                  const std::string& help) {
  GitOption option;
  const std::size_t value = spelled.find_first_of(" [");
  option.names = split(spelled.substr(0, value));
  option.help = help;
  if (value != std::string::npos) {
    option.value =
        spelled[value] == '[' ? GitOption::Value::kOptional : GitOption::Value::kRequired;
    const std::size_t open = spelled.find('<', value) + 1;
    option.value_name = spelled.substr(open, spelled.find('>', open) - open);
  }
  git_options_.push_back(std::move(option));
  git_words_ = &words;
}

std::string Options::help() const {
  for (const Options& each : subcommands_)
    if (each.chosen_) return each.help();
  std::string text = "usage: " + usage() + "\n";
  for (const Options& each : subcommands_) text += "       " + each.usage() + "\n";
  text += "\n" + summary_ + "\n\n";
  for (std::size_t at = 0; at < description_.size();) {
    const std::size_t end = std::min(description_.find("\n\n", at), description_.size());
    text += folded(description_.substr(at, end - at), 0) + "\n";
    at = end + 2;
  }
  if (!as_git_.empty()) text += "  " + as_git_ + "\n";
  for (const Options& each : subcommands_) text += row(each.name_, each.summary_);
  for (const Option& option : options_)
    if (option.is_argument() && !option.is_hidden()) text += row(option.spelled(), option.help());
  for (const Option& option : options_)
    if (!option.is_argument() && !option.is_hidden()) text += row(option.spelled(), option.help());
  text += row("-h, --help", "this text");
  if (!git_options_.empty()) text += "\nHanded to git:\n";
  for (const GitOption& option : git_options_) text += row(option.spelled(), option.help);
  return footer_.empty() ? text : text + "\n" + footer_ + "\n";
}

}  // namespace mgit::cli
