#include "cli/completions.h"

#include <fmt/format.h>

#include <algorithm>

namespace mgit::cli {
namespace {

/// One name of an option, as a shell completes it.
struct Word {
  std::string name;
  std::string help;
  std::string value;  // what the value is called; empty: there is none
  bool attached = false;
};

std::vector<Word> words_of(const Options& options) {
  std::vector<Word> words;
  for (const Option& option : options.all()) {
    if (option.is_argument() || option.is_hidden()) continue;
    for (const std::string& name : option.names())
      words.push_back({name, option.help(), option.is_flag() ? "" : option.value_name(),
                       option.has_optional_value()});
  }
  for (const GitOption& option : options.git_options())
    for (const std::string& name : option.names)
      words.push_back(
          {name, option.help, option.value_name, option.value == GitOption::Value::kOptional});
  words.push_back({"--help", "how the command is used", "", false});
  return words;
}

/// The last word of "mgit migrate import".
std::string last_word(const std::string& name) { return name.substr(name.rfind(' ') + 1); }

/// Everything but what git completes better: its own options and arguments.
bool is_ours(const DescribedCommand& command) { return command.options.git_usage().empty(); }

/// "--json --points= --help" for bash: a name with a value ends in '='.
std::string bash_words(const Options& options) {
  std::string text;
  for (const Word& word : words_of(options)) {
    if (!word.name.starts_with("--")) continue;
    text +=
        (text.empty() ? "" : " ") + word.name + (word.value.empty() || word.attached ? "" : "=");
  }
  return text;
}

std::string escaped(const std::string& text, std::string_view special) {
  std::string result;
  for (const char each : text) {
    if (special.find(each) != std::string_view::npos) result += '\\';
    result += each;
  }
  return result;
}

/// In single quotes for zsh and fish.
std::string quoted(const std::string& text, bool fish) {
  std::string result = "'";
  for (const char each : text) {
    if (each == '\'')
      result += fish ? "\\'" : "'\\''";
    else if (each == '\\' && fish)
      result += "\\\\";
    else
      result += each;
  }
  return result + "'";
}

void add_zsh_options(std::string& text, const Options& options, const std::string& margin) {
  text += margin + "_arguments -s -S";
  for (const Word& word : words_of(options)) {
    std::string spec = word.name;
    if (!word.value.empty())
      spec +=
          word.name.starts_with("--") ? (word.attached ? "=-" : "=") : (word.attached ? "-" : "+");
    spec += "[" + escaped(word.help, "[]\\:") + "]";
    if (!word.value.empty())
      spec += (word.attached ? "::" : ":") + escaped(word.value, ":\\") + ":_files";
    text += " \\\n" + margin + "  " + quoted(spec, false);
  }
  text += " \\\n" + margin + "  '*: :_mgit_arguments'\n";
}

void add_fish_options(std::string& text, const Options& options, const std::string& condition) {
  for (const Word& word : words_of(options)) {
    const bool is_long = word.name.starts_with("--");
    text += fmt::format("complete -c mgit -n {} -{} {}{} -d {}\n", quoted(condition, true),
                        is_long ? "l" : "s", word.name.substr(is_long ? 2 : 1),
                        word.value.empty() || word.attached ? "" : " -r", quoted(word.help, true));
  }
}

}  // namespace

std::string bash_completion(const std::vector<DescribedCommand>& commands) {
  std::string names;
  std::string cases;
  for (const DescribedCommand& each : commands) {
    names += (names.empty() ? "" : " ") + each.entry->name;
    if (!is_ours(each)) continue;
    std::string children;
    for (const Options& child : each.options.subcommands()) {
      children += (children.empty() ? "" : " ") + last_word(child.name());
      cases += fmt::format("    '{} {}') words='{}' ;;\n", each.entry->name,
                           last_word(child.name()), bash_words(child));
    }
    cases += fmt::format("    {}) words='{}'{} ;;\n", each.entry->name, bash_words(each.options),
                         children.empty() ? "" : fmt::format(" children='{}'", children));
  }
  return "# bash completion of mgit, made by `mgit docs completion bash`. What is git's is left to "
         "git's.\n"
         "__mgit_commands='" +
         names + "'\n" + R"BASH(
# Sets words, children to what the command takes; status 1 if it is git's.
__mgit_options() {
  words= children=
  case $1 in
)BASH" + cases +
         R"BASH(    *) return 1 ;;
  esac
}

# COMPREPLY from the candidates in $1, with a blank after those that take no value.
__mgit_reply() {
  local word
  COMPREPLY=()
  for word in $1; do
    [[ $word == "$2"* ]] || continue
    [[ $word == *= ]] || word+=' '
    COMPREPLY+=("$word")
  done
  compopt -o nospace 2>/dev/null
}

# The command stands at COMP_WORDS[$1].
__mgit_complete() {
  local cur=${COMP_WORDS[COMP_CWORD]} command=${COMP_WORDS[$1]} next=${COMP_WORDS[$1 + 1]} words children
  if ((COMP_CWORD == $1)); then
    __mgit_reply "$__mgit_commands $2" "$cur"
    return
  fi
  __mgit_options "$command $next" || __mgit_options "$command" || return 1
  if [[ -n $children ]] && ((COMP_CWORD == $1 + 1)); then
    __mgit_reply "$children --help" "$cur"
  elif [[ $cur == -* ]]; then
    __mgit_reply "$words" "$cur"
  else
    local refs
    refs=$(git for-each-ref --format='%(refname:short)' refs/heads refs/tags refs/remotes 2>/dev/null)
    COMPREPLY=($(compgen -W "HEAD $refs" -- "$cur"))
    compopt -o default -o bashdefault 2>/dev/null
    mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen -f -- "$cur")
  fi
}

