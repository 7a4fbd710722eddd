#!/bin/bash
# Lineage: what mgit lineage says after real commands, and that git alone is enough to say it again.
. "$(dirname "$0")/lib.sh"

# dump: every table that is a function of git, sorted.
dump() {
  python3 - .git/mgit/lineage.db <<'PYTHON'
import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
for table in sorted(r[0] for r in db.execute("select name from sqlite_master where type='table'")):
    if table == "verdicts": continue
    for row in sorted(map(repr, db.execute("select * from " + table))): print(table, row)
PYTHON
}

scenario "two trainings, rebased and merged"
make_repository
commit_all "Begin"
make_checkpoint model.safetensors 1 fc1.weight=64,32 fc1.bias=64 fc2.weight=10,64 fc2.bias=10
commit_all "Train on main's share"
git switch -q -c feature HEAD~1
make_checkpoint model.safetensors 2 fc1.weight=64,32 fc1.bias=64 fc2.weight=10,64 fc2.bias=10
commit_all "Train on my share"
origin=$(git rev-parse --short=10 HEAD)
ok mgit rebase feature onto main
rebased=$(git rev-parse --short=10 HEAD)
ADD=0.05 make_checkpoint other.safetensors 3
commit_all "Something else"
git switch -q main
onto=$(git rev-parse --short=10 HEAD)
ok mgit merge --no-edit feature
merged=$(git rev-parse --short=10 HEAD)
ok mgit lineage
contains "$output" "● $merged  Merge branch 'feature'  A Tester, "
contains "$output" "merged: mean of 2 models, weights 0.5 0.5, no common base"
contains "$output" "├─● $onto  Train on main's share"
contains "$output" "╰─● $rebased  Train on my share"
contains "$output" "rebased onto $onto (weights, seed 0, spec "
contains "$output" "proof family) from $origin"
contains "$output" "  ● $origin  Train on my share"
lacks "$output" $'\e'
ok mgit lineage --path other.safetensors
contains "$output" "Something else"
lacks "$output" "Train on"
ok mgit lineage --json
contains "$output" '"kind": "rebase"'
printf '%s' "$output" >document.json
ok python3 -c 'import json; json.load(open("document.json"))'
rm document.json

current="everything comes back from git alone"
ok mgit lineage
before=$output
grown=$(dump)
contains "$grown" rebases
rm -f .git/mgit/lineage.db* .git/mgit/objects.db*
ok mgit lineage
equal "$output" "$before"
equal "$(dump)" "$grown" "the tables"
ok mgit lineage rebuild
equal "$output" ""
equal "$(dump)" "$grown" "the tables"
printf 'no database' >.git/mgit/lineage.db
ok mgit lineage
equal "$output" "$before"
equal "$(dump)" "$grown" "the tables"

current="a clone knows the same"
git init -q --bare "$sandbox/bare"
ok git push -q "$sandbox/bare" main feature
ok mgit clone -q "$sandbox/bare" "$sandbox/clone"
cd "$sandbox/clone"
ok mgit lineage
equal "$output" "$before"

scenario "fine-tuning"
make_repository
make_checkpoint model.safetensors 1
commit_all "Train"
first=$(git rev-parse --short=10 HEAD)
ADD=0.05 make_checkpoint model.safetensors 1
commit_all "Train on"
ok mgit lineage
contains "$output" "trained on from $first: 4 of 4 tensors changed"
contains "$output" "first of its line"

scenario "a revert is back to what it goes back to"
make_repository
make_checkpoint model.safetensors 1
commit_all "Train"
one=$(git rev-parse --short=10 HEAD)
ADD=0.05 make_checkpoint model.safetensors 1
commit_all "Train on"
two=$(git rev-parse --short=10 HEAD)
git revert --no-edit HEAD >/dev/null
ok mgit lineage
contains "$output" "back to $one"
lacks "$output" "trained on from $two"
make_checkpoint model.safetensors 2
commit_all "Another"
git revert --no-edit HEAD >/dev/null
ok mgit lineage
contains "$output" "back to $(git rev-parse --short=10 HEAD~2)"
lacks "$output" "on its own"
ADD=0.05 ADD_SEED=8 make_checkpoint model.safetensors 1
commit_all "Train on again"
ok mgit lineage
contains "$output" "trained on from $(git rev-parse --short=10 HEAD~1)"
equal "$(mgit lineage --json | python3 -c 'import json, sys
print(*(node["kind"] for node in json.load(sys.stdin)["models"][0]["history"]))')" "continued returned returned training"

scenario "bad input"
make_repository
fails_with 128 "no such branch or revision" mgit lineage
echo text >file
commit_all "No model"
fails_with 128 "there is no checkpoint in this commit" mgit lineage
fails_with 128 "nowhere" mgit lineage nowhere
fails_with 129 "" mgit lineage --no-such-option
cd /
fails_with 128 "not a git repository" mgit lineage
