#!/bin/bash
# A store of 100,000 objects beside one of ten: opening, one look-up, gc, fsck.
set -euo pipefail
mgit=${MGIT_BIN:-$PWD/build/bin/mgit}
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
export GIT_CONFIG_GLOBAL=$directory/config GIT_CONFIG_NOSYSTEM=1 PATH=$(dirname "$mgit"):$PATH
git config --global user.name bench
git config --global user.email bench@example.com
cd "$directory"

make() { # NAME TENSORS
  git init -q "$1"
  (
    cd "$1"
    mgit install >/dev/null 2>&1
    mgit track '*.safetensors' >/dev/null
    python3 - "$2" <<'PYTHON'
import json, os, struct, sys
count = int(sys.argv[1])
header = {"t%06d" % i: {"dtype": "U8", "shape": [64], "data_offsets": [64 * i, 64 * i + 64]} for i in range(count)}
head = json.dumps(header).encode()
open("model.safetensors", "wb").write(struct.pack("<Q", len(head)) + head + os.urandom(64 * count))
PYTHON
    git add -A
    git commit -q -m one
  )
}

best() { # COMMAND…: the smallest wall time of 7 runs, in milliseconds
  python3 - "$@" <<'PYTHON'
import subprocess, sys, time
times = []
for _ in range(7):
    start = time.perf_counter()
    subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    times.append(time.perf_counter() - start)
print("%.1f" % (1000 * min(times)))
PYTHON
}

make small 10
make large 100000
# What opens the store and looks one object up: a checkout of a checkpoint with one tensor.
for store in small large; do
  (
    cd $store
    python3 -c '
import json, struct
head = json.dumps({"w": {"dtype": "U8", "shape": [8], "data_offsets": [0, 8]}}).encode()
open("tiny.safetensors", "wb").write(struct.pack("<Q", len(head)) + head + b"12345678")'
    git add tiny.safetensors
    git commit -q -m tiny
  )
done
printf '%-44s %10s %10s %8s\n' "milliseconds (best of 7)" "11 objects" "100,001" ratio
row() { # TITLE COMMAND…
  local title=$1 a b
  shift
  a=$(cd small && best "$@")
  b=$(cd large && best "$@")
  printf '%-44s %10s %10s %8s\n' "$title" "$a" "$b" "$(python3 -c "print('%.2f' % ($b / $a))")"
}
row "mgit status" mgit status
row "open, look up and read a checkpoint of one" git cat-file --filters HEAD:tiny.safetensors
row "mgit fsck" mgit fsck
row "mgit fsck --full" mgit fsck --full
row "mgit gc" mgit gc
