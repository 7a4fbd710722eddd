#!/usr/bin/env bash
# mgit eval, barrier, trust: what runs, what is refused, what is printed.
. "$(dirname "$0")/lib.sh"
[ -e "$MGIT_BUILD/lib/libmgit_torch.so" ] || skip "no LibTorch plugin (-DMGIT_TORCH=ON)"
need_data models/mlpbias-s10.safetensors graphs/mlp.torchscript.pt data/t10k-images-idx3-ubyte.gz

graph=$MGIT_DATA/graphs/mlp.torchscript.pt

# mnist FILE COUNT: the first pictures of MNIST's test set as a data file.
mnist() {
  python3 - "$MGIT_DATA/data" "$1" "$2" <<'PYTHON'
import gzip, json, struct, sys
folder, path, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
pixels = gzip.open(folder + "/t10k-images-idx3-ubyte.gz").read()[16:16 + 784 * count]
labels = gzip.open(folder + "/t10k-labels-idx1-ubyte.gz").read()[8:8 + count]
table = [struct.pack("<f", (v / 255 - .1307) / .3081) for v in range(256)]
x, y = b"".join(table[v] for v in pixels), b"".join(struct.pack("<q", v) for v in labels)
head = json.dumps({"input": {"dtype": "F32", "shape": [count, 1, 28, 28], "data_offsets": [0, len(x)]},
                   "target": {"dtype": "I64", "shape": [count], "data_offsets": [len(x), len(x) + len(y)]}}).encode()
head += b" " * (-len(head) % 8)
open(path, "wb").write(struct.pack("<Q", len(head)) + head + x + y)
PYTHON
}
mnist "$sandbox/mnist.safetensors" 1000
data=$sandbox/mnist.safetensors

# field JSON NAME…: one value of a JSON document on stdin's behalf.
field() {
  python3 -c 'import json, sys
value = json.loads(sys.argv[1])
for key in sys.argv[2:]: value = value[int(key) if key.lstrip("-").isdigit() else key]
print(value)' "$@"
}
# less A B
less() {
  checks=$((checks + 1))
  python3 -c 'import sys; sys.exit(not float(sys.argv[1]) < float(sys.argv[2]))' "$1" "$2" ||
    fail "not less: $1 < $2"
}

# A repository with the biased pair on two branches, network and data beside them.
biased_pair() {
  make_repository "$1"
  cp "$graph" net.pt
  cp "$data" eval.safetensors
  printf '[model "net"]\n\tpath = model.safetensors\n\tgraph = net.pt\n\tdata = eval.safetensors\n' >.mgitconfig
  cp "$MGIT_DATA/models/mlpbias-s10.safetensors" model.safetensors
  commit_all "Train on share 1"
  git switch -q -c feature
  cp "$MGIT_DATA/models/mlpbias-s11.safetensors" model.safetensors
  commit_all "Train on share 2"
  git switch -q main
}

scenario "a network that .mgitconfig names does not run before it is trusted"
biased_pair repository
fails_with 128 "mgit trust" mgit eval
fails_with 128 "mgit trust" mgit barrier main feature
ok mgit trust --show
contains "$output" "not trusted"
fails_with 128 "mgit trust" mgit eval
ok mgit trust
contains "$output" "$(digest net.pt)"
ok mgit eval
equal "$(git config --local --get-all mgit.trustedGraph)" "$(digest net.pt)" "trusted digest"
ok mgit trust
contains "$output" "trusted already"
equal "$(git config --local --get-all mgit.trustedGraph | wc -l)" 1 "recorded once"
printf 'x' >>net.pt
fails_with 128 "not trusted" mgit eval
git checkout -q net.pt
cd .. && git clone -q repository clone && cd clone
fails_with 128 "mgit trust" mgit eval