# git's completion of this command line, with git in mgit's place.
__mgit_as_git() {
  if ! declare -F __git_wrap__git_main >/dev/null; then
    if declare -F _completion_loader >/dev/null; then
      _completion_loader git
    elif [[ -r /usr/share/bash-completion/completions/git ]]; then
      . /usr/share/bash-completion/completions/git
    fi
  fi
  declare -F __git_wrap__git_main >/dev/null || return 1
  COMP_LINE=git${COMP_LINE#"${COMP_WORDS[0]}"}
  ((COMP_POINT += 3 - ${#COMP_WORDS[0]}))
  COMP_WORDS[0]=git
  __git_wrap__git_main
}

_mgit() {
  local at=1
  while ((at < COMP_CWORD)); do
    case ${COMP_WORDS[at]} in
      -C | -c | --git-dir | --work-tree | --namespace | --config-env) ((at += 2)) ;;
      -*) ((at++)) ;;
      *) break ;;
    esac
  done
  if ((at == COMP_CWORD)) && [[ ${COMP_WORDS[at]} == -* ]]; then
    __mgit_as_git
    return
  fi
  __mgit_complete "$at" "$(git --list-cmds=main,others,alias,nohelpers 2>/dev/null)" || __mgit_as_git
}

# For `git mgit …`: git's completion calls it.
_git_mgit() {
  local at
  for ((at = 1; at < COMP_CWORD; at++)); do
    [[ ${COMP_WORDS[at]} == mgit ]] && break
  done
  __mgit_complete "$((at + 1))"
}

complete -o bashdefault -o default -F _mgit mgit git-mgit
)BASH";
}

