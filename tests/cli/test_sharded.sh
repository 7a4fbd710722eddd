#!/usr/bin/env bash
# Sharded sets: an index and its shards are one model, in every command.
. "$(dirname "$0")/lib.sh"

# shard FILE STEM COUNT [SHIFT]: deals the tensors of a safetensors file out to COUNT shards,
# STEM-00001-of-00002.safetensors …, with STEM.safetensors.index.json. SHIFT deals them otherwise.
shard() {
  python3 - "$@" <<'PYTHON'
import json, struct, sys
path, stem, count, shift = sys.argv[1], sys.argv[2], int(sys.argv[3]), int((sys.argv + ["0"])[4])
data = open(path, "rb").read()
n = struct.unpack("<Q", data[:8])[0]
header, body = json.loads(data[8:8 + n]), data[8 + n:]
names = [name for name in header if name != "__metadata__"]
index = {"metadata": {"total_size": len(body)}, "weight_map": {}}
for k in range(count):
    file, out, held = "%s-%05d-of-%05d.safetensors" % (stem, k + 1, count), b"", {}
    for name in names[(k + shift) % count::count]:
        begin, end = header[name]["data_offsets"]
        held[name] = dict(header[name], data_offsets=[len(out), len(out) + end - begin])
        out += body[begin:end]
        index["weight_map"][name] = file
    held["__metadata__"] = {"format": "pt"}
    head = json.dumps(held).encode()
    open(file, "wb").write(struct.pack("<Q", len(head)) + head + out)
json.dump(index, open(stem + ".safetensors.index.json", "w"), indent=2, sort_keys=True)
PYTHON
}

# tensors FILE…: name, dtype, shape and digest of every tensor of all files, sorted.
tensors() {
  python3 - "$@" <<'PYTHON'
import hashlib, json, struct, sys
lines = []
for path in sys.argv[1:]:
    data = open(path, "rb").read()
    n = struct.unpack("<Q", data[:8])[0]
    for name, t in json.loads(data[8:8 + n]).items():
        if name == "__metadata__": continue
        begin, end = t["data_offsets"]
        lines.append("%s %s %s %s" % (name, t["dtype"], t["shape"], hashlib.sha256(data[8 + n + begin:8 + n + end]).hexdigest()))
print("\n".join(sorted(lines)))
PYTHON
}

index=model.safetensors.index.json
plugin=$MGIT_BUILD/lib/libmgit_torch.so
if [ -e "$plugin" ]; then
  need_trained
  cp "$trained/mlp-1.safetensors" "$sandbox/one.safetensors"
  cp "$trained/mlp-2.safetensors" "$sandbox/two.safetensors"
else
  layers="fc1.weight=32,16 fc1.bias=32 fc2.weight=32,32 fc2.bias=32 fc3.weight=4,32 fc3.bias=4"
  make_checkpoint "$sandbox/one.safetensors" 1 $layers
  make_checkpoint "$sandbox/two.safetensors" 2 $layers
fi
make_checkpoint "$sandbox/small.safetensors" 1
make_checkpoint "$sandbox/small2.safetensors" 2

# fork FORM ONE TWO: ONE on main, TWO on feature; FORM is single, or the number of shards.
fork() {
  make_repository "$1"
  commit_all "attributes"
  git branch feature
  put "$1" "$2"
  commit_all ours
  git switch -q feature
  put "$1" "$3"
  commit_all theirs
  git switch -q main
}
put() {
  rm -f model*
  if [ "$1" = single ]; then cp "$2" model.safetensors; else shard "$2" model "$1" "${3:-0}"; fi
}

