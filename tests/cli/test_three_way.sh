#!/usr/bin/env bash
# Three-way means three-way: who decides a model in a merge, and that what is said was done.
. "$(dirname "$0")/lib.sh"

wide() { make_checkpoint "$1" "$2" fc1.weight=32,8 fc1.bias=32 fc2.weight=4,32 fc2.bias=4; }

# mixed FILE A B SHARE TENSOR…: those tensors are (1-SHARE) A + SHARE B, rounded once.
mixed() {
  python3 - "$@" <<'PYTHON'
import json, struct, sys
def load(path):
    data = open(path, "rb").read()
    n = struct.unpack("<Q", data[:8])[0]
    tensors = {}
    for name, t in json.loads(data[8:8 + n]).items():
        if name == "__metadata__": continue
        begin, end = t["data_offsets"]
        tensors[name] = struct.unpack("<%df" % ((end - begin) // 4), data[8 + n + begin:8 + n + end])
    return tensors
merged, a, b = map(load, sys.argv[1:4])
share = float(sys.argv[4])
round32 = lambda v: struct.unpack("<f", struct.pack("<f", v))[0]
for name in sys.argv[5:]:
    bad = sum(m != round32((1 - share) * x + share * y) for m, x, y in zip(merged[name], a[name], b[name]))
    if bad: sys.exit("%s: %d of %d elements differ" % (name, bad, len(merged[name])))
PYTHON
}
# with_tensors FILE FROM TENSOR…: FILE gets these tensors as FROM has them.
with_tensors() {
  python3 - "$@" <<'PYTHON'
import json, struct, sys
def read(path):
    data = open(path, "rb").read()
    n = struct.unpack("<Q", data[:8])[0]
    return bytearray(data), json.loads(data[8:8 + n]), 8 + n
into, header, start = read(sys.argv[1])
source, other, begin = read(sys.argv[2])
for name in sys.argv[3:]:
    a, b = header[name]["data_offsets"]
    c, d = other[name]["data_offsets"]
    into[start + a:start + b] = source[begin + c:begin + d]
open(sys.argv[1], "wb").write(into)
PYTHON
}

# untouched COMMAND…: main changes its model by the command; docs, forked before, edits a text.
untouched() {
  make_repository
  make_checkpoint model.safetensors 1
  commit_all "first training"
  git branch docs
  "$@"
  commit_all "changed on main"
  wanted=$(git ls-files -s -- ':!text')
  git switch -q docs
  echo text >text
  commit_all "a text"
}
# keeps: whichever way the two are merged, what main has is what comes out.
keeps() {
  git branch -q from-docs
  ok mgit merge --no-edit main
  equal "$(git ls-files -s -- ':!text')" "$wanted" "the branch got main's model whole"
  lacks "$output" "combined"
  lacks "$output" "basin"
  lacks "$(git log -1 --format=%B)" "Mgit-"
  equal "$(git status --porcelain)" ""
  git switch -q main
  ok git merge --no-edit from-docs
  equal "$(git ls-files -s -- ':!text')" "$wanted" "main kept its model"
  equal "$(cat text)" text
  lacks "$(git log -1 --format=%B)" "Mgit-"
  equal "$(git status --porcelain)" ""
  ok mgit fsck
}

scenario "main trained anew"
untouched make_checkpoint model.safetensors 2
keeps
scenario "main trained on"
trained_on() { ADD=0.01 make_checkpoint model.safetensors 1; }
untouched trained_on
keeps
scenario "main widened its network"
untouched wide model.safetensors 2
keeps
scenario "main trained anew a network that no spec knows"
untouched make_checkpoint model.safetensors 2 odd_a.weight=8,8 odd_b.weight=8,8
keeps
scenario "main renamed its model"
untouched git mv model.safetensors renamed.safetensors
keeps
scenario "main deleted its model"
untouched git rm -q model.safetensors
keeps
scenario "main has a model more"
untouched make_checkpoint another.safetensors 3
keeps
scenario "main keeps its model in another format"
to_sharded() {
  git rm -q model.safetensors
  make_checkpoint model-00001-of-00002.safetensors 1 fc1.weight=16,8 fc1.bias=16
  make_checkpoint model-00002-of-00002.safetensors 1 fc2.weight=4,16 fc2.bias=4
  printf '{"weight_map": {%s, %s, %s, %s}}' \
    '"fc1.weight": "model-00001-of-00002.safetensors"' '"fc1.bias": "model-00001-of-00002.safetensors"' \
    '"fc2.weight": "model-00002-of-00002.safetensors"' '"fc2.bias": "model-00002-of-00002.safetensors"' \
    >model.safetensors.index.json
}
untouched to_sharded
keeps

scenario "several branches at once, of which one trained"
make_repository
make_checkpoint model.safetensors 1
commit_all base
for name in one two; do
  git switch -q -c $name main
  echo $name >$name
  commit_all $name
done
git switch -q -c trained main
make_checkpoint model.safetensors 2
commit_all trained
git switch -q main
echo main >text && commit_all text
ok mgit merge --no-edit one trained two
equal "$(git rev-parse HEAD:model.safetensors)" "$(git rev-parse trained:model.safetensors)"
contains "$output$errors" "--combine"
equal "$(cat one two text)" "$(printf 'one\ntwo\nmain')"
lacks "$(git log -1 --format=%B)" "Mgit-"

scenario "each side changed another tensor, whatever their rank: each change arrives whole"
for tensors in "a=64 b=64" "a=8,8 b=8,8" "a=8,8 b=64"; do
  make_repository "$sandbox/$(echo "$tensors" | tr -cd 'a-z0-9')"
  # shellcheck disable=SC2086
  make_checkpoint model.safetensors 1 $tensors
  cp model.safetensors base
  # shellcheck disable=SC2086
  ADD=0.01 make_checkpoint new 1 $tensors
  commit_all base
  git switch -q -c feature
  with_tensors model.safetensors new b
  commit_all b
  git switch -q main
  with_tensors model.safetensors new a
  commit_all a
  ok mgit merge --no-edit feature
  same_file model.safetensors new
  contains "$output" "nothing to average: tensors come 1 from ours, 1 from feature"
  contains "$(git log -1 --format=%B)" "Mgit-Merge: strategy none model model.safetensors"
  contains "$(git log -1 --format=%B)" "Mgit-Merge-Tensors: combined 0 parent-1 1 parent-2 1"
  ok mgit lineage
  contains "$output" "merged: tensors of 2 models"
done

scenario "what is averaged is said and recorded, tensor by tensor"
make_repository
make_checkpoint model.safetensors 1
commit_all base
git switch -q -c feature
cp model.safetensors ../theirs
ADD=0.01 make_checkpoint ../new 1
with_tensors ../theirs ../new fc1.weight fc1.bias
cp ../theirs model.safetensors
commit_all theirs
git switch -q main
cp model.safetensors ../ours
ADD=0.02 ADD_SEED=8 make_checkpoint ../new 1
with_tensors ../ours ../new fc1.weight fc2.weight
cp ../ours model.safetensors
commit_all ours
git tag before
ok mgit merge --no-edit feature
contains "$output" "1 tensor combined; 1 from ours, 1 from feature"
ok mixed model.safetensors ../ours ../theirs 0.5 fc1.weight
ok mixed model.safetensors ../ours ../theirs 0 fc2.weight
ok mixed model.safetensors ../ours ../theirs 1 fc1.bias
contains "$(git log -1 --format=%B)" "Mgit-Merge-Tensors: combined 1 parent-1 1 parent-2 1"
git reset -q --hard before
ok mgit merge --no-edit --weight 0.25 feature
contains "$output" "weights 0.75 : 0.25 (base $(git rev-parse --short=10 HEAD~1~1): whole models)"
ok mixed model.safetensors ../ours ../theirs 0.25 fc1.weight fc2.weight fc1.bias
contains "$(git log -1 --format=%B)" "Mgit-Merge: strategy mean weights 0.75 0.25"
git reset -q --hard before
ok mgit merge --no-edit -X whole feature
ok mixed model.safetensors ../ours ../theirs 0.5 fc1.weight fc2.weight fc1.bias

scenario "--weight holds where one side alone changed the model, and where git could fast-forward"
make_repository
make_checkpoint model.safetensors 1
cp model.safetensors ../ours
commit_all base
git switch -q -c feature
ADD=0.01 make_checkpoint model.safetensors 1
cp model.safetensors ../theirs
commit_all theirs
git switch -q main
ok mgit merge --no-edit --weight 0.3 feature
contains "$output" "weights 0.7 : 0.3"
ok mixed model.safetensors ../ours ../theirs 0.3 fc1.weight fc1.bias fc2.weight fc2.bias
git reset -q --hard HEAD~1
echo text >text && commit_all text
ok mgit merge --no-edit --weight 0.3 feature
ok mixed model.safetensors ../ours ../theirs 0.3 fc1.weight fc1.bias fc2.weight fc2.bias
git reset -q --hard HEAD~1
git switch -q -c like-ours
echo more >more && commit_all more
git switch -q main
ok mgit merge --no-edit --weight 2,1,1 feature like-ours
ok mixed model.safetensors ../ours ../theirs 0.25 fc1.weight
contains "$(git log -1 --format=%B)" "weights 3 1 0"
fails_with 129 "zero" mgit merge --weight 0,0 feature
fails_with 129 "leave --ff or --weight out" mgit merge --ff --weight 0.3 feature

# ahead: feature, forked from main's model, with an independent one.
ahead() {
  make_repository "${1:-repository}"
  make_checkpoint model.safetensors 1
  cp model.safetensors "$sandbox/ours"
  commit_all ours
  git switch -q -c feature
  make_checkpoint model.safetensors 2
  cp model.safetensors "$sandbox/theirs"
  commit_all theirs
  git switch -q main
}

scenario "an independent model that replaces ours: said, and combined when asked for"
ahead
ok mgit merge feature
same_file model.safetensors "$sandbox/theirs"
contains "$errors" "warning: model.safetensors: replaced by an independently trained model"
contains "$errors" "mgit undo, then mgit merge --combine"
ok mgit undo
same_file model.safetensors "$sandbox/ours"
ok mgit merge --no-edit --combine --no-rebase feature
ok mixed model.safetensors "$sandbox/ours" "$sandbox/theirs" 0.5 fc1.weight fc2.weight
ok mgit undo
echo text >text && commit_all text
ok mgit merge --no-edit feature
same_file model.safetensors "$sandbox/theirs"
contains "$output" "note: model.safetensors: feature's independently trained model replaces ours"
contains "$output" "--combine"
lacks "$(git log -1 --format=%B)" "Mgit-"
ok mgit undo
fails_with 129 "leave --ff or --combine out" mgit merge --ff --combine feature
fails_with 129 "leave --squash out" mgit merge --squash --combine "$(git commit-tree -p HEAD -m ahead feature^{tree})"

scenario "plain git fast-forwards over a model rebased to be combined: said, and it can be taken back"
ahead
ok mgit rebase feature onto main
ok git merge feature
equal "$(git rev-parse main)" "$(git rev-parse feature)"
contains "$errors" "warning: model.safetensors: replaced"
ok mgit undo
ok mgit merge --no-edit feature
contains "$output" "combined, mean with weights 0.5 : 0.5"
ok git reset -q --hard HEAD~1
ok mgit install --no-ff
ok git merge --no-edit feature
contains "$output" "combined, mean with weights 0.5 : 0.5"

scenario "git merge --squash is git's"
ahead
git switch -q -c docs
echo text >text && commit_all text
git switch -q main
ok git merge --squash docs
equal "$(cat text)" text
git commit -q -m squashed
git switch -q feature
ADD=0.01 make_checkpoint model.safetensors 2
commit_all more
git switch -q main
ok mgit merge --squash --combine feature
git commit -q -m "squashed, combined"
equal "$(git rev-list --parents -1 HEAD | wc -w)" 2 "parents"

scenario "renamed here, trained there, and the other way round: one model"
for where in here there; do
  make_repository "$sandbox/renamed-$where"
  make_checkpoint model.safetensors 1
  commit_all base
  git switch -q -c feature
  if [ $where = there ]; then mkdir nets && git mv model.safetensors nets/digits.safetensors
  else ADD=0.01 make_checkpoint model.safetensors 1; fi
  commit_all theirs
  git switch -q main
  if [ $where = here ]; then mkdir nets && git mv model.safetensors nets/digits.safetensors
  else ADD=0.01 make_checkpoint model.safetensors 1; fi
  commit_all ours
  trained=$(git rev-parse -q --verify main:model.safetensors || git rev-parse feature:model.safetensors)
  ok mgit merge --no-edit feature
  equal "$(git ls-files '*.safetensors')" nets/digits.safetensors
  equal "$(git rev-parse HEAD:nets/digits.safetensors)" "$trained"
  equal "$(git status --porcelain)" ""
  ok mgit lineage
  lacks "$output" "first of its line
    first of its line"
done

scenario "renamed there and trained on both sides; renamed on both sides"
make_repository
make_checkpoint model.safetensors 1
commit_all base
git switch -q -c feature
git mv model.safetensors digits.safetensors
ADD=0.01 make_checkpoint digits.safetensors 1
cp digits.safetensors ../theirs
commit_all theirs
git switch -q main
ADD=0.02 ADD_SEED=8 make_checkpoint model.safetensors 1
cp model.safetensors ../ours
commit_all ours
ok mgit merge --no-edit feature
equal "$(git ls-files '*.safetensors')" digits.safetensors
[ ! -e model.safetensors ] || fail "the old name is still there"
ok mixed digits.safetensors ../ours ../theirs 0.5 fc1.weight fc2.weight
contains "$(git log -1 --format=%B)" "model digits.safetensors"
equal "$(git status --porcelain)" ""
git reset -q --hard HEAD~1
echo mine >digits.safetensors
fails_with 2 "an untracked file would be overwritten" mgit merge --no-edit feature
equal "$(cat digits.safetensors)" mine
rm digits.safetensors
git mv model.safetensors letters.safetensors
git commit -q -m "another name"
fails_with 1 "renamed from model.safetensors to letters.safetensors here, to digits.safetensors there" \
  mgit merge --no-edit feature
git merge --abort
equal "$(git status --porcelain)" ""

scenario "a branch that was rebased and pushed again is told from what was built on it before"
make_repository
commit_all attributes
git switch -q -c feature
make_checkpoint model.safetensors 2
commit_all "theirs"
git branch colleague
git switch -q main
make_checkpoint model.safetensors 1
commit_all ours
ok mgit rebase feature onto main
git switch -q colleague
ADD=0.01 make_checkpoint model.safetensors 2
commit_all "trained on what feature was"
trained=$(git rev-parse HEAD:model.safetensors)
ok mgit merge --no-edit feature
equal "$(git rev-parse HEAD:model.safetensors)" "$trained" "feature brings its own past: nothing to combine"
lacks "$output" "weights"
git reset -q --hard HEAD~1
git switch -q feature
before=$(git rev-parse HEAD:model.safetensors)
ok mgit merge --no-edit colleague
lacks "$output" "weights"
differ "$(git rev-parse HEAD:model.safetensors)" "$before" "what was trained arrives"
ok mgit fsck

scenario "pull --rebase and cherry-pick carry what was trained into the new basin"
make_repository author
commit_all attributes
git switch -q -c feature
make_checkpoint model.safetensors 2
commit_all "theirs"
git switch -q main
make_checkpoint model.safetensors 1
commit_all ours
git init -q --bare ../host.git
git remote add origin ../host.git
ok mgit push -q origin main feature
ok mgit clone -q -b feature ../host.git ../colleague
cd ../colleague
for seed in 7 8; do
  ADD=0.01 ADD_SEED=$seed make_checkpoint model.safetensors 2
  echo $seed >text
  commit_all "trained on $seed"
done
git branch before
cd ../author
ok mgit rebase feature onto main
permuted=$(git rev-parse feature)
ok mgit push -q --force origin feature
cd ../colleague
ok git pull -q --rebase
equal "$(git rev-parse HEAD~2)" "$permuted"
equal "$(git log --format=%s | head -2 | tr '\n' ' ')" "trained on 8 trained on 7 "
equal "$(git status --porcelain)" ""
differ "$(git rev-parse HEAD:model.safetensors)" "$(git rev-parse before:model.safetensors)"
# What arrives is exactly what was trained, in the new order: brought to main's basin, it is theirs.
git switch -q -c check before
ok mgit rebase check onto origin/main
equal "$(git rev-parse check:model.safetensors)" "$(git rev-parse feature:model.safetensors)"
equal "$(git rev-parse check~1:model.safetensors)" "$(git rev-parse feature~1:model.safetensors)"
git switch -q -c picked origin/feature
ok git cherry-pick before~1
contains "$output$errors" "carried into the basin"
equal "$(git rev-parse picked:model.safetensors)" "$(git rev-parse feature~1:model.safetensors)"
ok mgit fsck

scenario "one side is chosen"
make_repository
make_checkpoint model.safetensors 1
commit_all base
git switch -q -c feature
ADD=0.01 make_checkpoint model.safetensors 1
commit_all theirs
git switch -q -c other main
wide model.safetensors 3
commit_all wide
git switch -q main
ADD=0.02 ADD_SEED=8 make_checkpoint model.safetensors 1
commit_all ours
for side in ours theirs; do
  branch=$([ $side = ours ] && echo main || echo feature)
  wanted=$(git rev-parse $branch:model.safetensors)
  git switch -q --detach main && git switch -q -C try
  ok mgit merge --no-edit --$side feature
  equal "$(git rev-parse HEAD:model.safetensors)" "$wanted" "--$side"
  lacks "$(git log -1 --format=%B)" "Mgit-"
  branch=$([ $side = ours ] && echo main || echo other)
  wanted=$(git rev-parse $branch:model.safetensors)
  git switch -q --detach main && git switch -q -C try
  fails_with 1 "CONFLICT (model)" mgit merge --no-edit other
  git merge --abort
  ok mgit merge --no-edit -X $side other
  equal "$(git rev-parse HEAD:model.safetensors)" "$wanted" "-X $side"
  equal "$(git status --porcelain)" ""
done
git switch -q main
fails_with 129 "exclude" mgit merge --ours --theirs feature
fails_with 129 "--combine" mgit merge --theirs --combine feature

scenario "fine-tunes of one download, committed without a common base, need no spec"
net="enc_a.weight=16,8 enc_a.bias=16 enc_b.weight=4,16 enc_b.bias=4"
make_repository
commit_all attributes
git branch feature
# shellcheck disable=SC2086
ADD=0.01 make_checkpoint model.safetensors 1 $net
cp model.safetensors ../ours
commit_all ours
git switch -q feature
# shellcheck disable=SC2086
ADD=0.01 ADD_SEED=8 make_checkpoint model.safetensors 1 $net
cp model.safetensors ../theirs
commit_all theirs
git switch -q main
ok mgit merge --no-edit feature
contains "$output" "feature is in our basin already"
ok mixed model.safetensors ../ours ../theirs 0.5 enc_a.weight enc_b.weight

scenario "a refusal names the option that lifts it"
make_repository
commit_all attributes
git branch feature
# shellcheck disable=SC2086
make_checkpoint model.safetensors 1 $net
commit_all ours
git switch -q feature
# shellcheck disable=SC2086
make_checkpoint model.safetensors 2 $net
commit_all theirs
git switch -q main
fails_with 2 "--no-rebase" mgit merge --no-edit feature
equal "$(git status --porcelain)" ""
printf 'mgit-perm 1\nperm A:16\nenc_a.weight: A, _\nenc_a.bias: A\nenc_b.weight: _, A\nenc_b.bias: _\n' >own.perm
printf '[model "net"]\n\tpath = model.safetensors\n\tspec = own.perm\n' >.mgitconfig
commit_all spec
fails_with 2 "--trust-spec" mgit merge --no-edit feature
ok mgit merge --no-edit --trust-spec feature
contains "$output" "was brought into our basin first"

scenario "norms and adapters that an average leaves wrong are spoken of"
tensors="conv.weight=8,4 bn.weight=8 bn.running_mean=8 bn.running_var=8 base.lora_A.weight=2,8 base.lora_B.weight=8,2"
make_repository
# shellcheck disable=SC2086
make_checkpoint model.safetensors 1 $tensors
commit_all base
git switch -q -c feature
# shellcheck disable=SC2086
ADD=0.01 make_checkpoint model.safetensors 1 $tensors
commit_all theirs
git switch -q main
# shellcheck disable=SC2086
ADD=0.01 ADD_SEED=8 make_checkpoint model.safetensors 1 $tensors
commit_all ours
ok mgit merge --no-edit feature
contains "$output" "1 running variance of batch norm is an average now"
contains "$output" "no spec says which layers they follow"
contains "$output" "LoRA factors were averaged one by one"

scenario "criss-cross: both merge what the other had"
make_repository
make_checkpoint model.safetensors 1
commit_all base
git switch -q -c feature
ADD=0.01 make_checkpoint model.safetensors 1
commit_all theirs
git switch -q main
ADD=0.01 ADD_SEED=8 make_checkpoint model.safetensors 1
commit_all ours
git branch old
ok mgit merge --no-edit feature
git switch -q feature
ok mgit merge --no-edit old
equal "$(git rev-parse HEAD:model.safetensors)" "$(git rev-parse main:model.safetensors)" "one mean"
ok mgit merge --no-edit main
lacks "$output" "combined"
equal "$(git status --porcelain)" ""
