#!/bin/sh
# A hook of mgit: 'mgit install' writes it under each name, 'mgit uninstall' takes it away.
# The hook that was here before (NAME.before-mgit) runs first, then mgit's own part.
name=${0##*/}
mgit=@MGIT@

case $name in
pre-push | post-rewrite)
  input=$(cat)
  run() { printf '%s' "${input:+$input
}" | "$@"; }
  ;;
*)
  run() { "$@"; }
  ;;
esac

if [ -x "$0.before-mgit" ]; then
  run "$0.before-mgit" "$@" || exit
fi
if ! command -v "$mgit" >/dev/null 2>&1; then
  if [ "$name" = pre-push ]; then
    echo "error: mgit is not on PATH; the models of this push would stay behind, so nothing was pushed" >&2
    echo "hint: install mgit; or push the manifests alone with 'git push --no-verify'" >&2
    exit 1
  fi
  echo "warning: mgit is not there; its $name hook was skipped" >&2
  exit 0
fi
run "$mgit" hook "$name" "$@"
