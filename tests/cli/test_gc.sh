#!/usr/bin/env bash
# gc and prune keep everything that git can still reach; fsck says what damage means.
. "$(dirname "$0")/lib.sh"

# age DAYS: every object and pack of the store was last used so long ago.
age() {
  python3 - "$1" <<'PYTHON'
import glob, os, sqlite3, sys, time
then = time.time() - 86400 * float(sys.argv[1])
for pack in glob.glob(".git/mgit/packs/*.pack"): os.utime(pack, (then, then))
with sqlite3.connect(".git/mgit/objects.db") as database:
    database.execute("UPDATE objects SET touched = ?", (int(then * 1e6),))
PYTHON
}
packs() { ls .git/mgit/packs | grep -c '\.pack$' || true; }
# checked_out REVISION FILE: what that version of model.safetensors is.
checked_out() {
  rm -f model.safetensors
  ok git -c advice.detachedHead=false checkout -q "$1" -- model.safetensors
  same_file model.safetensors "$2"
}

scenario "what refs, reflogs, the index, the stash and other worktrees reach stays"
make_repository
for seed in 1 2 3 4 5 6 7; do make_checkpoint ../$seed.safetensors $seed; done
cp ../1.safetensors model.safetensors && commit_all one
cp ../2.safetensors model.safetensors && commit_all two
cp ../3.safetensors model.safetensors && commit_all three
git tag -m "a tag" kept HEAD && git reset -q --hard HEAD~1
cp ../4.safetensors model.safetensors && commit_all four
four=$(git rev-parse HEAD)
git reset -q --hard HEAD~1
cp ../5.safetensors model.safetensors && git stash -q
git worktree add -q ../elsewhere
cp ../6.safetensors ../elsewhere/model.safetensors && git -C ../elsewhere add model.safetensors
cp ../7.safetensors model.safetensors && git add model.safetensors
age 30
ok mgit gc --prune=now
equal "$(packs)" 1
ok mgit fsck --full
checked_out kept ../3.safetensors
checked_out HEAD~1 ../1.safetensors
checked_out "$four" ../4.safetensors
checked_out stash ../5.safetensors
rm ../elsewhere/model.safetensors && git -C ../elsewhere checkout -q -- model.safetensors
same_file ../elsewhere/model.safetensors ../6.safetensors

scenario "what nothing reaches goes after two weeks, or when it is told to"
make_repository
make_checkpoint model.safetensors 1 && commit_all one
cp model.safetensors ../one.safetensors
make_checkpoint other.safetensors 2 && git add other.safetensors && git rm -q --cached other.safetensors
cp other.safetensors ../other.safetensors && rm other.safetensors
total=$(mgit fsck 2>&1 | cut -d' ' -f1)
ok mgit gc
contains "$errors" "0 of $total objects dropped, 4 unreachable"
ok mgit gc --prune=now --dry-run
equal "$(printf '%s\n' "$output" | wc -l)" 4 "objects a dry run names"
ok mgit gc --no-prune
age 13
ok mgit gc
equal "$(mgit fsck 2>&1 | cut -d' ' -f1)" "$total"
age 15
git config gc.pruneExpire never
ok mgit gc
equal "$(mgit fsck 2>&1 | cut -d' ' -f1)" "$total"
git config --unset gc.pruneExpire
cp ../other.safetensors other.safetensors && git add other.safetensors
git rm -q --cached other.safetensors && rm other.safetensors
ok mgit gc
equal "$(mgit fsck 2>&1 | cut -d' ' -f1)" "$total" "what was added again is young again"
age 15
ok mgit gc -q
equal "$errors" ""
equal "$(mgit fsck 2>&1 | cut -d' ' -f1)" "$((total - 4))"
checked_out HEAD ../one.safetensors
ok git gc -q --prune=now
ok mgit fsck --full
ok mgit prune -n
equal "$output" ""
fails_with 129 "not a date" mgit gc --prune=gibberish

scenario "what goes, and what reflogs still hold, is said in bytes and by name"
make_repository
make_checkpoint model.safetensors 1 && commit_all one
make_checkpoint model.safetensors 2 && commit_all two
two=$(digest model.safetensors)
git reset -q --hard HEAD~1
ok mgit gc --prune=now
lacks "$errors" "reflogs"
git reflog expire --expire=now --all
ok mgit gc --prune=now
contains "$errors" "0 of 9 objects dropped"
git -c advice.detachedHead=false checkout -q ORIG_HEAD
equal "$(digest model.safetensors)" "$two" "what ORIG_HEAD alone holds"
git switch -q main
rm -f .git/ORIG_HEAD
ok mgit gc --prune=now
contains "$errors" "reflogs alone hold 4 objects, "
contains "$errors" "of model.safetensors (git reflog expire --expire=now --all lets them go)"
git reflog expire --expire=now --all
ok mgit prune -n
contains "$output" "  fc1.weight"
contains "$errors" "would drop "
lacks "$errors" "reflogs"
ok mgit gc --prune=now
contains "$errors" " of tensors: fc1.bias, fc1.weight, fc2.bias and 1 more"
lacks "$errors" " 0 bytes of tensors"
ok mgit fsck --full
ok mgit gc --prune=now
lacks "$errors" "of tensors"

