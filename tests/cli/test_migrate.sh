# mgit migrate: histories of git and of git-lfs become mgit's, and back.
. "$(dirname "$0")/lib.sh"

# lfs_store FILE: puts it where git-lfs would; prints the pointer.
lfs_store() {
  local oid
  oid=$(digest "$1")
  mkdir -p ".git/lfs/objects/${oid:0:2}/${oid:2:2}"
  cp "$1" ".git/lfs/objects/${oid:0:2}/${oid:2:2}/$oid"
  printf 'version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize %s\n' "$oid" "$(stat -c %s "$1")"
}

# plain_history: branches, a merge, tags, odd authors and dates, in a repository that never saw mgit.
plain_history() {
  git init -q .
  echo one >readme
  make_checkpoint model.safetensors 1
  mkdir sub
  make_checkpoint "sub/with blank é.safetensors" 2
  git add .
  GIT_AUTHOR_NAME="Ada Ö" GIT_AUTHOR_DATE="1700000000 +0545" GIT_COMMITTER_DATE="1700000001 -0800" \
    git commit -q -m "First" -m "Body.  " -m "Signed-off-by: X <x@y>"
  git tag light
  git switch -q -c side
  make_checkpoint model.safetensors 3
  git commit -qam "Side trains"
  git tag -a annotated -m "A tag
with two lines"
  git switch -q main
  echo two >readme
  git -c i18n.commitEncoding=latin1 commit -qam "$(printf 'Gr\xfc\xdfe')"
  git merge -q --no-ff -m "Merge side" side
  git rm -q --cached readme
  git commit -q -m "No readme"
  rm readme
}

# told HISTORY…: everything about commits that may not change.
told() { git log --topo-order --format='%an %ae %ad %cn %ce %cd %e%n%B' --date=raw "$@"; }

scenario "import: what was a file is a manifest in every commit, and nothing else changes"
plain_history
before=$(told main)
old=$(git rev-parse main)
wanted=$(digest model.safetensors)
blank=$(digest "sub/with blank é.safetensors")
ok mgit migrate import --everything --dry-run
contains "$output" "model.safetensors: 2 versions"
contains "$output" "Would rewrite 5 of 5 commits"
equal "$(git rev-parse main)" "$old"
equal "$(git for-each-ref refs/mgit)" ""
ok mgit migrate import --everything
contains "$output" "Rewrote 5 of 5 commits"
differ "$(git rev-parse main)" "$old"
equal "$(told main)" "$before"
for commit in $(git rev-list --all --not --glob='refs/mgit/*'); do
  contains "$(git cat-file -p "$commit:model.safetensors")" "mgit checkpoint 1"
  contains "$(git cat-file -p "$commit:.gitattributes")" "*.safetensors filter=mgit diff=mgit merge=mgit -text"
done
contains "$(git cat-file -p "main:sub/with blank é.safetensors")" "mgit checkpoint 1"
equal "$(digest model.safetensors)" "$wanted"
equal "$(digest "sub/with blank é.safetensors")" "$blank"
equal "$(git status --porcelain)" ""
contains "$(git reflog main)" "migrate import"
equal "$(git rev-parse main@{1})" "$old"
equal "$(git rev-parse "refs/mgit/original/${old:0:10}/heads/main")" "$old"
equal "$(git cat-file -t annotated)" "tag"
contains "$(git cat-file -p annotated)" "with two lines"
equal "$(git rev-parse annotated^{commit})" "$(git rev-parse side)"
equal "$(git rev-list --count --merges main)" 1
ok git fsck --strict
ok mgit fsck

scenario "export gives back the same commits, hash for hash"
plain_history
refs=$(git for-each-ref refs/heads refs/tags)
ok mgit migrate import --everything
differ "$(git for-each-ref refs/heads refs/tags)" "$refs"
ok mgit migrate export --everything
equal "$(git for-each-ref refs/heads refs/tags)" "$refs"
equal "$(git status --porcelain)" ""
ok mgit migrate export --everything
contains "$output" "Nothing to migrate"
ok mgit migrate import --everything
ok mgit migrate import --everything
contains "$output" "Nothing to migrate"