scenario "rebase, merge and eval give what they give for the single file, tensor for tensor"
fork single "$sandbox/one.safetensors" "$sandbox/two.safetensors"
ok mgit rebase feature onto main
rebased=$output
git switch -q feature && single=$(tensors model.safetensors) && git switch -q main
ok mgit merge feature
single_merge=$(tensors model.safetensors)
cd ..
fork 3 "$sandbox/one.safetensors" "$sandbox/two.safetensors"
cp model.* model-* ..
git switch -q feature
before=$(stat -c %s model-*; cat $index)
git switch -q main
ok mgit rebase feature onto main
equal "$(printf '%s' "$output" | head -1)" "$(printf '%s' "$rebased" | head -1 | sed "s/^model.safetensors/$index/")"
git switch -q feature
equal "$(tensors model-*)" "$single" "rebased shards"
equal "$(stat -c %s model-*; cat $index)" "$before" "sizes of the shards, and the index"
equal "$(git status --porcelain)" ""
equal "$(git log -1 --format=%B | grep -c '^Mgit-Permutation: ')" 1 "one permutation"
git switch -q main
ok mgit merge feature
contains "$output" "$index: combined, mean with weights 0.5 : 0.5"
equal "$(tensors model-*)" "$single_merge" "merged shards"
equal "$(git status --porcelain)" ""
contains "$(git log -1 --format=%B)" "model $index"
ok mgit fsck
git checkout -q HEAD~1
for file in model*; do same_file "$file" "../$file"; done
git switch -q main
ok mgit lineage
equal "$(printf '%s\n' "$output" | head -1)" "$index" "one model"
contains "$output" "merged: mean of 2 models"
contains "$output" "rebased onto"
ok mgit lineage --path $index --json
fails_with 128 "no such checkpoint" mgit lineage --path model-00001-of-00003.safetensors
ok mgit ls
contains "$output" "$index  3 shards"
ok mgit ls HEAD --json
equal "$(printf '%s' "$output" | python3 -c 'import json, sys
d = json.load(sys.stdin); print(len(d), d[0]["path"], len(d[0]["shards"]))')" "1 $index 3"
ok mgit spec show HEAD
ok mgit spec show $index
ok mgit spec check auto HEAD:$index
fails_with 128 "is one shard of the model $index" mgit spec show HEAD:model-00001-of-00003.safetensors
if [ -e "$plugin" ]; then
  network="--graph $trained/mlp.torchscript.pt --data $trained/digits.safetensors"
  ok mgit eval main $network
  wanted=$(printf '%s' "$output" | sed 's/^[^ ]* *//')
  ok mgit eval ../single/model.safetensors $network
  equal "$(printf '%s' "$output" | sed 's/^[^ ]* *//')" "$wanted" "loss of the single file"
  ok mgit eval $index $network
  equal "$(printf '%s' "$output" | sed 's/^[^ ]* *//')" "$wanted" "loss of the shards on disk"
  ok mgit barrier main~1 main --points 3 --no-draw $network
else
  not_run "eval of a sharded model: no LibTorch plugin (-DMGIT_TORCH=ON)"
fi

scenario "a spec of one's own is found by the index path; hooks see one model"
fork 2 "$sandbox/small.safetensors" "$sandbox/small2.safetensors"
own_spec $index
git switch -q feature
commit_all spec
fails_with 128 "not proved" mgit rebase main
git switch -q main
git switch -q -c ahead
put 2 "$sandbox/small2.safetensors"
commit_all "theirs again"
git switch -q main
ok git merge --ff-only ahead
equal "$(printf '%s\n' "$errors" | grep -c 'replaced by an independently trained model')" 1
contains "$errors" "$index: replaced"

scenario "theirs in other shards: combined in ours"
fork 2 "$sandbox/small.safetensors" "$sandbox/small2.safetensors"
ok mgit merge feature
wanted=$(tensors model-*)
shards=$(ls model-*)
git reset -q --hard HEAD~1
git switch -q feature
put 3 "$sandbox/small2.safetensors" 1
mgit add -A && git commit -q -m "dealt out again"
git switch -q main
ok mgit merge feature
equal "$(ls model-*)" "$shards" "our shards"
equal "$(tensors model-*)" "$wanted" "merged tensors"
equal "$(git status --porcelain)" ""
ok mgit ls
lacks "$errors" "warning"

scenario "theirs is a single file, ours sharded, and the other way round"
fork 2 "$sandbox/small.safetensors" "$sandbox/small2.safetensors"
git switch -q feature
put single "$sandbox/small2.safetensors"
mgit add -A && git commit -q -m "one file"
git switch -q main
ok mgit merge feature
equal "$(tensors model-*)" "$wanted" "merged tensors"
equal "$(ls model*)" "$(printf '%s\n' $shards $index)" "our form"
equal "$(git status --porcelain)" ""
git reset -q --hard HEAD~1
git switch -q feature
ok mgit rebase main
git switch -q main
ok mgit lineage feature
contains "$output" "rebased onto"
git switch -q feature
ok mgit merge main
equal "$(ls model*)" model.safetensors "theirs' form"
equal "$(git status --porcelain)" ""

