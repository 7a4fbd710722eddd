#!/usr/bin/env bash
# What rebases and merges record, in messages and notes: it lasts, and it is not believed blindly.
. "$(dirname "$0")/lib.sh"

# main with seed 1, feature, forked before, with an independent model of seed 2.
fork() {
  make_repository "${1:-repository}"
  commit_all "attributes"
  git branch feature
  make_checkpoint model.safetensors 1
  commit_all "main's model"
  git switch -q feature
  make_checkpoint model.safetensors 2
  commit_all "an independent model"
  git switch -q main
}

# recorded [REVISION]: the merge that git reads in the message's trailers.
recorded() { git log -1 --format='%(trailers:key=Mgit-Merge,valueonly)' "${1:-HEAD}"; }
note() { git notes --ref mgit/operation show "${1:-HEAD}"; }

# third: a third model beside the merge of the first two; prints the weights that a merge gives.
third() {
  git switch -q -c third "$(git rev-list --max-parents=0 HEAD)"
  make_checkpoint model.safetensors 3
  commit_all "a third"
  git switch -q main
  mgit merge --no-rebase third | sed -n 's/.*with weights \([^(]*\) (.*/\1/p'
}

scenario "an amended merge weighs what it weighed"
fork amended
ok mgit merge --no-rebase feature
contains "$(note)" "Mgit-Merge: strategy mean weights 0.5 0.5 model model.safetensors"
git commit -q --amend -m "Merged, in my own words"
equal "$(recorded)" "" "the message has no record"
contains "$(note)" "Mgit-Merge: strategy mean" "the note followed"
contains "$(mgit lineage)" "merged: mean of 2 models"
equal "$(third)" "0.6667 : 0.3333" "two trainings against one"

scenario "a repository where mgit was installed before notes were carried along by git"
fork
git config --unset-all notes.rewriteRef
ok mgit merge --no-rebase feature
git commit -q --amend -m "Merged, in my own words"
contains "$(note)" "Mgit-Merge: strategy mean"
git commit -q --allow-empty -m "On top"
git rebase -q --root --rebase-merges 2>/dev/null || git rebase -q --abort
contains "$(note HEAD~1)" "Mgit-Merge: strategy mean"

scenario "a rebased commit that is amended keeps its origin"
fork
ok mgit rebase feature onto main
git switch -q feature
origin=$(git log -1 --format='%(trailers:key=Mgit-Origin,valueonly)')
git commit -q --amend -m "In my own words"
contains "$(note)" "Mgit-Origin: $origin"
contains "$(mgit lineage)" "rebased onto"
ok mgit fsck
git init -q --bare ../there.git
git remote add origin ../there.git
ok mgit push -q origin main feature
ok mgit clone -q ../there.git ../clone
cd ../clone
contains "$(note origin/feature)" "Mgit-Origin: $origin"
ok mgit gc --prune=now
ok mgit merge --no-rebase origin/feature
ok mgit fsck

scenario "a note that contradicts its message does not count"
fork
ok mgit merge --no-rebase feature
git notes --ref mgit/operation add -f -m "Mgit-Rebase: onto nowhere method weights seed 9" HEAD 2>/dev/null
contains "$(mgit lineage)" "merged: mean of 2 models"
ok mgit fsck
lacks "$errors" "record different operations"
git notes --ref mgit/operation add -f -m "Mgit-Merge: strategy mean weights 0.9 0.1 model model.safetensors" \
  HEAD 2>/dev/null
ok mgit fsck
contains "$errors" "$(git rev-parse --short=10 HEAD) Merge branch 'feature': message and note record different operations"
equal "$(third)" "0.6667 : 0.3333"

# merged_with SETTING… -- MESSAGE…: merges with this configuration and this message; git must read the record.
merged_with() {
  local settings=()
  while [ "$1" != -- ]; do
    settings+=(-c "$1")
    shift
  done
  shift
  git reset -q --hard before
  ok git "${settings[@]}" merge -q "$@" feature
  local merge
  merge=$(git "${settings[@]}" log -1 --format='%(trailers:key=Mgit-Merge,valueonly)')
  contains "$merge" "strategy mean"
  contains "$(recorded)" "strategy mean"
  contains "$(mgit lineage)" "merged: mean of 2 models"
}

scenario "messages in which lines look like comments"
fork
git tag before
issue=$'Merge the feature\n\n#12 is mended by this,\nand #13, too'
last=$'Merge the feature\n\nIt mends\n#12'
for message in "$issue" "$last"; do
  for setting in core.commentChar=# 'core.commentChar=;' core.commentChar=auto commit.cleanup=verbatim \
    commit.cleanup=whitespace commit.cleanup=scissors; do
    merged_with "$setting" -- -m "$message"
    contains "$(git log -1 --format=%B)" "$message"
  done
done
merged_with core.commentChar=auto -- -m $'#12 alone'
for cleanup in verbatim whitespace strip scissors default; do
  merged_with a.b=c -- --cleanup="$cleanup" -m "$last"
