# Help, reference, man pages and completions: made from the commands' own declarations.
. "$(dirname "$0")/lib.sh"

commands=$(mgit --help | sed -n 's/^   \([a-z-]*\)  *.*/\1/p')

scenario "docs/cli.md is what the commands declare"
mgit docs markdown >cli.md
same_file cli.md "$MGIT_SOURCE/docs/cli.md"
[ "$failures" = 0 ] || echo "run: mgit docs markdown >docs/cli.md" >&2

scenario "every command explains itself, with an example"
[ "$(wc -w <<<"$commands")" -gt 20 ] || fail "mgit --help lists too few commands" "$commands"
for command in $commands; do
  ok mgit "$command" --help
  contains "$output" "usage: mgit $command"
  contains "$output" "Example:
  mgit $command"
  help=$output
  ok mgit "$command" -h
  equal "$output" "$help" "mgit $command -h"
  ok mgit help "$command"
  equal "$output" "$help" "mgit help $command"
  ok git mgit "$command" -h
  equal "$output" "$help" "git mgit $command -h"
  equal "$(awk 'length > 100' <<<"$help")" "" "lines of help are at most 100 columns wide"
done
ok mgit migrate import --help
contains "$output" "usage: mgit migrate import"
ok mgit help
contains "$output" "usage: mgit"
ok mgit -h
fails_with 129 "usage: mgit" mgit
ok git mgit help ls
contains "$output" "usage: mgit ls"
run git help status
wanted=$status
run mgit help status
equal "$status" "$wanted" "mgit help status is git's"

scenario "what is installed: man pages, completions"
ok cmake --install "$MGIT_BUILD" --prefix "$PWD/there" --component Unspecified
share=there/share
[ -x there/bin/mgit ] && [ -e there/bin/git-mgit ] || fail "no mgit is installed"
for command in $commands; do
  [ -s "$share/man/man1/mgit-$command.1" ] || fail "no man page of $command"
done
contains "$(cat "$share/man/man1/mgit.1")" 'mgit\-lineage (1)'
cmp -s <(mgit docs man merge) "$share/man/man1/mgit-merge.1" || fail "the man page of merge is another one"
if command -v man >/dev/null && man --version >/dev/null 2>&1 && command -v groff >/dev/null; then
  for page in "$share"/man/man1/*.1; do
    equal "$(cd "$share/man" && man --warnings -E UTF-8 -l "man1/${page##*/}" 2>&1 >/dev/null)" "" "${page##*/}"
  done
  export MANPATH=$PWD/$share/man
  for command in "git help mgit" "git mgit --help" "man mgit"; do
    ok $command
    contains "$output" "version control for neural-network checkpoints"
  done
  ok man mgit-merge
  contains "$output" "--signoff"
else
  echo "not tested: man pages through man (no man or groff here)" >&2
fi

# complete WORD…: what bash would propose for the last word.
complete_with=_mgit
completions() {
  bash -c '
    complete() { :; }; compopt() { :; }
    . "$1"; function=$2; shift 2
    COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMP_LINE="$*" COMP_POINT=${#COMP_LINE}
    $function
    printf "%s\n" "${COMPREPLY[@]}"' bash "$sandbox/completion.bash" "$complete_with" "$@" | sed 's/ *$//' | tr '\n' ' '
}

scenario "bash completes commands, options and revisions; what is git's, git's way"
cp "$(ls -d "$MGIT_BUILD/share/bash-completion/completions/mgit")" "$sandbox/completion.bash"
git init -q .
git commit -q --allow-empty -m one
git branch feature-branch
equal "$(completions mgit linea)" "lineage "
contains "$(completions mgit comm)" "commit "
contains "$(completions mgit "")" "barrier "
equal "$(completions mgit ls --j)" "--json "
equal "$(completions mgit -C . -c a.b=c ls --j)" "--json "
equal "$(completions mgit barrier feat)" "feature-branch "
equal "$(completions mgit migrate i)" "import "
equal "$(completions mgit migrate import --ev)" "--everything "
contains "$(completions mgit merge --si)" "--signoff "
contains "$(completions mgit gc --)" "--prune"
complete_with=_git_mgit
equal "$(completions git mgit linea)" "lineage "
equal "$(completions git mgit ls --j)" "--json "
complete_with=_mgit
if [ -r /usr/share/bash-completion/completions/git ]; then
  contains "$(completions mgit add --verb)" "--verbose "
  contains "$(completions mgit checkout feat)" "feature-branch "
  contains "$(completions mgit log --onel)" "--oneline "
  complete_with=__git_wrap__git_main
  cat /usr/share/bash-completion/completions/git >>"$sandbox/completion.bash"
  equal "$(completions git mgit linea)" "lineage "
else
  echo "not tested: git's own completion (it is not installed)" >&2
fi

scenario "zsh and fish take their scripts"
mgit docs completion zsh >_mgit
mgit docs completion fish >mgit.fish
for command in $commands; do
  contains "$(cat _mgit)" "'$command:"
  contains "$(cat mgit.fish)" "-a $command "
done
if command -v zsh >/dev/null; then ok zsh -n _mgit; else echo "not tested: zsh (it is not here)" >&2; fi
if command -v fish >/dev/null; then
  ok fish -n mgit.fish
  git init -q .
  equal "$(fish -c 'source mgit.fish; complete -C "mgit ls --j"' | cut -f1)" "--json"
  equal "$(fish -c 'source mgit.fish; complete -C "mgit migrate import --ev"' | cut -f1)" "--everything"
  equal "$(fish -c 'source mgit.fish; complete -C "git mgit linea"' | cut -f1)" "lineage"
  lacks "$(fish -c 'source mgit.fish; complete -C "mgit ls --ev"')" "--everything"
else
  echo "not tested: fish (it is not here)" >&2
fi
fails_with 129 "bash, zsh or fish" mgit docs completion csh
fails_with 128 "no such command" mgit docs man nothing
