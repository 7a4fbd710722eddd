// Options over CLI11: included nowhere else, for its templates cost ten seconds a file.
#include <CLI/CLI.hpp>

#include "cli/arguments.h"
#include "cli/options.h"
#include "mgit/base.h"

namespace mgit::cli {
namespace {

std::string with_commas(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ",") + name;
  return text;
}

/// CLI11 takes "[a,b]" for a list, wherever several words may stand; a file may be called that.
constexpr char kNoList = '\x01';

void keep_brackets(std::vector<std::string>& words) {
  for (std::string& word : words)
    if (word.starts_with('[') && word.ends_with(']')) word.insert(word.begin(), kNoList);
}

void give_back(std::string& word) {
  if (word.starts_with(kNoList)) word.erase(word.begin());
}

template <typename T>
CLI::Option* declare(CLI::App& app, const Option& option, T& target) {
  const std::string names = with_commas(option.names());
  if constexpr (std::is_same_v<T, bool>) {
    return app.add_flag(names, target, option.help());
  } else {
    CLI::Option* declared = app.add_option(names, target, option.help());
    if constexpr (std::is_same_v<T, std::vector<std::string>>) {
      if (option.is_argument())
        declared->expected(
            0, option.most() > 0 ? option.most() : CLI::detail::expected_max_vector_size);
      else
        declared->expected(1)->allow_extra_args(false)->take_all();
    }
    if (option.has_optional_value()) declared->expected(0, 1);
    return declared;
  }
}

}  // namespace

/// A tree of Options as a tree of CLI11's.
class Parser {
 public:
  static void declare_all(Options& options, CLI::App& app) {
    std::map<const Option*, CLI::Option*> declared;
    for (Option& option : options.options_) {
      CLI::Option* each =
          std::visit([&](auto* target) { return declare(app, option, *target); }, option.target());
      if (option.is_required()) each->required();
      if (option.range()) each->check(CLI::Range(option.range()->first, option.range()->second));
      if (option.is_size()) each->transform(CLI::AsSizeValue(false));
      for (const Option* other : option.excluded()) each->excludes(declared.at(other));
      declared.emplace(&option, each);
    }
    if (!options.subcommands_.empty()) app.require_subcommand(1);
    for (Options& each : options.subcommands_) {
      const std::string name = each.name_.substr(options.name_.size() + 1);
      CLI::App* const child = app.add_subcommand(name, each.summary_);
      child->preparse_callback([&each](std::size_t) { each.chosen_ = true; });
      declare_all(each, *child);
    }
  }

  static void give_back_brackets(Options& options) {
    for (Option& option : options.options_)
      std::visit(
          [](auto* target) {
            using Target = std::remove_pointer_t<decltype(target)>;
            if constexpr (std::is_same_v<Target, std::string>) give_back(*target);
            if constexpr (std::is_same_v<Target, std::vector<std::string>>)
              for (std::string& word : *target) give_back(word);
          },
          option.target());
    for (Options& each : options.subcommands_) give_back_brackets(each);
  }
};

bool Options::parse(const std::vector<std::string>& arguments) {
  CLI::App app(summary_, name_);
  Parser::declare_all(*this, app);
  try {
    std::vector<std::string> ours = sort_arguments(*this, arguments);
    keep_brackets(ours);
    app.parse(std::vector<std::string>(ours.rbegin(), ours.rend()));  // CLI11 takes them last first
  } catch (const CLI::CallForHelp&) {
    return false;
  } catch (const CLI::ParseError& error) {
    throw UsageError(error.what(), name_, fmt::format("'{} --help' shows how it is used", name_));
  }
  Parser::give_back_brackets(*this);
  return true;
}

}  // namespace mgit::cli
