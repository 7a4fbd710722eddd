#!/usr/bin/env bash
# Two people, one bare repository on a path: the whole flow, and databases made anew.
. "$(dirname "$0")/lib.sh"

scenario "one pushes, the other clones, rebases, merges and pushes back"
git init -q --bare shared.git
make_repository ada
make_checkpoint model.safetensors 1
commit_all "Ada's training"
git remote add origin ../shared.git
ok git push -q -u origin main
git switch -q -c feature-branch
make_checkpoint model.safetensors 2
commit_all "Another training"
ok git push -q origin feature-branch
cd ..

ok mgit clone -q shared.git grace
cd grace
is_no_manifest model.safetensors
git branch -q feature-branch origin/feature-branch
ok mgit rebase feature-branch onto main
ok mgit merge feature-branch
ok git push -q --force origin main feature-branch
cp model.safetensors ../merged.safetensors
ok git log --oneline
ok git diff HEAD~1 --stat
ok git fsck --strict
cd ../ada
git switch -q main
ok mgit pull -q
same_file model.safetensors ../merged.safetensors
equal "$(git status --porcelain)" ""
contains "$(git log -1 --format=%B)" "Mgit-Merge: strategy mean"
ok mgit fsck

scenario "without mgit a clone succeeds, with manifests that can be read"
git init -q --bare shared.git
make_repository ada
make_checkpoint model.safetensors 1
commit_all training
ok git push -q ../shared.git main
cd ..
PATH=$PATH_WITHOUT_MGIT ok git clone -q -b main shared.git plain
is_manifest plain/model.safetensors
contains "$(cat plain/model.safetensors)" "tensor fc1.weight"

# dump DATABASE: every row, as text.
dump() {
  python3 - ".git/mgit/$1" <<'PYTHON'
import sqlite3, sys
database = sqlite3.connect(sys.argv[1])
# An age is when an object was last asked for, which no pack knows.
if "objects" in sys.argv[1]: database.execute("UPDATE objects SET touched = 0")
print("\n".join(sorted(database.iterdump())))
PYTHON
}

scenario "both databases, deleted and made anew, hold the same"
make_repository
make_checkpoint model.safetensors 1
commit_all main
git switch -q -c feature
make_checkpoint model.safetensors 2
commit_all feature
git switch -q main
ok mgit rebase feature onto main
ok mgit merge feature
ok mgit lineage
wanted=$(dump lineage.db)
objects=$(dump objects.db)
described=$(mgit lineage)
rm -f .git/mgit/lineage.db* .git/mgit/objects.db*
ok mgit lineage rebuild
ok mgit fsck --rebuild
equal "$(dump lineage.db)" "$wanted" lineage.db
equal "$(dump objects.db)" "$objects" objects.db
equal "$(mgit lineage)" "$described" "mgit lineage"
