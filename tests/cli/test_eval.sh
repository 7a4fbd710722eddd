#!/usr/bin/env bash
# mgit eval, barrier, trust: what runs, what is refused, what is printed.
. "$(dirname "$0")/lib.sh"
need_trained

graph=$trained/mlp.torchscript.pt
data=$trained/digits.safetensors

# less A B
less() { holds "$1 < $2"; }

# A repository with the biased pair on two branches, network and data beside them.
biased_pair() {
  make_repository "$1"
  cp "$graph" net.pt
  cp "$data" eval.safetensors
  printf '[model "net"]\n\tpath = model.safetensors\n\tgraph = net.pt\n\tdata = eval.safetensors\n' >.mgitconfig
  cp "$trained/share-1.safetensors" model.safetensors
  commit_all "Train on share 1"
  git switch -q -c feature
  cp "$trained/share-2.safetensors" model.safetensors
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
less 0.85 "$(number "$output" accuracy)"
equal "$(number "$output" samples)" 2000
equal "$(number "$output" commit)" "$(git rev-parse main)"
contains "$(git notes --ref=mgit/eval show main)" "$(digest eval.safetensors)"
cd .. && ok mgit eval "$trained/share-1.safetensors" --graph "$graph" --data "$data"
contains "$output" "2000 samples"

scenario "graphs and data are no models of the lineage"
biased_pair repository
git switch -q feature
ok mgit lineage
contains "$output" "model.safetensors"
lacks "$output" "net.pt"
lacks "$output" "eval.safetensors"
ok mgit lineage --path net.pt

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
contains "$output" "(2000 samples of eval.safetensors)"
best=$output
ok mgit eval HEAD~3..HEAD:model.safetensors
contains "$output" "$(git rev-parse --short HEAD~1):model.safetensors"
ok mgit eval feature HEAD~1 HEAD~3..HEAD --json
equal "$(number "$output" 0 model) $(number "$output" 2 commit) $(number "$output" 3 commit)" \
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
equal "$(number "$output" points 4 lambda)" 1.0
less 0.3 "$(number "$output" barrier)"
less "$(number "$output" rebased barrier)" 0.02
less "$(number "$output" rebased objective_before)" "$(number "$output" rebased objective_after)"
contains "$(cat curve.svg)" "</svg>"
contains "$(cat curve.svg)" "after rebase"
ok mgit barrier main feature --rebase --points 5
contains "$output" "after rebase"

scenario "barrier: intervals, and what of the average's loss is calibration"
biased_pair repository
mgit trust >/dev/null
ok mgit barrier main feature --points 5 --json
lacks "$output" "interval"
equal "$(number "$output" average)" "$(number "$output" points 2 | sed "s/'lambda': 0.5, //")" "the average"
less "$(number "$output" calibrated loss)" "$(number "$output" calibrated uncalibrated)"
plain=$(number "$output" barrier)
ok mgit barrier main feature --points 5 --json --bootstrap 200
holds "abs($(number "$output" barrier) - $plain) < 1e-9"
less "$(number "$output" barrier_interval 0)" "$plain"
less "$plain" "$(number "$output" barrier_interval 1)"
less "$(number "$output" points 2 accuracy_interval 0)" "$(number "$output" points 2 accuracy)"
less "$(number "$output" points 2 accuracy)" "$(number "$output" points 2 accuracy_interval 1)"
ok mgit barrier main feature --points 4 --no-draw --bootstrap 50 --rebase
contains "$output" "near middle"
contains "$output" "calibrated"
contains "$output" "["
python3 - "$trained/digits.safetensors" flat.safetensors <<'END'
import json, struct, sys
data = open(sys.argv[1], "rb").read()
size = struct.unpack("<Q", data[:8])[0]
header = json.loads(data[8:8 + size])
begin, end = header["input"]["data_offsets"]
rows = header["target"]["shape"][0]
body = data[8 + size + begin:8 + size + end] + struct.pack("<f", 0.5) * (rows * 10)
header = {"input": {**header["input"], "data_offsets": [0, end - begin]},
          "target": {"dtype": "F32", "shape": [rows, 10], "data_offsets": [end - begin, len(body)]}}
text = json.dumps(header).encode()
open(sys.argv[2], "wb").write(struct.pack("<Q", len(text)) + text + body)
END
ok mgit barrier main feature --points 3 --no-draw --bootstrap 20 --loss mse --data flat.safetensors
lacks "$output" "calibrated"
contains "$output" "accuracy        -"
fails_with 129 "" mgit barrier main feature --bootstrap 1

scenario "barrier: each layer alone"
biased_pair repository
mgit trust >/dev/null
ok mgit barrier main feature --points 3 --per-layer --rebase --json
holds "len($(number "$output" layers)) == len($(number "$output" rebased layers)) == 3"
equal "$(number "$output" layers 0 layer) $(number "$output" layers 1 layer) $(number "$output" layers 2 layer)" "fc1 fc3 fc2" "the largest first"
less "$(number "$output" rebased layers 0 barrier)" "$(number "$output" layers 0 barrier)"
layer=$(number "$output" layers 0 layer)
loss=$(number "$output" layers 0 loss)
holds "abs($(number "$output" layers 0 barrier) - ($loss - ($(number "$output" points 0 loss) + $(number "$output" points 2 loss)) / 2)) < 1e-9"
for branch in main feature; do git cat-file --filters $branch:model.safetensors >$branch.safetensors; done
python3 - "$layer" <<'END'
import json, struct, sys
files = [open(name + ".safetensors", "rb").read() for name in ("main", "feature")]
size = struct.unpack("<Q", files[0][:8])[0]
mixed = bytearray(files[0])
for name, tensor in json.loads(files[0][8:8 + size]).items():
    if name.rpartition(".")[0] == sys.argv[1]:
        begin, end = (8 + size + at for at in tensor["data_offsets"])
        format = "<%df" % ((end - begin) // 4)
        mean = [(x + y) / 2 for x, y in zip(*(struct.unpack(format, file[begin:end]) for file in files))]
        mixed[begin:end] = struct.pack(format, *mean)
open("mixed.safetensors", "wb").write(mixed)
END
ok mgit eval mixed.safetensors --json
holds "abs($(number "$output" loss) - $loss) < 1e-5"
ok mgit barrier main feature --points 3 --per-layer --no-draw
contains "$output" "each layer alone, all others as in main"
fails_with 129 "--per-layer is of one line" mgit barrier main feature main --per-layer

scenario "barrier: a table of all pairs of several models"
biased_pair repository
mgit trust >/dev/null
ok mgit barrier main feature "$trained/mlp-1.safetensors" --points 3 --rebase
contains "$output" "3 models, 3 pairs: 3 points"
contains "$output" "main - feature"
contains "$output" "feature - $trained/mlp-1.safetensors"
equal "$(grep -c '^  after rebase ' <<<"$output")" 3 "rows after a rebase"
ok mgit barrier main feature "$trained/mlp-1.safetensors" --points 3 --rebase --json
equal "$(number "$output" models)" "['main', 'feature', '$trained/mlp-1.safetensors']"
equal "$(number "$output" pairs 1 a) $(number "$output" pairs 1 b)" "main $trained/mlp-1.safetensors"
third=$(number "$output" pairs 2 rebased barrier)
less "$third" "$(number "$output" pairs 2 barrier)"
ok mgit barrier feature "$trained/mlp-1.safetensors" --points 3 --rebase --json
equal "$(number "$output" rebased barrier)" "$third" "as of the two alone"
fails_with 129 "--svg draws one line" mgit barrier main feature main --svg out.svg
fails_with 128 "no such revision or checkpoint file" mgit barrier main feature nowhere

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