done
contains "$(note)" "Mgit-Merge: "
merged_with a.b=c -- -m $'Merge\n\nSigned-off-by: A <a@b>\nChange-Id: I123'
equal "$(git log -1 --format='%(trailers:key=Change-Id,valueonly)' | head -1)" "I123" "trailers stay together"
merged_with a.b=c -- -m $'Merge\r\n\r\nBody\r\n\r\nCo-authored-by: A <a@b>\r\n'
contains "$(git log -1 --format='%(trailers:key=Co-authored-by,valueonly)')" "A <a@b>"
merged_with a.b=c -- --signoff
contains "$(git log -1 --format='%(trailers:key=Signed-off-by,valueonly)')" "A Tester"
merged_with a.b=c -- -m $'Merge\n\nIt says\nMgit-Merge: nothing\nin its body\n\nand ends'
merged_with a.b=c -- -m $'Merge\n\n# ------------------------ >8 ------------------------\nbelow'

scenario "the editor"
fork
git tag before
unset GIT_EDITOR
cat >"$sandbox/editor" <<'SCRIPT'
#!/bin/sh
cp "$1" "$1.seen"
SCRIPT
chmod +x "$sandbox/editor"
for setting in core.commentChar=# 'core.commentChar=;' commit.cleanup=scissors commit.cleanup=whitespace; do
  merged_with "core.editor=$sandbox/editor" "$setting" -- --edit -m "Merge"
  lacks "$(git log -1 --format=%B)" ">8"
done
# An editor that throws away all but the first line: the note is what records the merge.
cat >"$sandbox/editor" <<'SCRIPT'
#!/bin/sh
echo "My own words" >"$1"
SCRIPT
git reset -q --hard before
ok git -c "core.editor=$sandbox/editor" merge -q --edit feature
equal "$(git log -1 --format=%B)" "My own words"
contains "$(note)" "Mgit-Merge: strategy mean"
contains "$(mgit lineage)" "merged: mean of 2 models"
export GIT_EDITOR=true

# survives [MESSAGE]: whole commands on a branch "evil" with these trailers, or whatever notes it has by now.
survives() {
  local command
  git switch -q evil
  [ "$#" = 0 ] || printf 'Evil\n\n%s\n' "$1" | git commit -q --amend --cleanup=verbatim -F -
  for command in "mgit lineage" "mgit gc" "mgit fsck" "mgit push -q -f origin evil main" \
    "mgit rebase --dry-run evil onto main"; do
    checks=$((checks + 1))
    run timeout 20 $command
    case $status:$command in
      0:* | 1:*fsck) ;;
      *) fail "status $status: $command after $(head -c 200 <<<"${1:-notes}")" "$output$errors" ;;
    esac
    [ "$(wc -l <<<"$errors")" -le 6 ] || fail "says too much: $command" "$errors"
  done
  git switch -q main
  ok timeout 20 mgit merge --no-rebase evil
  git reset -q --hard before
}

scenario "records that claim what they like"
fork
git tag before
git init -q --bare ../there.git
git remote add origin ../there.git
git branch -q -m feature evil
rebase="Mgit-Rebase: onto $(git rev-parse main) method weights seed 0"
a=$(printf 'a%.0s' {1..64})
weights=$(git show evil:model.safetensors | sed -n 's/.*F32.* \([0-9a-f]\{64\}\).*/\1/p' | head -1)
[ "$weights" ] || weights=$(git cat-file blob evil:model.safetensors | grep -o '[0-9a-f]\{64\}' | tail -1)
for origin in HEAD main evil 'HEAD~1' ':/Evil' '@{-1}' "${a:0:40}" "$(git rev-parse 'main^{tree}')" -x ''; do
  survives "$rebase
Mgit-Origin: $origin"
done
survives "$rebase
Mgit-Permutation: $a
Mgit-Spec: $a proof family
Mgit-Origin: $(git rev-parse main)"
contains "$errors" "its record of a rebase does not count"
survives "$rebase
Mgit-Permutation: $weights
Mgit-Spec: $weights
Mgit-Origin: $(git rev-parse main)"
survives "Mgit-Merge: strategy mean weights 1e308 -nan model \"model.safe\\ntensors\"
Mgit-Base: HEAD model model.safetensors
Mgit-Merge-Permutation: $a parent 99999999999999999999 model model.safetensors"
survives "Mgit-Merge: strategy
Mgit-Rebase:
Mgit-Origin:"
# Megabytes of them.
survives "$(seq 100000 | sed "s/.*/Mgit-Merge: strategy mean weights & model m&\nMgit-Base: none model m&/")"

current="circles of origins, in notes"
git switch -q evil
printf 'Evil\n' | git commit -q --amend -F -
make_checkpoint model.safetensors 2
git commit -q --allow-empty -m "Evil too"
git switch -q main
one=$(git rev-parse evil~1) two=$(git rev-parse evil)
git notes --ref mgit/operation add -f -m "$rebase
Mgit-Origin: $two" "$one"
git notes --ref mgit/operation add -f -m "$rebase
Mgit-Origin: $one" "$two"
survives
git notes --ref mgit/operation add -f -m "$rebase
Mgit-Origin: $two" "$two"
survives
