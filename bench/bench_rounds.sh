#!/bin/bash
# Do merges get slower? Rounds of "two people train, then merge": the median of `mgit merge` in rounds 2 to 6 beside that
# of the last five, by the clock and in CPU time (which others on the machine disturb less). usage: bench_rounds.sh
# [ROUNDS]
set -euo pipefail
rounds=${1:-20}
: "${MGIT_BIN:=$(dirname "$0")/../build/bin/mgit}"
MGIT_BIN=$(readlink -f "$MGIT_BIN")
export PATH=$(dirname "$MGIT_BIN"):$PATH GIT_CONFIG_GLOBAL=/dev/null GIT_EDITOR=true
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
cd "$directory"
git init -q -b main
git config user.name bench
git config user.email bench@example.com
mgit install >/dev/null 2>&1
mgit track '*.safetensors' >/dev/null

# train SEED: a perceptron of 0.9 MB, a little away from where it began.
train() {
  python3 - "$1" <<'PYTHON'
import json, random, struct, sys
start, noise = random.Random(0), random.Random(int(sys.argv[1]))
header, data = {}, b""
for name, shape in (("fc1.weight", (256, 784)), ("fc1.bias", (256,)), ("fc2.weight", (10, 256)), ("fc2.bias", (10,))):
    count = shape[0] * (shape[1] if len(shape) > 1 else 1)
    encoded = struct.pack("<%df" % count, *(start.gauss(0, 1) + 0.01 * noise.gauss(0, 1) for _ in range(count)))
    header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [len(data), len(data) + len(encoded)]}
    data += encoded
head = json.dumps(header).encode()
open("model.safetensors", "wb").write(struct.pack("<Q", len(head)) + head + data)
PYTHON
}

train 1
git add -A
git commit -q -m begin
times=()
cpu=()
for ((round = 1; round <= rounds; ++round)); do
  git switch -q -C colleague
  train $((2 * round))
  git commit -q -a -m "theirs $round"
  git switch -q main
  train $((2 * round + 1))
  git commit -q -a -m "ours $round"
  read -r real user system < <({ TIMEFORMAT='%R %U %S'; time mgit merge -q colleague >/dev/null 2>&1; } 2>&1)
  real=${real/./} user=${user/./} system=${system/./}
  times+=("$((10#$real))")
  cpu+=("$((10#$user + 10#$system))")
done
median() { printf '%s\n' "$@" | sort -n | sed -n "$((($# + 1) / 2))p"; }
# report NAME MILLISECONDS…
report() {
  local name=$1 early late
  shift
  echo "$name, ms of each merge: $*"
  early=$(median "${@:2:5}")
  late=$(median "${@: -5}")
  echo "$name: rounds 2 to 6 $early ms, last five $late ms, ratio $(python3 -c "print(round($late / $early, 2))")"
}
report clock "${times[@]}"
report CPU "${cpu[@]}"