scenario "a rebase's permutation, spec and original stay"
make_repository
make_checkpoint model.safetensors 1 && commit_all main
git switch -q -c feature
make_checkpoint model.safetensors 2 && commit_all feature
cp model.safetensors ../theirs.safetensors
ok mgit rebase feature onto main
origin=$(git for-each-ref --format='%(objectname)' refs/mgit/origin | head -1)
before=$(mgit fsck 2>&1 | cut -d' ' -f1)
ok git reflog expire --expire=now --all
ok mgit gc --prune=now
contains "$errors" "0 of $before objects dropped"
ok mgit fsck --full
checked_out "$origin" ../theirs.safetensors

scenario "git's own damage stops gc"
make_repository
make_checkpoint model.safetensors 1 && commit_all one
rm -f .git/objects/"$(git rev-parse HEAD^{tree} | sed 's,^..,&/,')"
fails_with 128 "git fsck" mgit gc --prune=now

scenario "fsck names tensors, checkpoint, commit, branch and the way back"
git init -q --bare shared.git
make_repository ada
make_checkpoint model.safetensors 1 && commit_all one
cp model.safetensors ../one.safetensors
ok mgit push -q ../shared.git main
git remote add origin ../shared.git
make_checkpoint model.safetensors 2 && commit_all two
python3 - <<'PYTHON'
import glob
oldest = min(glob.glob(".git/mgit/packs/*.pack"), key=lambda p: __import__("os").stat(p).st_mtime_ns)
data = bytearray(open(oldest, "rb").read())
data[12 + 112 + 5] ^= 1
__import__("os").chmod(oldest, 0o644)
open(oldest, "wb").write(data)
PYTHON
fails_with 1 "damaged record" mgit fsck
contains "$output" "model.safetensors of $(git rev-parse --short=10 HEAD~1) (main~1): 1 tensor damaged"
contains "$output" "mgit fsck --rebuild, then a checkout fetches it from ../shared.git"
run mgit fsck --json
equal "$(printf '%s' "$output" | python3 -c 'import json,sys; print(len(json.load(sys.stdin)["affected"][0]["tensors"]))')" 1
fails_with 1 "damaged record" mgit fsck --rebuild
rm model.safetensors
ok git checkout -q HEAD~1 -- model.safetensors
same_file model.safetensors ../one.safetensors
ok mgit gc
ok mgit fsck --full

# trained FILE STEPS: a network after so many steps, each of which moves all weights by an outer product.
trained() {
  python3 - "$@" <<'PYTHON'
import array, json, random, struct, sys
path, steps, rows, columns = sys.argv[1], int(sys.argv[2]), 96, 64
start, moves = random.Random(1), random.Random(2)
values = [start.gauss(0, 0.02) for _ in range(rows * columns)]
for _ in range(steps):
    left = [moves.gauss(0, 0.01) for _ in range(rows)]
    right = [moves.gauss(0, 1) for _ in range(columns)]
    values = [v + left[i // columns] * right[i % columns] for i, v in enumerate(values)]
head = json.dumps({"w": {"dtype": "F32", "shape": [rows, columns], "data_offsets": [0, 4 * len(values)]}})
head = head.encode() + b" " * (-len(head) % 8)
with open(path, "wb") as file:
    file.write(struct.pack("<Q", len(head)) + head + array.array("f", values).tobytes())
PYTHON
}
packed() { cat .git/mgit/packs/*.pack | wc -c; }

scenario "gc --best codes versions as moves of low rank, which travel and are checked like anything else"
git init -q --bare shared.git
make_repository one
for step in 1 2 3 4; do trained ../$step.safetensors $step; done
for step in 1 2 3 4; do cp ../$step.safetensors model.safetensors && commit_all $step; done
before=$(packed)
ok mgit gc --best --dry-run
equal "$(packed)" "$before"
ok mgit gc --best
contains "$errors" "3 tensors encoded again"
contains "$(mgit ls HEAD model.safetensors 2>&1)" "low-rank"
after=$(packed)
equal "$((after * 10 < before * 8))" 1 "$before -> $after bytes: much smaller"
ok mgit fsck --full
for step in 1 2 3 4; do checked_out HEAD~$((4 - step)) ../$step.safetensors; done
ok mgit gc --best
lacks "$errors" "encoded again"
ok mgit push -q ../shared.git main
cd .. && ok mgit clone -q shared.git two && cd two
for step in 1 2 3 4; do checked_out HEAD~$((4 - step)) ../$step.safetensors; done
cd ../one
trained model.safetensors 5 && cp model.safetensors ../5.safetensors && commit_all 5
checked_out HEAD ../5.safetensors

scenario "gc --best killed at any time leaves everything readable"
make_repository one
for step in 1 2 3 4; do
  trained ../$step.safetensors $step
  cp ../$step.safetensors model.safetensors && commit_all $step
done
cp -a .git/mgit ../before
for delay in 0.01 0.02 0.03 0.04 0.05 0.06 0.08 0.1; do
  rm -rf .git/mgit && cp -a ../before .git/mgit
  timeout -s KILL $delay mgit gc --best -q || true
  ok mgit fsck --full
  rm -f .git/mgit/objects.db*
  for step in 1 2 3 4; do checked_out main~$((4 - step)) ../$step.safetensors; done
done
ok mgit gc --best
ok mgit fsck --full
