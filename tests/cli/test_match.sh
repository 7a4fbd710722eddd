#!/usr/bin/env bash
# mgit match: what a rebase would find, without a rebase.
. "$(dirname "$0")/lib.sh"

# state: every file, those of .git as well.
state() { find . -type f | sort | xargs sha256sum; }
# trailer KEY REVISION: the first word of it.
trailer() { git log -1 --format=%B "$2" | sed -n "s/^$1: \([^ ]*\).*/\1/p"; }

scenario "the report; nothing changes"
independent_fork
before=$(state)
ok mgit match main feature
contains "$output" "main - feature: spec mlp, proof family"
contains "$output" "of 16 hidden units move (method weights, seed 0, "
contains "$output" "objective "
contains "$output" ", cosine "
contains "$output" "worth a rebase"
lacks "$output" "H.fc1"
ok mgit match main feature --report
contains "$output" "cosine by group, the least alike after matching first"
equal "$(printf '%s\n' "$output" | grep -c '^  H.fc1  *16 ')" 1 "lines of the group"
equal "$(diff <(echo "$before") <(state))" "" "files that changed"

scenario "the permutation is the one that a rebase records"
independent_fork
for options in "" "--seed 7 --restarts 3" "--seed=3 --restarts=0 --method weights" "--method frank-wolfe"; do
  ok mgit match main feature $options --json -o ../permutation
  json=$output
  equal "$(head -1 ../permutation)" "mgit-permutation 1"
  ok mgit rebase feature onto main $options
  equal "$(digest ../permutation)" "$(trailer Mgit-Permutation feature)" "the permutation, with '$options'"
  equal "$(number "$json" spec)" "$(trailer Mgit-Spec feature)" "the spec"
  ok mgit match main feature
  contains "$output" "already in one basin"
  ok mgit undo
done
ok mgit match main feature --weighting norm --order forward -o ../permutation
contains "$output" "(method weights, weighting norm, seed 0, "
ok mgit rebase feature onto main --weighting norm --order forward
equal "$(digest ../permutation)" "$(trailer Mgit-Permutation feature)" "the permutation by norms"
contains "$(git log -1 --format=%B feature)" " method weights seed 0 weighting norm order forward"
ok mgit undo
fails_with 129 "there is: linear, raw, norm" mgit match main feature --weighting heavy
fails_with 129 "there is: random, forward, backward" mgit rebase feature onto main --order sideways
equal "$(mgit rebase feature onto main --dry-run | grep -o 'objective .* -> [0-9.]*[0-9]')" \
  "$(mgit match main feature | grep -o 'objective .* -> [0-9.]*[0-9],' | tr -d ,)" "the objective of a dry run"

scenario "files, outside of a repository too, and as JSON"
make_checkpoint a.safetensors 1
make_checkpoint b.safetensors 2
ok mgit match a.safetensors b.safetensors --json
json=$output
equal "$(number "$json" a) $(number "$json" b) $(number "$json" path)" "a.safetensors b.safetensors b.safetensors"
equal "$(number "$json" architecture) $(number "$json" proof) $(number "$json" method)" "mlp family weights"
equal "$(number "$json" seed) $(number "$json" restarts) $(number "$json" worth_rebase)" "0 1 True"
holds "$(number "$json" objective_after) > $(number "$json" objective_before)"
holds "$(number "$json" cosine_after) > $(number "$json" cosine_before)"
holds "1 > $(number "$json" groups 0 cosine_after) > $(number "$json" groups 0 cosine_before)"
holds "$(number "$json" groups 0 similarity_after) > $(number "$json" groups 0 similarity_before)"
equal "$(number "$json" units) $(number "$json" groups 0 units)" "16 16"
equal "$(number "$json" moved)" "$(number "$json" groups 0 moved)"

scenario "a model and itself, or trained on, are in one basin"
make_checkpoint a.safetensors 1
ADD=0.01 make_checkpoint b.safetensors 1
ok mgit match a.safetensors a.safetensors
contains "$output" "0 of 16 hidden units move (method weights, seed 0, 1 sweep)"
contains "$output" "cosine 1.0000 -> 1.0000"
contains "$output" "already in one basin"
ok mgit match a.safetensors b.safetensors --json
equal "$(number "$output" worth_rebase)" False

