#!/bin/bash
# Storing checkpoints beside git, git-lfs, DVC and git-theta, and beside the limits, in one run (bench/store.py).
#
# MGIT_BENCH_MB (default 240) sets the size. git-lfs comes from Debian, DVC and git-theta from PyPI in environments
# of their own under build/bench; whatever cannot be installed is reported as absent. MGIT_BENCH_PEERS="git git-lfs"
# leaves the others out.
set -euo pipefail
cd "$(dirname "$0")/.."
: "${MGIT_BIN:=$PWD/build/bin/mgit}" "${MGIT_BENCH_PEERS:=git git-lfs dvc git-theta}"
place=$PWD/build/bench
mkdir -p "$place"

# venv NAME PACKAGE...: an environment with these packages, made once; silence and no environment if PyPI has none.
venv() {
  local directory=$place/$1
  shift
  [ ! -e "$directory/.complete" ] || return 0
  echo "installing $* in $directory" >&2
  if python3 -m venv "$directory" && "$directory/bin/pip" install -q "$@" 2>"$directory/pip.log"; then
    touch "$directory/.complete"
  else
    echo "NOT INSTALLED: $*; see $directory/pip.log" >&2
  fi
}

venv numpy numpy
paths=$(dirname "$MGIT_BIN")
for peer in $MGIT_BENCH_PEERS; do
  case $peer in
    dvc) venv dvc dvc && paths=$place/dvc/bin:$paths ;;
    git-theta) venv theta torch==2.13.0 git-theta safetensors && paths=$place/theta/bin:$paths ;;
  esac
done
PATH=$paths:$PATH exec "$place/numpy/bin/python" bench/store.py --mb "${MGIT_BENCH_MB:-240}" \
  --json "$place/store.json" $MGIT_BENCH_PEERS