std::string zsh_completion(const std::vector<DescribedCommand>& commands) {
  std::string list;
  std::string cases;
  for (const DescribedCommand& each : commands) {
    list += "    " +
            quoted(escaped(each.entry->name, ":\\") + ":" + escaped(each.entry->summary, ":\\"),
                   false) +
            "\n";
    if (!is_ours(each)) continue;
    cases += "    " + each.entry->name + ")\n";
    if (each.options.subcommands().empty()) {
      add_zsh_options(cases, each.options, "      ");
    } else {
      std::string children;
      cases += "      shift words; (( CURRENT-- ))\n      case $words[1] in\n";
      for (const Options& child : each.options.subcommands()) {
        children +=
            " " + quoted(last_word(child.name()) + ":" + escaped(child.summary(), ":\\"), false);
        cases += "        " + last_word(child.name()) + ")\n";
        add_zsh_options(cases, child, "          ");
        cases += "          ;;\n";
      }
      cases += "        *) local -a children=(" + children.substr(1) +
               "); _describe -t commands 'sub-command' children ;;\n      esac\n";
    }
    cases += "      ;;\n";
  }
  return R"ZSH(#compdef mgit git-mgit
# zsh completion of mgit, made by `mgit docs completion zsh`. What is git's is left to git's.

_mgit_arguments() {
  local -a refs
  refs=(HEAD ${(f)"$(git for-each-ref --format='%(refname:short)' refs/heads refs/tags refs/remotes 2>/dev/null)"})
  _alternative 'revisions:revision:compadd -a refs' 'files:file:_files'
}

_mgit() {
  local -a commands
  commands=(
)ZSH" + list +
         R"ZSH(  )
  local -a before=("${words[@]}")
  integer current=$CURRENT
  while (( CURRENT > 2 )) && [[ $words[2] == -* ]]; do
    case $words[2] in
      -C|-c|--git-dir|--work-tree|--namespace|--config-env) words[2]=(); (( CURRENT-- )) ;;
    esac
    words[2]=(); (( CURRENT-- ))
  done
  if (( CURRENT == 2 )) && [[ $words[2] != -* ]]; then
    _describe -t commands 'mgit command' commands
    words=("${before[@]}"); CURRENT=$current; words[1]=git; service=git
    _git
    return
  fi
  shift words; (( CURRENT-- ))
  case $words[1] in
)ZSH" + cases +
         R"ZSH(    *)
      words=("${before[@]}"); CURRENT=$current; words[1]=git; service=git
      _git
      ;;
  esac
}

_mgit "$@"
)ZSH";
}

std::string fish_completion(const std::vector<DescribedCommand>& commands) {
  std::string names;
  for (const DescribedCommand& each : commands)
    names += (names.empty() ? "" : " ") + each.entry->name;
  std::string text =
      "# fish completion of mgit, made by `mgit docs completion fish`. What is git's is left to "
      "git's.\n"
      "set -g __mgit_commands " +
      names + "\n" + R"FISH(
# The words after mgit, or after git mgit, without the options before the command.
function __mgit_words
    set -l tokens (commandline -opc)
    set -e tokens[1]
    test "$tokens[1]" = mgit; and set -e tokens[1]
    while string match -q -- '-*' "$tokens[1]"
        contains -- "$tokens[1]" -C -c --git-dir --work-tree --namespace --config-env; and set -e tokens[1]
        set -e tokens[1]
    end
    string join \n -- $tokens
end

function __mgit_needs_command
    test -z "$(__mgit_words)"
end

# __mgit_using COMMAND [SUBCOMMAND]
function __mgit_using
    set -l words (__mgit_words)
    test "$words[1]" = "$argv[1]"; or return 1
    test (count $argv) -lt 2; or test "$words[2]" = "$argv[2]"
end

function __mgit_needs_subcommand
    set -l words (__mgit_words)
    test "$words[1]" = "$argv[1]" -a (count $words) -eq 1
end

complete -c mgit -w git
complete -c git -n 'contains -- mgit (commandline -opc); and __mgit_needs_command' -f -a "$__mgit_commands"
)FISH";
  for (const DescribedCommand& each : commands) {
    const std::string& name = each.entry->name;
    text += fmt::format("complete -c mgit -n __mgit_needs_command -f -a {} -d {}\n", name,
                        quoted(each.entry->summary, true));
    if (!is_ours(each)) continue;
    if (each.options.subcommands().empty())
      add_fish_options(text, each.options, "__mgit_using " + name);
    for (const Options& child : each.options.subcommands()) {
      const std::string word = last_word(child.name());
      text += fmt::format("complete -c mgit -n {} -f -a {} -d {}\n",
                          quoted("__mgit_needs_subcommand " + name, true), word,
                          quoted(child.summary(), true));
      add_fish_options(text, child, "__mgit_using " + name + " " + word);
    }
  }
  return text;
}

}  // namespace mgit::cli
