#!/usr/bin/env bash
# mgit verify: what is true is proven, and every forgery is caught and named, by it and by a server's hook.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/verified.sh"

# forged BRANCH FILE MESSAGE: feature's tip with another checkpoint and message, on a branch.
forged() {
  git switch -q -c "$1" feature
  cp "$2" model.safetensors
  git add -A
  git commit -q --amend --no-verify -m "$3"
  git notes --ref mgit/operation remove --ignore-missing HEAD 2>/dev/null
}
message() { git log -1 --format=%B "${1:-feature}"; }

# stored FILE: puts a text into the store as an object; prints its name.
stored() {
  cp "$1" object.mgit-object
  mgit track '*.mgit-object' >/dev/null
  mgit add object.mgit-object 2>/dev/null
  git rm -q --cached object.mgit-object
  git checkout -q -- .gitattributes
  digest object.mgit-object
  rm object.mgit-object
}

# permuted FROM TO ORDER AXIS…: a checkpoint with axes of tensors reordered; AXIS is name:axis[:begin].
permuted() {
  python3 - "$@" <<'PYTHON'
import json, struct, sys
source, target, order = sys.argv[1], sys.argv[2], [int(n) for n in sys.argv[3].split()]
data = open(source, "rb").read()
length = struct.unpack("<Q", data[:8])[0]
header, body = json.loads(data[8:8 + length]), bytearray(data[8 + length:])
for place in sys.argv[4:]:
    name, axis, begin = (place.split(":") + ["0"])[:3]
    shape, (first, last) = header[name]["shape"], header[name]["data_offsets"]
    axis, begin = int(axis), int(begin)
    inner = 4
    for n in shape[axis + 1:]: inner *= n
    outer = (last - first) // (inner * shape[axis])
    old = bytes(body[first:last])
    for o in range(outer):
        for i, unit in enumerate(order):
            to, frm = ((o * shape[axis] + begin + j) * inner for j in (i, unit))
            body[first + to:first + to + inner] = old[frm:frm + inner]
open(target, "wb").write(data[:8 + length] + bytes(body))
PYTHON
}

mlp_spec() { printf 'mgit-perm 1\nperm H:16\nfc1.weight: H, _\nfc1.bias: H\nfc2.weight: _, H\nfc2.bias: _\n'; }
# record PERMUTATION SPEC ORIGIN: the trailers of a rebase.
record() {
  printf 'Mgit-Rebase: onto %s method weights seed 0\nMgit-Permutation: %s\nMgit-Spec: %s proof family\nMgit-Origin: %s\n' \
    "$(git rev-parse main)" "$1" "$2" "$3"
}
order="3 2 1 0 7 6 5 4 11 10 9 8 15 14 13 12"

scenario "rebases and merges of every kind are proven, here and in a fresh clone"
rebased_fork
with_server
ok mgit push -q origin main feature
verified 0 "2 proven, 0 failed, 0 unchecked" feature
contains "$output" "proven     $(git rev-parse --short=10 feature) rebase of model.safetensors: its origin"
contains "$output" "allowed by family mlp"
ok mgit merge feature
verified 0 "3 proven, 0 failed"
contains "$output" "merge of model.safetensors: computed again: mean of 2 parents"
verified 0 "1 proven" HEAD^! --objects
equal "$(number "$(mgit verify --json)" proven)" 3
ok mgit push -q origin main
ok mgit clone -q "$server" ../clone
cd ../clone
verified 0 "3 proven, 0 failed, 0 unchecked" --objects

scenario "merges with options: what the record does not say is found"
independent_fork
git tag ours
git tag theirs feature
ADD=0.02 make_checkpoint model.safetensors 1
commit_all "main goes on"
git tag before
merged() { # COMMAND…: a merge that is proven, and taken back
  ok "$@"
  verified 0 "1 proven, 0 failed" HEAD^!
  git reset -q --hard before
}
for options in "--no-rebase" "--weight 3,1" "--weight 1,0" "--no-repair --combine"; do
  # shellcheck disable=SC2086
  merged mgit merge $options feature
done
git switch -q -c one ours # two that go on from one base: tensors of one side, of both
ADD=0.02 ADD_SEED=8 make_checkpoint model.safetensors 1
commit_all "one goes on"
git switch -q main
for options in "" "--combine" "--weight 2,1" "--weight 0,1"; do
  # shellcheck disable=SC2086
  merged mgit merge $options one
