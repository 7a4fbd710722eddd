#include "cli/manual.h"

#include <fmt/format.h>

#include <sstream>

namespace mgit::cli {
namespace {

constexpr const char* kGlobalOptions =
    "git's options before the command hold for mgit's commands, too: -C <dir>, -c <name>=<value>, "
    "--config-env, --git-dir, --work-tree, --namespace, --bare, --no-pager, --no-optional-locks, "
    "--no-replace-objects, --literal-pathspecs and their like. Options may be abbreviated as long "
    "as they are unambiguous, short ones bundled, and stand after the arguments.";

constexpr const char* kStatus =
    "0: success. 1: a conflict, a difference that was asked for, or problems that were found. "
    "128: an error. 129: wrong usage.";

std::string capital(std::string text) {
  if (!text.empty() && text.front() >= 'a' && text.front() <= 'z' && !text.starts_with("git"))
    text.front() = static_cast<char>(text.front() - 'a' + 'A');
  return text;
}

std::vector<std::string> paragraphs(const std::string& text) {
  std::vector<std::string> result;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find("\n\n", at), text.size());
    result.push_back(text.substr(at, end - at));
    at = end + 2;
  }
  return result;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> result;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) result.push_back(line);
  return result;
}

/// In Markdown, < and * outside of code mean something.
std::string plain(const std::string& text) {
  std::string result;
  for (const char each : text) {
    if (each == '<' || each == '*' || each == '_' || each == '`') result += '\\';
    result += each;
  }
  return result;
}

void add_options(std::string& text, const Options& options) {
  for (const Option& option : options.all())
    if (!option.is_hidden())
      text += fmt::format("- `{}`: {}\n", option.spelled(), plain(option.help()));
}

void add_git_options(std::string& text, const Options& options) {
  if (options.git_options().empty()) return;
  text += "\nHanded to git:\n\n";
  for (const GitOption& option : options.git_options())
    text += fmt::format("- `{}`: {}\n", option.spelled(), plain(option.help));
}

std::string markdown_of(const Options& options) {
  std::string text = fmt::format("{}.\n\n```\n", plain(capital(options.summary())));
  if (options.subcommands().empty()) text += options.usage() + "\n";
  for (const Options& each : options.subcommands()) text += each.usage() + "\n";
  text += "```\n\n";
  for (const std::string& each : paragraphs(options.description())) text += plain(each) + "\n\n";
  if (!options.git_usage().empty()) text += capital(plain(options.git_usage())) + ".\n\n";
  add_options(text, options);
  add_git_options(text, options);
  if (text.ends_with("\n") && !text.ends_with("\n\n")) text += "\n";
  return text;
}

/// In roff, a backslash escapes, a minus is a hyphen, and lines may not begin with . or '.
std::string roff(const std::string& text) {
  std::string result;
  for (const char each : text) {
    const bool starts = result.empty() || result.back() == '\n';
    if (starts && (each == '.' || each == '\'')) result += "\\&";
    if (each == '\\')
      result += "\\e";
    else if (each == '-')
      result += "\\-";
    else
      result += each;
  }
  return result;
}

void add_entry(std::string& page, const std::string& spelled, const std::string& help) {
  page += fmt::format(".TP\n.B {}\n{}\n", roff(spelled), roff(capital(help)));
}

void add_examples(std::string& page, const std::string& footer) {
  if (footer.empty()) return;
  page += ".SH EXAMPLES\n.nf\n";
  for (const std::string& line : lines_of(footer))
    if (line != "Example:") page += roff(line) + "\n";
  page += ".fi\n";
}

std::string header(const std::string& name) {
  return fmt::format(".TH {} 1 \"\" \"mgit {}\" \"mgit manual\"\n", roff(name), MGIT_VERSION);
}

void add_options_page(std::string& page, const Options& options) {
  for (const Option& option : options.all())
    if (!option.is_hidden()) add_entry(page, option.spelled(), option.help());
}

}  // namespace

