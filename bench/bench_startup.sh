#!/bin/bash
# Start-up: mgit --version and mgit status beside git's own, in a small repository.
set -euo pipefail
: "${MGIT_BIN:=$(dirname "$0")/../build/bin/mgit}"
MGIT_BIN=$(readlink -f "$MGIT_BIN")
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
cd "$directory"
"$MGIT_BIN" init -q >/dev/null
git config user.name bench
git config user.email bench@example.com
head -c 100000 /dev/urandom >notes.bin
git add -A
git commit -q -m start
export PATH=$(dirname "$MGIT_BIN"):$PATH
hyperfine -N --warmup 10 --runs 100 'git --version' 'mgit --version' 'git status' 'mgit status' \
  --export-json times.json >/dev/null 2>&1
python3 - <<'PYTHON'
import json
times = {r["command"]: 1000 * r["median"] for r in json.load(open("times.json"))["results"]}
for command in ("--version", "status"):
    git, mgit = times["git " + command], times["mgit " + command]
    print(f"{command:10} git {git:6.2f} ms   mgit {mgit:6.2f} ms   difference {mgit - git:5.2f} ms")
PYTHON