done
merged git merge -q -X whole one
git switch -q -c three ours
make_checkpoint model.safetensors 3
commit_all "three, from nothing"
git switch -q main
ok mgit merge feature three
verified 0 "mean of 3 parents, permuted as family mlp allows" HEAD^!
git switch -q one # a base, and a rebase of what goes on from it
mgit rebase feature onto one >/dev/null 2>&1
merged mgit merge feature
git reset -q --hard before

scenario "forged rebases"
rebased_fork
with_server
ok mgit push -q origin feature
git show feature:model.safetensors >rebased.manifest
git switch -q feature
cp model.safetensors ../rebased.safetensors
cp model.safetensors ../altered.safetensors
printf '\001' | dd of=../altered.safetensors bs=1 seek=$(($(wc -c <model.safetensors) - 3)) conv=notrunc status=none
rm rebased.manifest
forged altered ../altered.safetensors "$(message)"
verified 1 "rebase of model.safetensors: tensor fc2.bias is not what its origin" altered^!
contains "$output" "FAILED     $(git rev-parse --short=10 altered)"
run mgit verify altered^! --json
equal "$(number "$output" findings 0 tensor)" fc2.bias
refused "tensor fc2.bias is not what its origin" git push -q origin altered
refused "tensor fc2.bias is not what its origin" git push -q --no-verify origin altered
# A rebase written by hand, so that each part of it can be forged.
origin=$(git log -1 --format='%(trailers:key=Mgit-Origin,valueonly)' feature | head -1)
git cat-file --filters "$origin:model.safetensors" >../origin.safetensors
permuted ../origin.safetensors ../hand.safetensors "$order" fc1.weight:0 fc1.bias:0 fc2.weight:1
mlp_spec >../spec
spec=$(stored ../spec)
permutation() { printf 'mgit-permutation 1\nmodel model.safetensors\nspec %s\ngroup H 16\n%s\n' "$1" "$2"; }
permutation "$spec" "$order" >../permutation
sound=$(stored ../permutation)
forged hand ../hand.safetensors "By hand

$(record "$sound" "$spec" "$origin")"
verified 0 "1 proven, 0 failed" hand^!
ok git push -q origin hand
permutation "$spec" "3 3 1 0 7 6 5 4 11 10 9 8 15 14 13 12" >../permutation
forged twice ../hand.safetensors "Not a bijection

$(record "$(stored ../permutation)" "$spec" "$origin")"
verified 1 "not a permutation: an index is missing or repeated" twice^!
refused "not a permutation: an index is missing or repeated" git push -q origin twice
forged nothing ../origin.safetensors "Nothing moved

$(record "$sound" "$spec" "$origin")"
verified 1 "no model is permuted: all are as in its origin" nothing^!
forged branch ../hand.safetensors "Names a branch

$(record "$sound" "$spec" feature)"
verified 1 "Mgit-Origin is 'feature', not the full name of a commit" branch^!
refused "Mgit-Origin is 'feature'" git push -q origin branch
forged tree ../hand.safetensors "Names a tree

$(record "$sound" "$spec" "$(git rev-parse 'HEAD^{tree}')")"
verified 1 "is no commit" tree^!
forged absent ../hand.safetensors "Names what is not here

$(record "$sound" "$spec" 0123456789012345678901234567890123456789)"
verified 2 "unchecked  $(git rev-parse --short=10 absent) rebase: its origin 0123456789 is not in this repository" absent^!
refused "its origin 0123456789 is not in this repository" git push -q origin absent
forged itself ../hand.safetensors "Names itself, in a note"
git notes --ref mgit/operation add -f -m "$(record "$sound" "$spec" "$(git rev-parse HEAD)")" HEAD 2>/dev/null
verified 1 "Mgit-Origin names the commit itself" itself^!
refused "Mgit-Origin names the commit itself" mgit push -q origin itself