std::vector<DescribedCommand> describe_all() {
  std::vector<DescribedCommand> result;
  for (const CommandEntry& entry : command_table()) {
    if (entry.hidden) continue;
    result.push_back({&entry, entry.make(), describe(entry)});
    result.back().command->options(result.back().options);
  }
  return result;
}

std::string manual_markdown(const std::vector<DescribedCommand>& commands) {
  std::string text =
      "# mgit's commands\n\n"
      "<!-- Made by `mgit docs markdown >docs/cli.md`; a test fails when it is out of date. -->\n\n"
      "Every command that is not listed here is git's. `mgit help <command>` prints what stands "
      "here; `git mgit <command>` is `mgit <command>`.\n\n";
  text += plain(kGlobalOptions) + "\n\nExit status: " + plain(kStatus) + "\n\n";
  for (const DescribedCommand& each : commands)
    text += fmt::format("- [{0}](#mgit-{0}): {1}\n", each.entry->name, plain(each.entry->summary));
  for (const DescribedCommand& each : commands) {
    text += fmt::format("\n## mgit {}\n\n{}", each.entry->name, markdown_of(each.options));
    for (const Options& child : each.options.subcommands())
      text += fmt::format("### {}\n\n{}", child.name(), markdown_of(child));
    if (!each.options.footer().empty()) text += "```\n" + each.options.footer() + "\n```\n";
  }
  while (text.ends_with("\n\n")) text.pop_back();
  return text;
}

std::string manual_page(const DescribedCommand& command) {
  const Options& options = command.options;
  const std::string& name = command.entry->name;
  std::string page = header("mgit-" + name);
  page += fmt::format(".SH NAME\nmgit\\-{} \\- {}\n.SH SYNOPSIS\n.nf\n", roff(name),
                      roff(options.summary()));
  if (options.subcommands().empty()) page += roff(options.usage()) + "\n";
  for (const Options& each : options.subcommands()) page += roff(each.usage()) + "\n";
  page += ".fi\n.SH DESCRIPTION\n" + roff(capital(options.summary())) + ".\n";
  for (const std::string& each : paragraphs(options.description()))
    page += ".PP\n" + roff(each) + "\n";
  if (!options.git_usage().empty()) page += ".PP\n" + roff(capital(options.git_usage())) + ".\n";
  if (!options.all().empty()) page += ".SH OPTIONS\n";
  add_options_page(page, options);
  for (const Options& each : options.subcommands()) {
    page += fmt::format(".SH {}\n{}.\n", roff(each.name()), roff(capital(each.summary())));
    add_options_page(page, each);
  }
  if (!options.git_options().empty()) page += ".SH OPTIONS HANDED TO GIT\n";
  for (const GitOption& each : options.git_options()) add_entry(page, each.spelled(), each.help);
  add_examples(page, options.footer());
  page += ".SH SEE ALSO\n.BR mgit (1)";
  if (!options.git_usage().empty() || !options.git_options().empty() || name == "rebase")
    page += fmt::format(",\n.BR git\\-{} (1)", roff(name));
  return page + "\n";
}

std::string manual_overview(const std::vector<DescribedCommand>& commands) {
  std::string page = header("mgit");
  page +=
      ".SH NAME\nmgit \\- version control for neural-network checkpoints\n.SH SYNOPSIS\n.nf\n"
      "mgit [<git's options>] <command> [<args>]\ngit mgit <command> [<args>]\n.fi\n"
      ".SH DESCRIPTION\n"
      "Works in ordinary git repositories, where git stores a small text, the manifest, in place "
      "of "
      "each checkpoint. Every command that is not listed here is git's.\n.PP\n";
  page += roff(kGlobalOptions) + "\n.SH COMMANDS\n";
  for (const DescribedCommand& each : commands)
    page += fmt::format(".TP\n.BR mgit\\-{} (1)\n{}\n", roff(each.entry->name),
                        roff(capital(each.entry->summary)));
  return page + ".SH EXIT STATUS\n" + roff(kStatus) + "\n.SH SEE ALSO\n.BR git (1)\n";
}

}  // namespace mgit::cli
