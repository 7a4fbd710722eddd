#!/usr/bin/env bash
# Files that are legal and rare: empty, with names as long as the file system takes, with every letter
# a name may have; history with things in it that are no checkpoints.
. "$(dirname "$0")/lib.sh"

# silent COMMAND…: status 0 and nothing on stderr.
silent() {
  ok "$@"
  equal "$errors" "" "stderr of $*"
}

# past_the_second: what was written before is older than whole seconds can hide.
past_the_second() { sleep 1.1; }

scenario "an empty checkpoint is an empty blob, for git and for mgit"
make_repository
empty=$(git hash-object -t blob /dev/null)
: >by-git.pt
: >by-mgit.pt
: >net.onnx
silent git add by-git.pt
silent mgit add by-mgit.pt net.onnx
git add .gitattributes
for file in by-git.pt by-mgit.pt net.onnx; do
  equal "$(git rev-parse ":$file")" "$empty" "$file"
done
silent git commit -q -m "empty"
past_the_second
git update-index --refresh
for _ in 1 2 3; do
  silent git status --porcelain
  equal "$output" ""
done
rm by-git.pt by-mgit.pt
ok mgit checkout -q -- by-git.pt
ok git checkout -q -- by-mgit.pt
equal "$(stat -c %s by-git.pt)$(stat -c %s by-mgit.pt)" 00
ok mgit fsck
ok mgit diff HEAD
ok git diff HEAD
ok mgit ls HEAD

scenario "an empty checkpoint stands in nobody's way"
make_repository
: >model.pt
echo a >text
make_checkpoint other.safetensors 2
commit_all "empty"
git switch -q -c trained
make_checkpoint model.pt 1
wanted=$(digest model.pt)
commit_all "trained"
git switch -q main
past_the_second
for git in git mgit; do
  ok $git switch -q trained
  equal "$(digest model.pt)" "$wanted" "after $git switch"
  ok $git switch -q main
  equal "$(stat -c %s model.pt)" 0 "after $git switch back"
  make_checkpoint other.safetensors 3
  ok $git stash
  ok $git stash pop
  ok $git checkout -q -- other.safetensors
  ok $git reset -q --hard trained~1
  equal "$(git status --porcelain)" ""
done
echo b >text
git commit -q -a -m "text"
ok git rebase -q trained
equal "$(digest model.pt)" "$wanted"
ok git reset -q --hard trained~1
ok git cherry-pick trained
equal "$(digest model.pt)" "$wanted"
ok git reset -q --hard trained~1
ok git merge -q --ff-only trained
equal "$(digest model.pt)" "$wanted"
: >model.pt
ok mgit add model.pt
ok git commit -q -m "emptied"
ok git revert --no-edit HEAD
equal "$(digest model.pt)" "$wanted"

scenario "one side empties a checkpoint, the other trains it: a conflict, and ours stays"
make_repository
make_checkpoint model.pt 1
commit_all "one"
git switch -q -c emptied
: >model.pt
commit_all "emptied"
git switch -q main
make_checkpoint model.pt 2
commit_all "two"
fails_with 1 "theirs is an empty file" git cherry-pick emptied
ok git cherry-pick --abort
equal "$(git status --porcelain)" ""

scenario "a branch that kept its checkpoint whole: the conflict says what to do there, and that helps"
make_repository
commit_all "attributes"
git switch -q -c whole
git rm -q .gitattributes
make_checkpoint model.safetensors 1
commit_all "one, by git alone"
git switch -q main
make_checkpoint model.safetensors 2
commit_all "two"
fails_with 1 "theirs is no manifest, but a file that git holds whole" mgit merge whole
contains "$errors$output" "mgit track model.safetensors, git add --renormalize model.safetensors"
ok git merge --abort
git switch -q whole
ok mgit track model.safetensors
git add --renormalize model.safetensors
commit_all "tracked"
git switch -q main
ok mgit merge --no-rebase whole
contains "$(git log -1 --format=%B)" "Mgit-Merge: strategy mean"

scenario "an empty .safetensors is a failed save; one that was committed before mgit came is no trouble"
git init -q .
: >model.safetensors
git add .
git commit -q -m "before mgit"
mgit init -q >/dev/null
git add .gitattributes
git commit -q -m "mgit"
past_the_second
touch model.safetensors
silent git status --porcelain
equal "$output" ""
: >new.safetensors
fails_with 128 "new.safetensors" mgit add new.safetensors
fails_with 128 "new.safetensors" git add new.safetensors

scenario "migrating a history with an empty checkpoint, there and back"
git init -q .
make_checkpoint model.safetensors 1
: >empty.pt
git add .
git commit -q -m "one"
make_checkpoint empty.pt 2
git add .
git commit -q -m "two"
: >empty.pt
git add .
git commit -q -m "three"
old=$(git rev-parse HEAD)
ok mgit migrate import
equal "$(git status --porcelain)" ""
ok git switch -q --detach HEAD~2
equal "$(git status --porcelain)" ""
ok git switch -q main
ok mgit migrate export
equal "$(git status --porcelain)" ""
equal "$(git rev-parse HEAD)" "$old"