scenario "git-lfs: pointers become manifests, and pointers again, hash for hash"
git init -q .
printf '*.safetensors filter=lfs diff=lfs merge=lfs -text\n*.psd filter=lfs diff=lfs merge=lfs -text\n' >.gitattributes
git add .gitattributes
git commit -q -m "Attributes"
make_checkpoint one 1
make_checkpoint two 2
lfs_store one >model.safetensors
git add model.safetensors
git commit -q -m "One"
lfs_store two >model.safetensors
git commit -qam "Two"
first=$(digest one)
second=$(digest two)
rm one two
old=$(git rev-parse main)
ok mgit migrate import
equal "$(digest model.safetensors)" "$second"
equal "$(git cat-file -p HEAD:.gitattributes)" "*.safetensors filter=mgit diff=mgit merge=mgit -text
*.psd filter=lfs diff=lfs merge=lfs -text"
equal "$(git status --porcelain)" ""
ok git checkout -q HEAD~1
equal "$(digest model.safetensors)" "$first"
git checkout -q main
rm -rf .git/lfs
ok mgit migrate export --lfs
equal "$(git rev-parse main)" "$old"
equal "$(digest ".git/lfs/objects/${first:0:2}/${first:2:2}/$first")" "$first"
equal "$(digest ".git/lfs/objects/${second:0:2}/${second:2:2}/$second")" "$second"

scenario "missing and damaged LFS objects are named before anything is rewritten"
git init -q .
echo "*.safetensors filter=lfs diff=lfs merge=lfs -text" >.gitattributes
make_checkpoint file 1
lfs_store file >model.safetensors
oid=$(digest file)
rm file
git add .
git commit -q -m "One"
old=$(git rev-parse main)
mv .git/lfs kept
mv kept ../kept
fails_with 128 "model.safetensors (${oid:0:10})" mgit migrate import
contains "$errors" "git lfs fetch --all"
mv ../kept .git/lfs
echo x >>".git/lfs/objects/${oid:0:2}/${oid:2:2}/$oid"
fails_with 128 "damaged Git LFS object" mgit migrate import
equal "$(git rev-parse main)" "$old"
equal "$(git for-each-ref refs/mgit)" ""
equal "$(git status --porcelain)" ""

scenario "a broken checkpoint in history is named; --exclude leaves it out"
git init -q .
make_checkpoint good.safetensors 1
head -c 100 good.safetensors >broken.safetensors
git add .
git commit -q -m "One"
old=$(git rev-parse main)
fails_with 128 "broken.safetensors" mgit migrate import
equal "$(git rev-parse main)" "$old"
ok mgit migrate import --exclude=broken.safetensors
contains "$(git cat-file -p main:good.safetensors)" "mgit checkpoint 1"
equal "$(git cat-file -p main:.gitattributes)" "/good.safetensors filter=mgit diff=mgit merge=mgit -text"
equal "$(git status --porcelain)" ""

scenario "patterns, sizes, named branches"
git init -q .
make_checkpoint big.bin 1 w=5000
make_checkpoint small.bin 2
make_checkpoint other.safetensors 3
git add .
git commit -q -m "One"
git branch other
ok mgit migrate import --dry-run --include='*.bin'
contains "$output" "big.bin"
contains "$output" "small.bin"
lacks "$output" "other.safetensors"
ok mgit migrate import --above=10kB
equal "$(git cat-file -p main:.gitattributes)" "/big.bin filter=mgit diff=mgit merge=mgit -text"
contains "$(git cat-file -p main:big.bin)" "mgit checkpoint 1"
differ "$(git cat-file -p main:small.bin | head -c 4 | tr -d '\0')" "mgit"
contains "$output" "refs/heads/other still has the old commits"
equal "$(git status --porcelain)" ""

scenario "what is refused"
plain_history
echo dirty >>model.safetensors
fails_with 128 "uncommitted changes" mgit migrate import
git checkout -q model.safetensors
fails_with 128 "no such branch" mgit migrate import nowhere
fails_with 129 "exclude each other" mgit migrate import --everything main
fails_with 129 "subcommand" mgit migrate
git worktree add -q ../elsewhere side
fails_with 128 "another worktree" mgit migrate import --everything
git worktree remove ../elsewhere
git clone -q --depth 1 "file://$PWD" ../shallow
cd ../shallow
fails_with 128 "shallow" mgit migrate import
cd "$OLDPWD"
echo "*.safetensors -filter" >sub/.gitattributes
git add .
git commit -q -m "Attributes of a directory"
old=$(git rev-parse main)
fails_with 128 "its attributes would say filter" mgit migrate import
equal "$(git rev-parse main)" "$old"

scenario "a bare repository"
plain_history
git clone -q --bare . ../bare.git
cd ../bare.git
ok mgit migrate import --everything
contains "$(git cat-file -p main:model.safetensors)" "mgit checkpoint 1"
ok mgit migrate export --everything
equal "$(git rev-parse main)" "$(git -C "$OLDPWD" rev-parse main)"

scenario "export refuses while objects are missing"
make_repository
make_checkpoint model.safetensors 1
commit_all "one"
git rm -q model.safetensors
git commit -q -m "gone"
rm -rf .git/mgit/packs .git/mgit/objects.db*
fails_with 128 "model.safetensors" mgit migrate export
