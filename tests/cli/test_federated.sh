#!/usr/bin/env bash
# examples/federated: clients that train on their own data, round by round; here few, for two rounds, hardly trained. Needs a
# Python with torch, which is too much to install for a test:
#   MGIT_TRANSFORMERS_PYTHON=venv/bin/python bash tests/cli/test_federated.sh
. "$(dirname "$0")/lib.sh"

python=${MGIT_TRANSFORMERS_PYTHON:-python3}
current="federated averaging"
[ -e "$MGIT_BUILD/lib/libmgit_torch.so" ] || skip "no LibTorch plugin (-DMGIT_TORCH=ON)"
need_data data/train-images-idx3-ubyte.gz data/t10k-labels-idx1-ubyte.gz
"$python" -c 'import torch' 2>/dev/null || skip "no torch in $python (set MGIT_TRANSFORMERS_PYTHON)"

federated() {
  ok "$python" "$MGIT_SOURCE/examples/federated/federated.py" --data "$MGIT_DATA/data" --clients 2 --width 16 \
    --images 3000 --test-images 500 --momentum 0.5 "$@"
}
# step A B C D: is tensor fc1.weight of D that of A, moved on by half of what led from B to C?
step() {
  "$python" - "$@" <<'PYTHON'
import json, struct, subprocess, sys
import numpy
def weights(revision):
    content = subprocess.check_output(["git", "cat-file", "--filters", revision + ":model.safetensors"])
    length = struct.unpack("<Q", content[:8])[0]
    begin, end = json.loads(content[8 : 8 + length])["fc1.weight"]["data_offsets"]
    return numpy.frombuffer(content[8 + length :][begin:end], dtype="<f4")
average, before, start, result = map(weights, sys.argv[1:])
sys.exit(not ((result == average + numpy.float32(0.5) * (start - before)).all() and (result != average).any()))
PYTHON
}

scenario "two rounds, by one command and the second by another"
federated --rounds 1
samples=$(printf '%s\n' "$output" | sed -n 's/^2 clients with \([0-9]*\), \([0-9]*\) samples$/\1 \2/p')
federated --rounds 2
lacks "$output" "| 1 |"
equal "$(grep -c '^| [12] |' federated/rounds.md)" 2 "rows"
cd federated/server
equal "$(git log --format=%s main --first-parent | tr '\n' ,)" "Round 2: momentum 0.5,Round 2,Round 1,Round 0: not trained,"
for merge in main~1 main~2; do
  contains "$(git log -1 --format=%B $merge)" "Mgit-Merge: strategy mean weights 0 $samples model"
done
ok step main~1 round-0 round-1 main
# accuracy of the merged model
merged() { sed -n "s/^| $1 |.*| \([0-9.]*\) % | [0-9.]* |\$/\1/p" ../rounds.md; }
holds "$(merged 2) > $(merged 1)"
ok mgit fsck
equal "$(git -C ../hub.git rev-parse main)" "$(git rev-parse main)"
fails_with 1 "got no data" "$python" "$MGIT_SOURCE/examples/federated/federated.py" --data "$MGIT_DATA/data" --images 30 --clients 20