scenario "the same weights in other shards are no other model"
fork 2 "$sandbox/small.safetensors" "$sandbox/small2.safetensors"
put 3 "$sandbox/small.safetensors" 1
mgit add -A
ok mgit diff --cached
contains "$output" "moved"
lacks "$output" "gone "
git commit -q -m "dealt out again"
ok mgit lineage
contains "$output" "ours"
git switch -q -c other HEAD~1
ADD=0.01 make_checkpoint ../tuned.safetensors 1
put 2 ../tuned.safetensors
mgit add -A && git commit -q -m tuned
ok mgit merge main
equal "$(tensors model-*)" "$(tensors ../tuned.safetensors)" "only other changed the weights"
ok mgit ls
lacks "$errors" "warning"

scenario "networks that do not fit: a conflict, tensor by tensor, in every shard that differs"
fork 2 "$sandbox/small.safetensors" "$sandbox/small2.safetensors"
git switch -q feature
make_checkpoint ../wide.safetensors 3 fc1.weight=32,8 fc1.bias=32 fc2.weight=4,32 fc2.bias=4
put 2 ../wide.safetensors
mgit add -A && git commit -q -m wide
git switch -q main
head=$(git rev-parse HEAD)
fails_with 1 "CONFLICT (model): $index: fc1.bias: F32 16 here, F32 32 there (and 2 more tensors)" mgit merge feature
equal "$(git diff --name-only --diff-filter=U | tr '\n' ' ')" \
  "model-00001-of-00002.safetensors model-00002-of-00002.safetensors $index " "unmerged; the index says another size"
ok git checkout --theirs -- model-00001-of-00002.safetensors model-00002-of-00002.safetensors
equal "$(tensors model-*)" "$(tensors ../wide.safetensors)" "theirs"
ok mgit merge --abort
equal "$(git status --porcelain)" ""
equal "$(git rev-parse HEAD)" "$head"
fails_with 128 "different networks" mgit rebase feature onto main

scenario "a pick goes shard by shard"
make_repository
put 2 "$sandbox/small.safetensors"
mgit add -A && git commit -q -m ours
git switch -q -c feature
python3 - <<'PYTHON'
data = bytearray(open("model-00002-of-00002.safetensors", "rb").read())
data[-1] ^= 1
open("model-00002-of-00002.safetensors", "wb").write(data)
PYTHON
mgit add -A && git commit -q -m "second shard"
picked=$(digest model-00002-of-00002.safetensors)
git switch -q main
echo text >text && commit_all text
ok git cherry-pick feature
equal "$(digest model-00002-of-00002.safetensors)" "$picked"

scenario "a set that is broken on the way is left as it is; at a tip it is refused in one line"
fork 2 "$sandbox/small.safetensors" "$sandbox/small2.safetensors"
git switch -q feature
cp model* ..
git rm -q model-00002-of-00002.safetensors && git commit -q -m "one shard less"
ok mgit ls
contains "$errors" "warning: $index: its shard model-00002-of-00002.safetensors is not there"
refused() {
  fails_with 128 "fatal: $index: $1" mgit rebase main
  fails_with 128 "fatal: $index: $1" mgit spec show HEAD:$index
  git switch -q main
  fails_with 128 "fatal: $index: $1" mgit merge feature
  equal "$(printf '%s\n' "$errors" | grep -vc '^hint: ')" 1 "lines"
  equal "$(git status --porcelain)" ""
  git switch -q feature
}
refused "its shard model-00002-of-00002.safetensors is not there"
cp ../model* .
mgit add -A && git commit -q -m "complete again"
ok mgit rebase main
contains "$output" "$index is broken (its shard"
git reset -q --hard HEAD~2
cp model-00002-of-00002.safetensors model-00001-of-00002.safetensors
commit_all "twice"
refused "tensor fc1.bias is in two shards"
git reset -q --hard HEAD~1
make_checkpoint model-00002-of-00002.safetensors 1 fc1.bias=16
commit_all "lacks one"
refused "shard model-00002-of-00002.safetensors lacks tensor fc2.bias, which the index places there"
git reset -q --hard HEAD~1
ln -sf model-00001-of-00002.safetensors model-00002-of-00002.safetensors
commit_all "a link"
refused "its shard model-00002-of-00002.safetensors is a symbolic link"
git reset -q --hard HEAD~1
python3 - $index <<'PYTHON'
import json, sys
index = json.load(open(sys.argv[1]))
index["weight_map"]["fc1.bias"] = "../../etc/passwd"
json.dump(index, open(sys.argv[1], "w"))
PYTHON
commit_all "leads out"
refused "broken shard index: the shard path ../../etc/passwd of tensor fc1.bias is not a plain one"
git reset -q --hard HEAD~1
printf '{"weight_map": {"a": "x", "a": "y"}}' >$index
commit_all "twice in the map"
refused "broken shard index: tensor a is in its weight_map twice"
