#!/bin/sh
# A hook of mgit: 'mgit install' writes it under each name, 'mgit uninstall' takes it away.
# The hook that was here before runs first, then mgit's own part. The name is not taken from $0:
# managers of hooks move this file and call it under another name.
name=@NAME@
here=${0%/*}
before=@BEFORE@
mgit=@MGIT@

case $name in
pre-push | post-rewrite | pre-receive)
  input=$(cat)
  run() { printf '%s' "${input:+$input
}" | "$@"; }
  ;;
*)
  run() { "$@"; }
  ;;
esac

# A script of the shell is read under the name that it had, as some look at their $0.
run_before() {
  shell=
  if [ "$before" = "$here/$name.before-mgit" ] && [ ! -L "$before" ]; then
    IFS= read -r first <"$before"
    case $first in
    '#!'*/sh | '#!'*/env\ sh) shell=sh ;;
    '#!'*/bash | '#!'*/env\ bash) shell=bash ;;
    esac
  fi
  if [ -n "$shell" ]; then
    run "$shell" -c '. "$0.before-mgit"' "$here/$name" "$@"
  else
    run "$before" "$@"
  fi
}

if [ -x "$before" ]; then
  run_before "$@" || exit
fi
if ! command -v "$mgit" >/dev/null 2>&1; then
  if [ "$name" = pre-push ]; then
    echo "error: mgit is not on PATH; the models of this push would stay behind, so nothing was pushed" >&2
    echo "hint: install mgit; or push the manifests alone with 'git push --no-verify'" >&2
    exit 1
  fi
  if [ "$name" = pre-receive ] || [ "$name" = update ]; then
    echo "error: mgit is not on PATH here; nothing was taken, for nobody can verify it" >&2
    exit 1
  fi
  echo "warning: mgit is not there; its $name hook was skipped" >&2
  exit 0
fi
run "$mgit" hook "$name" "$@"