scenario "the group that limits the result comes first"
layers="fc1.weight=16,8 fc1.bias=16 fc2.weight=12,16 fc2.bias=12 fc3.weight=4,12 fc3.bias=4"
make_checkpoint a.safetensors 1 $layers
python3 - <<'PYTHON'
import json, random, struct
data = open("a.safetensors", "rb").read()
length = struct.unpack("<Q", data[:8])[0]
header, body = json.loads(data[8:8 + length]), bytearray(data[8 + length:])
normal = random.Random(5)
for name in ("fc3.weight", "fc3.bias"):  # what fc2's units do, another network
    begin, end = header[name]["data_offsets"]
    body[begin:end] = struct.pack("<%df" % ((end - begin) // 4), *[normal.gauss(0, 1) for _ in range((end - begin) // 4)])
open("b.safetensors", "wb").write(data[:8 + length] + bytes(body))
PYTHON
ok mgit match a.safetensors b.safetensors --report
equal "$(printf '%s\n' "$output" | grep -o '^  H.fc[12]' | tr -d ' ' | tr '\n' ' ')" "H.fc2 H.fc1 "
contains "$(printf '%s\n' "$output" | grep '  H.fc1')" "1.0000"

scenario "a stream has one order for many places: which of them would have another"
cat >stream.py <<'PYTHON'
import json, random, struct, sys
def write(name, tensors):
    header, body = {}, b""
    for key, rows in tensors.items():
        data = b"".join(struct.pack("<%df" % len(row), *row) for row in rows)
        header[key] = {"dtype": "F32", "shape": [len(rows), len(rows[0])], "data_offsets": [len(body), len(body) + len(data)]}
        body += data
    text = json.dumps(header).encode()
    open(name, "wb").write(struct.pack("<Q", len(text)) + text + body)
normal = random.Random(1)
matrix = lambda rows, columns: [[normal.gauss(0, 1) for _ in range(columns)] for _ in range(rows)]
tensors = {f"w{i}": matrix(30, 16) for i in range(6)}
write("a.safetensors", tensors)
order = list(range(16)); normal.shuffle(order)
for key in tensors:
    if key != "w3": tensors[key] = [[row[j] for j in order] for row in tensors[key]]
write("b.safetensors", tensors)
PYTHON
python3 stream.py
mgit init -q . >/dev/null
{ echo "mgit-perm 1"; echo "perm R:16"; for i in 0 1 2; do echo "w$i: _, R"; done; for i in 3 4 5; do echo "w$i as [30, 16]: _, R"; done; } >net.perm
printf '[model "net"]\n\tpath = a.safetensors\n\tspec = net.perm\n[model "b"]\n\tpath = b.safetensors\n\tspec = net.perm\n' >.mgitconfig
ok mgit match a.safetensors b.safetensors --report
contains "$output" "R: one order for 6 places, by which "
equal "$(grep -A1 '^R: one order' <<<"$output" | tail -1 | sed 's/ .*//; s/^ *//')" "" "an indented line"
contains "$(grep -A1 '^R: one order' <<<"$output" | tail -1)" "w3 axis 1"
contains "$(grep 'w2 axis 1' <<<"$output")" "0.0 %, 0 of 16 units elsewhere"
ok mgit match a.safetensors b.safetensors --report --json
equal "$(number "$output" groups 0 places 3 tensor) $(number "$output" groups 0 places 1 elsewhere)" "w3 0"
holds "$(number "$output" groups 0 places 3 alone) > 2 * $(number "$output" groups 0 places 3 shared)"
holds "0.05 < $(number "$output" groups 0 lost) < 0.3"
equal "$(number "$output" groups 0 tied)" 0
ok mgit match a.safetensors b.safetensors --json
lacks "$output" '"places"'

scenario "a spec that is not proved will do, and that is said"
independent_fork
own_spec
commit_all spec
git switch -q feature
git merge -q --no-edit -X ours main
ok mgit match main feature -o ../permutation
contains "$output" "proof static"
contains "$output" "worth a rebase, which needs --trust-spec: the spec is not proved"
ok mgit rebase feature onto main --trust-spec
equal "$(digest ../permutation)" "$(trailer Mgit-Permutation feature)" "the permutation"

scenario "the weights in a training state, and a spec of the whole file"
net="fc1.weight=16,8 fc1.bias=16 fc2.weight=4,16 fc2.bias=4"
state=
for tensor in $net; do state+="model.$tensor ema.$tensor "; done
make_repository
make_checkpoint model.safetensors 1 $state
commit_all "Train on main"
git switch -q -c feature
make_checkpoint model.safetensors 2 $state
commit_all "Train on my share"
git switch -q main
ok mgit match main feature -o ../permutation
contains "$output" "weights in 'model'"
contains "$output" "of 16 hidden units move"
make_checkpoint ../bare.safetensors 3 $net
ok mgit match ../bare.safetensors feature
contains "$output" "of 16 hidden units move"
ok mgit rebase feature onto main
equal "$(digest ../permutation)" "$(trailer Mgit-Permutation feature)" "the permutation"

scenario "commits with several models: named by path, or by .mgitconfig"
independent_fork
make_checkpoint other.safetensors 3
commit_all "another on main"
ok mgit match main:other.safetensors feature --json
equal "$(number "$output" a) $(number "$output" path)" "main:other.safetensors model.safetensors"
fails_with 129 "has 2 models" mgit match main feature
printf '[model "net"]\n\tpath = model.safetensors\n[model "other"]\n\tpath = other.safetensors\n' >.mgitconfig
commit_all names
ok mgit match main feature --model net
fails_with 128 "no such model" mgit match main feature --model nobody

scenario "what cannot be matched: one line, and no file"
independent_fork
make_checkpoint ../wide.safetensors 3 fc1.weight=32,8 fc1.bias=32 fc2.weight=4,32 fc2.bias=4
make_checkpoint ../nan.safetensors 3 fc1.weight=16,8@nan fc1.bias=16 fc2.weight=4,16 fc2.bias=4
make_checkpoint ../less.safetensors 1 fc1.weight=16,8 fc1.bias=16 fc2.weight=4,16
for seed in 4 5; do make_checkpoint ../strange-$seed.safetensors $seed a.strange=3,5 b.thing=7,11; done
before=$(state)
fails_with 128 "different networks: fc1.bias is F32 32 in ../wide.safetensors, F32 16 in main" \
  mgit match main ../wide.safetensors -o out
fails_with 128 "different networks: main has 4 tensors, ../less.safetensors has 3" mgit match main ../less.safetensors
fails_with 128 "fc2.bias is F32 4 in main, not there in ../less.safetensors" mgit match ../less.safetensors main
fails_with 128 "fc1.weight: the second model has values that are not finite" mgit match main ../nan.safetensors -o out
fails_with 128 "no permutation spec fits" mgit match ../strange-4.safetensors ../strange-5.safetensors -o out
fails_with 128 "no such revision or checkpoint file" mgit match main nobody
fails_with 129 "there is: weights" mgit match main feature --method nonsense
fails_with 129 "--restarts" mgit match main feature --restarts=-1
fails_with 129 "" mgit match main
fails_with 128 "nowhere" mgit match main feature -o nowhere/permutation
lacks "$output" "hidden units"
echo text >../text.safetensors
fails_with 128 "text.safetensors" mgit match main ../text.safetensors
equal "$(diff <(echo "$before") <(state))" "" "files that changed"

scenario "trained networks: a rebase is worth it before, and not after"
need_trained
trained_fork mlp-1 mlp-2
ok mgit match main feature --json -o ../permutation
equal "$(number "$output" worth_rebase)" True
holds "$(number "$output" cosine_after) > 10 * $(number "$output" cosine_before)"
ok mgit rebase feature onto main
equal "$(digest ../permutation)" "$(trailer Mgit-Permutation feature)" "the permutation"
ok mgit match main feature --json
equal "$(number "$output" worth_rebase)" False