scenario "a spec that breaks heads"
make_repository
printf '{"model_type": "gpt2", "n_head": 2, "n_layer": 1, "n_embd": 8}\n' >config.json
gpt2=(wte.weight=6,8 wpe.weight=4,8 h.0.ln_1.weight=8 h.0.ln_1.bias=8 h.0.attn.c_attn.weight=8,24 h.0.attn.c_attn.bias=24
  h.0.attn.c_proj.weight=8,8 h.0.attn.c_proj.bias=8 h.0.ln_2.weight=8 h.0.ln_2.bias=8 h.0.mlp.c_fc.weight=8,32
  h.0.mlp.c_fc.bias=32 h.0.mlp.c_proj.weight=32,8 h.0.mlp.c_proj.bias=8 ln_f.weight=8 ln_f.bias=8)
make_checkpoint model.safetensors 1 "${gpt2[@]}"
commit_all "Train"
with_server
git switch -q -c feature
make_checkpoint model.safetensors 2 "${gpt2[@]}"
cp model.safetensors ../origin.safetensors
commit_all "Train my own"
origin=$(git rev-parse HEAD)
git update-ref refs/mgit/origin/"$origin" "$origin"
# Values of the heads, shuffled across them: every tensor is covered and every size is right.
cat >../spec <<'SPEC'
mgit-perm 1
perm V:8
h.0.attn.c_attn.weight: _, _:16+V
h.0.attn.c_attn.bias: _:16+V
h.0.attn.c_proj.weight: V, _
skip wte.weight
skip wpe.weight
skip *.ln_1.*
skip *.ln_2.*
skip ln_f.*
skip h.0.attn.c_proj.bias
skip h.0.mlp.*
SPEC
ok mgit spec check ../spec ../origin.safetensors
permuted ../origin.safetensors ../broken.safetensors "4 1 2 3 0 5 6 7" \
  h.0.attn.c_attn.weight:1:16 h.0.attn.c_attn.bias:0:16 h.0.attn.c_proj.weight:0
spec=$(stored ../spec)
printf 'mgit-permutation 1\nmodel model.safetensors\nspec %s\ngroup V 8\n4 1 2 3 0 5 6 7\n' "$spec" >../permutation
forged broken ../broken.safetensors "Heads mixed

$(record "$(stored ../permutation)" "$spec" "$origin")"
verified 1 "group V may not be reordered like that, by family gpt2" broken^!
contains "$output" "rebase of model.safetensors: spec ${spec:0:12} (recorded as proof family)"
refused "group V may not be reordered like that" mgit push -q origin broken

scenario "forged merges"
rebased_fork
with_server
ok mgit push -q origin feature
ok mgit merge feature
git tag sound
verified 0 "merge of model.safetensors: computed again" HEAD^!
amended() { # FROM TO BRANCH
  git switch -q -c "$3" sound
  git commit -q --amend -m "$(message HEAD | sed "s/$1/$2/")"
}
amended "weights 0.5 0.5" "weights 0.75 0.25" weights
verified 1 "merge of model.safetensors: tensor fc1.bias is not what merging its parents as recorded has" HEAD^!
refused "tensor fc1.bias is not what merging its parents as recorded has" git push -q origin weights
amended "combined 4" "combined 3 parent-1 1" tensors
verified 1 "its record says 'combined 3 parent-1 1', and merging gives 'combined 4'" HEAD^!
amended "Mgit-Base: none" "Mgit-Base: $(git rev-parse main)" base
verified 1 "history does not make one" HEAD^!
refused "history does not make one" git push -q origin base
amended "weights 0.5 0.5" "weights 0.5" one
verified 1 "it records 1 weight for 2 parents" HEAD^!
git switch -q main
ok git push -q origin main

scenario "signed commits are shown as such"
command -v ssh-keygen >/dev/null || skip "no ssh-keygen"
ssh-keygen -q -t ed25519 -N '' -f ../key
make_repository
git config gpg.format ssh
git config user.signingKey "$PWD/../key.pub"
printf 'tester@example.com %s\n' "$(cat ../key.pub)" >../signers
git config gpg.ssh.allowedSignersFile "$PWD/../signers"
git add -A
git commit -q -S -m "signed"
verified 0 "signed     $(git rev-parse --short=10 HEAD) good, by tester@example.com"
git cat-file commit HEAD | sed 's/^signed$/signed by nobody/' >../forged
git update-ref refs/heads/main "$(git hash-object -t commit -w ../forged)"
verified 1 "its signature is not of this commit"