# name_of BYTES LETTER: a file name of that many bytes.
name_of() {
  local stem
  stem=$(printf "%*s" $(($1 - 12)) "")
  echo "${stem// /$2}.safetensors"
}

scenario "names as long as the file system takes"
make_repository
long=$(name_of 255 x)
umlauts=$(name_of 240 y)
umlauts=${umlauts//yy/ü}
make_checkpoint "$long" 1
make_checkpoint "$umlauts" 2
make_checkpoint small.safetensors 3
wanted=$(cat "$long" "$umlauts" small.safetensors | digest /dev/stdin)
all() { cat "$long" "$umlauts" small.safetensors | digest /dev/stdin; }
ok mgit add .
ok git commit -q -m "long names"
for git in git mgit; do
  rm ./*.safetensors
  ok $git checkout -q -- .
  equal "$(all)" "$wanted" "after $git checkout"
  ok $git switch -q -c "without-$git"
  ok git rm -q ./*.safetensors
  ok git commit -q -m "without"
  ok $git switch -q main
  equal "$(all)" "$wanted" "after $git switch"
done
equal "$(git status --porcelain)" ""
ADD=0.1 make_checkpoint "$long" 1
ok mgit add .
ok git commit -q -m "again"
ok git stash list
ok mgit reset -q --hard HEAD~1
equal "$(all)" "$wanted"
# Left manifests become checkpoints in place, too.
ok git clone -q . ../copy
cd ../copy
is_manifest "$long"
ok mgit install
ok mgit fetch
ok mgit install
equal "$(all)" "$wanted"

scenario "a file that cannot be written is no hindrance to the others"
make_repository
make_checkpoint a-large.safetensors 1 w=256,256
for i in 1 2 3; do make_checkpoint "model-$i.safetensors" "$i"; done
commit_all "one"
wanted=$(cat ./*.safetensors | digest /dev/stdin)
wanted_small=$(cat model-?.safetensors | digest /dev/stdin)
# limited COMMAND…: no file may have more than 100 KB.
limited() { (trap '' XFSZ; ulimit -f 100; "$@"); }
rm ./*.safetensors
fails_with 128 "1 of 4 checkpoints is not written: a-large.safetensors" limited mgit checkout -q -- .
contains "$errors" "File too large"
contains "$errors" "hint: mgit checkout, without arguments, writes what is missing"
lacks "$errors" "nothing was changed"
equal "$(cat model-?.safetensors | digest /dev/stdin)" "$wanted_small"
equal "$(git status --porcelain)" " D a-large.safetensors"
rm model-1.safetensors
fails_with 128 "a-large.safetensors" limited mgit restore model-1.safetensors
equal "$(cat model-?.safetensors | digest /dev/stdin)" "$wanted_small"
ok mgit checkout
equal "$(cat ./*.safetensors | digest /dev/stdin)" "$wanted"
equal "$(git status --porcelain)" ""
[ ! -e .git/mgit-checkout ] || fail "a list of what is left"

scenario "every letter that a name may have"
make_repository $'a "quoted"\nrepository \\ ü'
number=0
for name in $'new\nline' 'quo"te' "apo'strophe" 'back\slash' ' blank ' 'ü' '[bracket]' 'star*' 'ques?' \
  '-dash' '#hash' '!bang' ':colon' $'tab\t' '$(echo no)' '%s'; do
  mkdir -p "dir $name"
  number=$((number + 1))
  make_checkpoint "$PWD/dir $name/$name.safetensors" "$number"
done
find . -name '*.safetensors' -print0 | sort -z | xargs -0 sha256sum >../wanted
ok mgit add .
equal "$(git ls-files -z | tr -dc '\0' | wc -c)" $((number + 1))
ok git commit -q -m "odd names"
for git in git mgit; do
  find . -name '*.safetensors' -delete
  ok $git checkout -q -- .
  find . -name '*.safetensors' -print0 | sort -z | xargs -0 sha256sum >../found
  same_file ../found ../wanted
done
equal "$(git status --porcelain)" ""
ok mgit fsck
ok mgit ls HEAD

scenario "a path of nearly 4096 bytes"
make_repository
part=$(printf '%0200d' 0)
path=
while [ $((${#PWD} + ${#path})) -lt 3500 ]; do path=$path$part/; done
mkdir -p "$path"
make_checkpoint model.safetensors 1
cp model.safetensors "$path"
ok mgit add .
ok git commit -q -m "deep"
rm "$path/model.safetensors"
ok mgit checkout -q -- .
same_file model.safetensors "$path/model.safetensors"
equal "$(git status --porcelain)" ""
