#!/usr/bin/env bash
# mgit undo: refs, index and working tree as they were, for whatever mgit moved.
. "$(dirname "$0")/lib.sh"

# state: what undo has to give back.
state() { git for-each-ref --format='%(refname) %(objectname)' refs/heads refs/mgit refs/tags; git status --porcelain; sha256sum -- *.safetensors; }

scenario "a rebase of a branch that is not checked out"
independent_fork repository
before=$(state)
ok mgit rebase feature onto main
contains "$output" "To take it back: mgit undo"
differ "$(state)" "$before"
ok mgit undo
contains "$output" "Took back: rebase feature onto main"
equal "$(state)" "$before"
contains "$(git reflog -1 feature)" "undo: rebase feature onto main"
ok mgit undo
contains "$output" "There is nothing to take back."

scenario "a rebase of the branch that is checked out, and back again"
independent_fork repository
git switch -q feature
before=$(state)
ok mgit rebase main
after=$(state)
differ "$after" "$before"
ok mgit undo
equal "$(state)" "$before"
ok mgit undo --redo
contains "$output" "Brought back: rebase feature onto main"
equal "$(state)" "$after"
ok mgit undo
equal "$(state)" "$before"

scenario "a merge, mgit's and git's"
independent_fork repository
mgit rebase feature onto main >/dev/null
before=$(state)
ok mgit merge feature --no-edit
contains "$errors" "'mgit undo' takes this merge back"
differ "$(state)" "$before"
ok mgit undo
contains "$output" "Took back: merge feature"
equal "$(state)" "$before"
ok git merge -q --no-edit feature
ok mgit undo
equal "$(state)" "$before"
ok mgit undo
contains "$output" "Took back: rebase feature onto main"
ok mgit undo --redo
contains "$output" "Brought back: rebase feature onto main"
equal "$(state)" "$before"
ok mgit undo --redo
contains "$output" "Brought back: merge feature"
ok mgit undo --list
contains "$output" "merge feature  (taken back)"

scenario "a fast-forward, by merge and by pull"
independent_fork upstream
cd ..
ok mgit clone -q upstream clone
cd clone
before=$(state)
ok git merge -q --ff-only origin/feature
ok mgit undo
equal "$(state)" "$before"
(cd ../upstream && echo text >text && git add text && git commit -qm text)
git fetch -q
before=$(git rev-parse main)
ok mgit pull -q
differ "$(git rev-parse main)" "$before"
lacks "$errors" "mgit undo"
ok mgit undo
equal "$(git rev-parse main)" "$before"
equal "$(git status --porcelain)" ""

scenario "a merge that a person finished"
independent_fork repository
echo one >notes && commit_all notes
git switch -q feature && echo two >notes && commit_all notes && git switch -q main
before=$(state)
run mgit merge feature --no-edit
differ "$status" 0 "a conflict"
fails_with 128 "a merge is under way" mgit undo
echo both >notes && git add notes && git commit -q --no-edit
ok mgit undo
equal "$(state)" "$before"

scenario "refused: refs that moved on, changes that are in the way"
independent_fork repository
mgit rebase feature onto main >/dev/null
mgit merge feature --no-edit >/dev/null 2>&1
merged=$(state)
ADD=0.1 make_checkpoint model.safetensors 1
fails_with 128 "mgit undo" mgit undo
equal "$(git rev-parse main^2)" "$(git rev-parse feature)" "main stays"
mgit restore model.safetensors
equal "$(state)" "$merged"
echo more >notes && commit_all "One more"
tip=$(git rev-parse main)
fails_with 128 "has moved since 'merge feature'" mgit undo
contains "$errors" "hint: to drop what came after as well: git reset --keep"
equal "$(git rev-parse main)" "$tip"

scenario "local changes elsewhere stay"
independent_fork repository
echo a >notes && commit_all notes
mgit rebase feature onto main >/dev/null
mgit merge feature --no-edit >/dev/null 2>&1
echo changed >notes
ok mgit undo
equal "$(cat notes)" changed
equal "$(git status --porcelain)" " M notes"

scenario "--dry-run says it, and changes nothing"
independent_fork repository
mgit rebase feature onto main >/dev/null
after=$(state)
ok mgit undo --dry-run
contains "$output" "Would have taken back: rebase feature onto main"
equal "$(state)" "$after"

scenario "migrations"
git init -q repository && cd repository
make_checkpoint model.safetensors 1
commit_all raw
raw=$(git rev-parse main)
ok mgit migrate import
differ "$(git rev-parse main)" "$raw"
ok mgit undo
equal "$(git rev-parse main)" "$raw"

scenario "git's own rebase, and arguments in git's order"
independent_fork repository
echo text >text && commit_all text
git switch -q -c topic HEAD~1 && echo topic >topic && commit_all topic
before=$(git rev-parse topic)
ok mgit rebase main
differ "$(git rev-parse topic)" "$before"
ok mgit undo
equal "$(git rev-parse topic)" "$before"
git switch -q main
before=$(state)
fails_with 129 "which model is to move?" mgit rebase feature main
contains "$errors" "mgit rebase feature onto main moves feature"
equal "$(state)" "$before"
fails_with 128 "mgit undo" mgit rebase --abort

scenario "a log that was cut short or is nonsense"
independent_fork repository
mgit rebase feature onto main >/dev/null
log=.git/mgit/log/operations
printf '{"what":"x","refs":[["refs/heads/main"' >>"$log"
ok mgit undo --list
contains "$output" "rebase feature onto main"
printf '\n[]\n{"refs":[["a","b","c"]]}\nnull\n' >>"$log"
ok mgit undo
contains "$output" "Took back: rebase feature onto main"