scenario "revisions, paths and files; JSON"
biased_pair repository
mgit trust >/dev/null
ok mgit eval main feature main:model.safetensors model.safetensors
equal "$(printf '%s\n' "$output" | wc -l)" 4 "a line each"
ok mgit eval main --json
less 0.95 "$(field "$output" accuracy)"
equal "$(field "$output" samples)" 1000
equal "$(field "$output" commit)" "$(git rev-parse main)"
contains "$(git notes --ref=mgit/eval show main)" "$(digest eval.safetensors)"
cd .. && ok mgit eval "$MGIT_DATA/models/mlpbias-s10.safetensors" --graph "$graph" --data "$data"
contains "$output" "1000 samples"

scenario "ranges: every commit with a checkpoint; the least loss is printed first"
biased_pair repository
mgit trust >/dev/null
git rm -q model.safetensors
git commit -q -m "without a model"
git checkout -q feature -- model.safetensors
commit_all "share 2's on main"
git checkout -q HEAD~2 -- model.safetensors
commit_all "share 1's again"
ok mgit eval HEAD~3..HEAD
equal "$(wc -l <<<"$output")" 2 "a line for each commit with a model"
losses=$(sed 's/.*loss \([0-9.]*\).*/\1/' <<<"$output")
equal "$losses" "$(sort -g <<<"$losses")" "sorted by loss"
contains "$output" "$(git rev-parse --short HEAD)"
contains "$output" "$(git rev-parse --short HEAD~1)"
contains "$output" "(1000 samples of eval.safetensors)"
best=$output
ok mgit eval HEAD~3..HEAD:model.safetensors
contains "$output" "$(git rev-parse --short HEAD~1):model.safetensors"
ok mgit eval feature HEAD~1 HEAD~3..HEAD --json
equal "$(field "$output" 0 model) $(field "$output" 2 commit) $(field "$output" 3 commit)" \
  "feature $(git rev-parse HEAD~1) $(git rev-parse HEAD)" "JSON keeps the order of the command line"
fails_with 128 "no commit with a checkpoint in this range" mgit eval HEAD~2..HEAD~2
run mgit eval nothing..HEAD
differ "$status" 0

scenario "barrier: numbers, picture, JSON, SVG, before and after a rebase"
biased_pair repository
mgit trust >/dev/null
ok mgit barrier main feature
contains "$output" "barrier"
contains "$output" "┤"
picture=$(printf '%s\n' "$output" | grep '[│┤└]')
equal "$(printf '%s\n' "$picture" | wc -L)" 72 "columns"
ok mgit barrier main feature --no-draw --points 3
lacks "$output" "┤"
ok mgit barrier main feature --rebase --json --points 5 --svg curve.svg
equal "$(field "$output" points 4 lambda)" 1.0
less 0.5 "$(field "$output" barrier)"
less "$(field "$output" rebased barrier)" 0.01
less "$(field "$output" rebased objective_before)" "$(field "$output" rebased objective_after)"
contains "$(cat curve.svg)" "</svg>"
contains "$(cat curve.svg)" "after rebase"
ok mgit barrier main feature --rebase --points 5
contains "$output" "after rebase"

scenario "one clear line for what cannot be evaluated"
biased_pair repository
mgit trust >/dev/null
fails_with 128 "no such revision or checkpoint file" mgit eval nowhere
fails_with 128 "has no checkpoint" mgit eval main:absent.safetensors
fails_with 128 "no such network" mgit eval --graph absent.pt
fails_with 128 "absent.safetensors" mgit eval --data absent.safetensors
fails_with 128 "not a TorchScript network" mgit eval --graph eval.safetensors
fails_with 128 "unknown loss" mgit eval --loss hinge
make_checkpoint other.safetensors 1
fails_with 128 "other.safetensors" mgit barrier main other.safetensors
fails_with 129 "" mgit barrier main
fails_with 129 "" mgit barrier main feature --points 1
MGIT_TORCH_PLUGIN=/nowhere.so fails_with 128 "-DMGIT_TORCH=ON" mgit eval
rm .mgitconfig
fails_with 128 "or in .mgitconfig" mgit eval main:model.safetensors
