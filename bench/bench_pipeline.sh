#!/bin/bash
# git add through the clean filter, beside what git's pipe allows: a filter that reads and keeps nothing.
#
# MGIT_BENCH_MB (default 240) sets the size of the file. "fresh" stores it, "known" finds its objects there. Medians of
# seven rounds, in turn.
set -euo pipefail
cd "$(dirname "$0")/.."
: "${MGIT_BIN:=$PWD/build/bin/mgit}" "${MGIT_BENCH_MB:=240}"
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
export HOME=$place GIT_CONFIG_NOSYSTEM=1 PATH=$(dirname "$MGIT_BIN"):$PATH
python3 - "$place/file" "$MGIT_BENCH_MB" <<'PYTHON'
import json, os, struct, sys
path, megabytes = sys.argv[1], int(sys.argv[2])
count = megabytes // 2
header = {f"layer.{i}.weight": {"dtype": "F32", "shape": [500000], "data_offsets": [i * 2000000, (i + 1) * 2000000]}
          for i in range(count)}
text = json.dumps(header).encode()
text += b" " * (-len(text) % 8)
with open(path, "wb") as file:
    file.write(struct.pack("<Q", len(text)) + text)
    for _ in range(count):  # every fourth byte an exponent of few values, as in weights
        block = bytearray(os.urandom(2000000))
        block[3::4] = bytes(0x3b + (byte & 1) for byte in block[3::4])
        file.write(block)
PYTHON

new_repository() {
  git init -q "$place/$1"
  git -C "$place/$1" config "filter.$1.process" "$2"
  git -C "$place/$1" config "filter.$1.required" true
  echo "*.safetensors filter=$1" >"$place/$1/.gitattributes"
  cp "$place/file" "$place/$1/model.safetensors"
}
new_repository read bench_reading_filter
new_repository mgit "mgit filter-process"
sleep 1.1

# measure TITLE REPOSITORY: one line "TITLE wall-seconds".
measure() {
  rm -f "$place/$2/.git/index"
  /usr/bin/time -f "$1 %e" git -C "$place/$2" add model.safetensors 2>&1
}
for _ in 1 2 3 4 5 6 7; do
  measure read read
  rm -rf "$place/mgit/.git/mgit"
  measure fresh mgit
  measure known mgit
done >"$place/times"
median() { grep "^$1 " "$place/times" | cut -d' ' -f2 | sort -n | sed -n 4p; }
limit=$(median read)
printf '%-28s %8s %8s\n' "git add, $MGIT_BENCH_MB MB" "seconds" "ratio"
for title in read fresh known; do
  printf '%-28s %8s %8.2f\n' "$title" "$(median $title)" "$(awk "BEGIN { print $(median $title) / $limit }")"
done
