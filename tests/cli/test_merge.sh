#!/usr/bin/env bash
# mgit merge: models are combined, files merge as in git, nothing vanishes silently.
. "$(dirname "$0")/lib.sh"

# mean FILE A B [WEIGHT_OF_B]: does FILE hold the mean of A and B, rounded once?
mean() {
  python3 - "$@" <<'PYTHON'
import struct, sys
def tensors(path):
    data = open(path, "rb").read()
    length = struct.unpack("<Q", data[:8])[0]
    return struct.unpack("<%df" % ((len(data) - 8 - length) // 4), data[8 + length:])
merged, a, b = map(tensors, sys.argv[1:4])
w = float(sys.argv[4]) if len(sys.argv) > 4 else 0.5
round32 = lambda v: struct.unpack("<f", struct.pack("<f", v))[0]
bad = sum(m != round32((1 - w) * x + w * y) for m, x, y in zip(merged, a, b))
sys.exit(bad != 0 and "%d of %d elements differ" % (bad, len(merged)))
PYTHON
}

# main with seed 1; feature, forked before, with an independent model of seed 2.
fork() {
  make_repository "${1:-repository}"
  commit_all "attributes"
  git branch feature
  make_checkpoint model.safetensors 1
  cp model.safetensors ../ours.safetensors
  commit_all "main's model"
  git switch -q feature
  make_checkpoint model.safetensors 2
  cp model.safetensors ../theirs.safetensors
  commit_all "an independent model"
  git switch -q main
}

# feature was forked from main's model, so that git could fast-forward.
fork_ahead() {
  make_repository "${1:-repository}"
  make_checkpoint model.safetensors 1
  cp model.safetensors ../ours.safetensors
  commit_all "main's model"
  git switch -q -c feature
  make_checkpoint model.safetensors 2
  cp model.safetensors ../theirs.safetensors
  commit_all "an independent model"
  git switch -q main
}

scenario "the natural flow: rebase, then merge; the result is combined although git could fast-forward"
fork_ahead
ok mgit rebase feature onto main
git show feature:model.safetensors >/dev/null
git switch -q feature && cp model.safetensors ../theirs.safetensors && git switch -q main
ok mgit merge feature
contains "$output" "combined, mean with weights 0.5 : 0.5"
contains "$output" "in our basin already"
ok mean model.safetensors ../ours.safetensors ../theirs.safetensors
equal "$(git status --porcelain)" ""
equal "$(git rev-list --parents -1 HEAD | wc -w)" 3 "parents"
message=$(git log -1 --format=%B)
contains "$message" "Merge branch 'feature'"
contains "$message" "Mgit-Merge: strategy mean weights 0.5 0.5 model model.safetensors"
contains "$message" "Mgit-Base: none"
ok mgit merge feature
equal "$output" "Already up to date."
ok git fsck --strict
ok mgit fsck

scenario "without a rebase before, merge brings theirs into our basin; --no-rebase does not"
fork
ok mgit merge feature
contains "$output" "brought into our basin first"
contains "$(git log -1 --format=%B)" "Mgit-Merge-Permutation: "
contains "$(git log -1 --format=%B)" " parent 2 method weights weighting linear model model.safetensors"
contains "$(git notes --ref=mgit/operation show)" " parent 2 method weights weighting linear model"
run mean model.safetensors ../ours.safetensors ../theirs.safetensors
differ "$status" 0 "aligned first"
git reset -q --hard HEAD~1
ok mgit merge --no-rebase feature
ok mean model.safetensors ../ours.safetensors ../theirs.safetensors

scenario "theirs is matched by the method and the weighting that are named"
fork
ok mgit merge --method frank-wolfe --weighting norm feature
contains "$(git log -1 --format=%B)" " parent 2 method frank-wolfe weighting norm model model.safetensors"
fails_with 129 "there is: weights" mgit merge --method guesses feature
fails_with 129 "there is: linear, raw, norm" mgit merge --weighting heavy feature

scenario "--weight is theirs' share"
fork
ok mgit merge --no-rebase --weight 0.25 feature
ok mean model.safetensors ../ours.safetensors ../theirs.safetensors 0.25
git reset -q --hard HEAD~1
ok mgit merge --no-rebase --weight 3,1 feature
ok mean model.safetensors ../ours.safetensors ../theirs.safetensors 0.25
git reset -q --hard HEAD~1
fails_with 129 "share" mgit merge --weight 2 feature
fails_with 129 "weight" mgit merge --weight much feature
fails_with 129 "3 weights for 2 models" mgit merge --weight 1,1,1 feature

scenario "--weight data: as many samples or tokens as the trainers say"
# trained BRANCH FROM SEED MESSAGE [TRAILER]: the model trained on from there, on a branch of its own.
trained() {
  git switch -q -c "$1" "$2"
  ADD=0.01 ADD_SEED=$3 make_checkpoint model.safetensors 1
  git commit -q -a -m "$4" ${5:+--trailer "$5"}
  git switch -q main
}
make_repository
make_checkpoint model.safetensors 1
commit_all "Start, of which nothing is said"
trained one main 1 "One" "Mgit-Trained: samples 20000"
trained two main 2 "Two" "Mgit-Trained: samples 4000 model model.safetensors"
trained two-more two 3 "Two, further" "Mgit-Trained: samples 1000"
trained silent main 4 "Silent"
trained negative main 5 "Negative" "Mgit-Trained: samples -5"
trained tokens main 6 "Tokens" "Mgit-Trained: tokens 7"
trained other main 7 "Other" "Mgit-Trained: samples 7 model another.safetensors"
git cat-file --filters one:model.safetensors >../one.safetensors
git cat-file --filters two-more:model.safetensors >../two.safetensors
ok mgit merge --weight data one two-more
contains "$output" "combined, mean with weights 0 : 20000 : 5000 samples (base "
contains "$(git log -1 --format=%B)" "Mgit-Merge: strategy mean weights 0 20000 5000 model"
ok mean model.safetensors ../one.safetensors ../two.safetensors 0.2
# What both sides hold does not count: here that is 'one', which main has merged and 'more' was trained on from.
trained more one 8 "One, further" "Mgit-Trained: samples 300"
ok git merge --no-edit -s mgit -X weight=data more
contains "$(git log -1 --format=%B)" "weights 5000 300 model"
# A rebased commit counts as the one that it was.
git reset -q --hard one
git switch -q -c apart main~1
make_checkpoint model.safetensors 9
own_spec
git add -A
git commit -q -m "Apart" --trailer "Mgit-Trained: samples 600"
git branch was
git switch -q main
ok mgit rebase --trust-spec apart onto main
ok mgit merge --trust-spec --weight data apart
contains "$(git log -1 --format=%B)" "weights 20000 600 model"
trained further was 10 "Apart, further" "Mgit-Trained: samples 50"
ok mgit merge --trust-spec --weight data further
contains "$(git log -1 --format=%B)" "weights 20000 50 model"
# What some sides hold is divided between them.
trained after main 11 "From what was merged" "Mgit-Trained: samples 30"
git switch -q -c again apart
ok mgit merge --trust-spec --no-edit further
git switch -q main
ok mgit merge --trust-spec --weight data again after
contains "$(git log -1 --format=%B)" "weights 10000 0 10030 model"
git reset -q --hard one
for branch in silent other; do
  fails_with 2 "it trained model.safetensors and does not say on how much" mgit merge --weight data $branch
  contains "$errors" "or give the weights here: --weight 2,1"
done
contains "$errors" "(Other)"
fails_with 2 "'Mgit-Trained: samples -5' is no count of samples or tokens" mgit merge --weight data negative
fails_with 2 "it counts " mgit merge --weight data tokens
equal "$(git status --porcelain)" ""
equal "$(git rev-parse HEAD)" "$(git rev-parse one)"

scenario "two branches that bring a model to one that has none are merged one after the other"
make_repository
commit_all "No model yet"
for seed in 1 2; do
  git switch -q -c "share-$seed" main
  make_checkpoint model.safetensors $seed
  commit_all "Train $seed"
done
git switch -q main
fails_with 2 "share-1 and share-2 each bring one, and here is none to combine them with" mgit merge share-1 share-2
contains "$errors" "one after the other: mgit merge share-1, then mgit merge share-2"
equal "$(git status --porcelain)" ""
git branch again share-1
ok mgit merge share-1 again
git reset -q --hard HEAD^
ok mgit merge share-1
ok mgit merge --no-rebase share-2
contains "$output" "combined, mean"

scenario "plain git merges as mgit does"
fork
ok mgit merge feature
wanted=$(git rev-parse HEAD:model.safetensors)
body=$(git log -1 --format=%B)
git reset -q --hard HEAD~1
ok git merge --no-edit feature
equal "$(git rev-parse HEAD:model.safetensors)" "$wanted" "merged manifest"
equal "$(git log -1 --format=%B)" "$body" "message and trailers"
equal "$(git status --porcelain)" ""

scenario "a fine-tune of ours is fast-forwarded; --no-ff makes a commit with theirs' weights"
make_repository
make_checkpoint model.safetensors 1
commit_all main
git switch -q -c feature
ADD=0.01 make_checkpoint model.safetensors 1
commit_all tuned
git switch -q main
ok mgit merge feature
equal "$(git rev-parse main)" "$(git rev-parse feature)" "fast-forward"
git reset -q --hard HEAD~1
ok mgit merge --no-ff feature
equal "$(git rev-parse main:model.safetensors)" "$(git rev-parse feature:model.safetensors)" manifest
equal "$(git rev-list --parents -1 HEAD | wc -w)" 3 "parents"

scenario "--ff takes theirs, as git would"
fork_ahead
ok mgit rebase feature onto main
ok mgit merge --ff feature
equal "$(git rev-parse main)" "$(git rev-parse feature)" "fast-forward"

scenario "two fine-tunes of one base: tensors changed on one side are taken, on both are averaged"
make_repository
make_checkpoint model.safetensors 1
commit_all base
python3 - <<'PYTHON'
import struct
data = open("model.safetensors", "rb").read()
n = struct.unpack("<Q", data[:8])[0]
body = bytearray(data[8 + n:])
def changed(offset, value):
    new = bytearray(body); new[offset:offset + 4] = struct.pack("<f", value); return data[:8 + n] + new
open("../one", "wb").write(changed(0, 0.5))            # fc1.weight
open("../other", "wb").write(changed(16 * 8 * 4, 0.5))  # fc1.bias
PYTHON
git switch -q -c feature
cp ../other model.safetensors
commit_all "changes fc1.bias"
git switch -q main
cp ../one model.safetensors
commit_all "changes fc1.weight"
ok mgit merge feature
contains "$output" "changed tensors only"
contains "$(git log -1 --format=%B)" "Mgit-Base: $(git merge-base HEAD~1 feature)"
python3 - <<'PYTHON'
a, b, m = (bytearray(open(p, "rb").read()) for p in ("../one", "../other", "model.safetensors"))
import struct
n = struct.unpack("<Q", a[:8])[0] + 8
want = a[:]; want[n + 512:n + 516] = b[n + 512:n + 516]
assert m == want
PYTHON

scenario "merging a, then b equals merging both at once, within rounding"
make_repository
commit_all attributes
root=$(git rev-parse HEAD)
make_checkpoint model.safetensors 1
commit_all main
for seed in 2 3; do
  git switch -q -c branch$seed "$root"
  make_checkpoint model.safetensors $seed
  commit_all "model $seed"
done
git switch -q main
ok mgit merge --no-rebase branch2
ok mgit merge --no-rebase branch3
contains "$output" "0.6667 : 0.3333"
cp model.safetensors ../sequential.safetensors
git reset -q --hard HEAD~2
ok mgit merge --no-rebase branch2 branch3
contains "$output" "0.3333 : 0.3333 : 0.3333"
equal "$(git rev-list --parents -1 HEAD | wc -w)" 4 "parents of the octopus"
python3 - <<'PYTHON'
import struct
def values(p):
    d = open(p, "rb").read(); n = struct.unpack("<Q", d[:8])[0]
    return struct.unpack("<%df" % ((len(d) - 8 - n) // 4), d[8 + n:])
for x, y in zip(values("../sequential.safetensors"), values("model.safetensors")):
    assert abs(x - y) <= 3e-7 * max(1, abs(x)), (x, y)
PYTHON

scenario "ordinary files merge as in git, conflicts and all; --abort, --continue"
fork
printf 'a\nb\nc\n' >text
commit_all "text"
git switch -q feature
printf 'a\nB\nc\n' >text
commit_all "their text"
git switch -q main
printf 'a\nβ\nc\n' >text
commit_all "our text"
head=$(git rev-parse HEAD)
fails_with 1 "CONFLICT" mgit merge feature
contains "$(cat text)" "<<<<<<<"
ok mgit merge --abort
equal "$(git rev-parse HEAD)" "$head"
equal "$(git status --porcelain)" ""
same_file model.safetensors ../ours.safetensors
fails_with 1 "CONFLICT" mgit merge feature
printf 'a\nboth\nc\n' >text
git add text
ok mgit merge --continue
contains "$(git log -1 --format=%B)" "Mgit-Merge: strategy mean"
equal "$(git show HEAD:text)" "$(printf 'a\nboth\nc')"
lacks "$(git show HEAD:model.safetensors)" "<<<<"

scenario "--no-commit stops before the commit"
fork
head=$(git rev-parse HEAD)
ok mgit merge --no-commit feature
equal "$(git rev-parse HEAD)" "$head"
differ "$(git diff --cached --name-only)" ""
ok git commit -q --no-edit
contains "$(git log -1 --format=%B)" "Mgit-Merge: strategy mean"

scenario "a merge whose record cannot be read is not committed without it"
fork
ok mgit merge --no-commit feature
mv .git/mgit/merge-trailers "$sandbox/trailers"
mkdir .git/mgit/merge-trailers
head=$(git rev-parse HEAD)
fails_with 1 "merge-trailers" git commit --no-edit
equal "$(git rev-parse HEAD)" "$head"
rmdir .git/mgit/merge-trailers
mv "$sandbox/trailers" .git/mgit/merge-trailers
ok git commit -q --no-edit
contains "$(git log -1 --format=%B)" "Mgit-Merge: strategy mean"

scenario "different networks are a conflict, which either side resolves"
fork
git switch -q -c wide HEAD~1
make_checkpoint model.safetensors 3 fc1.weight=32,8 fc1.bias=32 fc2.weight=4,32 fc2.bias=4
commit_all wide
git switch -q main
head=$(git rev-parse HEAD)
fails_with 1 "CONFLICT (model): model.safetensors: fc1.bias: F32 16" mgit merge wide
same_file model.safetensors ../ours.safetensors
equal "$(git rev-parse HEAD)" "$head"
ok mgit merge --abort
equal "$(git status --porcelain)" ""
fails_with 1 "CONFLICT" mgit merge wide
ok git checkout --theirs -- model.safetensors
git add model.safetensors
ok mgit merge --continue
equal "$(git rev-parse HEAD:model.safetensors)" "$(git rev-parse wide:model.safetensors)"

scenario "what cannot be merged is refused, and nothing changes"
fork
state() { git for-each-ref; git status --porcelain; git rev-parse HEAD; digest model.safetensors; }
before=$(state)
fails_with 128 "no such branch or revision" mgit merge nobody
equal "$(state)" "$before"
echo change >file && git add file
before=$(state)
fails_with 128 "uncommitted changes" mgit merge feature
equal "$(state)" "$before"
git rm -q --cached file && rm file
make_checkpoint model.safetensors 9
before=$(state)
fails_with 128 "uncommitted changes" mgit merge feature
run git merge --no-edit feature
differ "$status" 0 "plain git merge over a changed model"
equal "$(state)" "$before"
git checkout -q -- model.safetensors
git checkout -q --detach
fails_with 128 "HEAD is detached" mgit merge feature

scenario "cherry-pick and stash pick changes, never average"
make_repository
make_checkpoint model.safetensors 1
commit_all base
git switch -q -c feature
ADD=0.01 make_checkpoint model.safetensors 1
commit_all tuned
git switch -q main
echo x >x && commit_all x
ok git cherry-pick feature
equal "$(git rev-parse HEAD:model.safetensors)" "$(git rev-parse feature:model.safetensors)" picked
git reset -q --hard HEAD~1
make_checkpoint model.safetensors 5
commit_all "another model"
run git cherry-pick feature
differ "$status" 0 "a pick over another model"
contains "$output$errors" "CONFLICT"
git cherry-pick --abort
ADD=0.5 make_checkpoint model.safetensors 5
cp model.safetensors ../stashed.safetensors
ok git stash
ok git stash pop
same_file model.safetensors ../stashed.safetensors
