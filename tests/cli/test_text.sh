#!/usr/bin/env bash
# Where git asks for text, and hands to the filter what is no file: blame, log -p, grep, add -p.
. "$(dirname "$0")/lib.sh"

two_commits() {
  make_repository
  make_checkpoint model.safetensors 1
  cp model.safetensors model.pt
  commit_all "one"
  make_checkpoint model.safetensors 2 fc1.weight=16,8 fc1.bias=16 "a name=4,16" fc2.bias=4
  cp model.safetensors model.pt
  commit_all "two"
}

# objects: how many the store has.
objects() { mgit fsck 2>&1 | grep -o '[0-9]* objects'; }

scenario "git blame says which commit changed which tensor last"
two_commits
before=$(objects)
for file in model.safetensors model.pt; do
  ok git blame -s "$file"
  contains "$output" "fc1.weight F32 16,8"
  equal "$(echo "$output" | wc -l)" 4
  lacks "$output" 00000000
  ok git blame HEAD~1 -- "$file"
  contains "$before" "objects"
  equal "$(objects)" "$before" "blame stored something"
  ADD=0.1 make_checkpoint "$file" 2 fc1.weight=16,8 fc1.bias=16 "a name=4,16" fc2.bias=4
  ok git blame -s "$file"
  contains "$output" "00000000"
  ok git checkout -q -- "$file"
  before=$(objects)
done
: >empty.pt
commit_all "empty"
ok git blame empty.pt
equal "$output" ""
echo "no checkpoint" >notes.pt
commit_all "notes"
ok git blame -s notes.pt
contains "$output" "bytes 14 "

scenario "git log -p gets past what is no checkpoint"
git init -q .
printf 'version https://git-lfs.github.com/spec/v1\noid sha256:%064d\nsize 12\n' 1 >model.safetensors
git add .
git commit -q -m "a pointer"
head -c 100 /dev/urandom >model.safetensors
git add .
git commit -q -m "broken"
make_checkpoint model.safetensors 1
git add .
git commit -q -m "raw"
mgit init -q >/dev/null
git add .gitattributes
git commit -q -m "mgit"
make_checkpoint model.safetensors 2
ok mgit add model.safetensors
ok git commit -q -m "sound"
ok git log -p
contains "$output" "fc1.weight F32 16,8"
contains "$output" "bytes 100 "
ok git log --stat
ok git grep --textconv fc1.weight
contains "$output" "fc1.weight"
ok git grep -c "mgit checkpoint" HEAD
ok git show --textconv HEAD:model.safetensors
contains "$output" "fc2.bias"
ok git cat-file --textconv HEAD:model.safetensors
ok git format-patch --stdout -1
ok git diff HEAD~4 HEAD

scenario "a damaged manifest in HEAD does not keep a sound file out"
make_repository
printf 'mgit checkpoint 1\nformat nonsense\n' >damaged
git update-index --add --cacheinfo "100644,$(git hash-object -w damaged),model.safetensors"
git -c core.hooksPath=/dev/null commit -q -m "damaged"
make_checkpoint model.safetensors 2
ok mgit add model.safetensors
git reset -q
ok git add model.safetensors
ok git commit -q -m "sound"

scenario "outside of a repository, and between files of none"
make_checkpoint a.safetensors 1
make_checkpoint b.safetensors 2
fails_with 1 "differ" git diff --no-index a.safetensors b.safetensors
make_repository repo
fails_with 1 "fc1.weight F32" git diff --no-index --textconv ../a.safetensors ../b.safetensors
cp ../a.safetensors model.safetensors
commit_all "one"
fails_with 1 "fc1.weight F32" git diff --no-index --textconv model.safetensors ../b.safetensors

scenario "by hand: add -p, stash -p, checkout -p, reset -p, restore -p"
two_commits
one=$(git cat-file --filters HEAD~1:model.pt | digest /dev/stdin)
two=$(digest model.pt)
git cat-file --filters HEAD~1:model.pt >model.pt
printf 'y\ny\ny\ny\ny\ny\n' >../yes
run git add -p model.pt <../yes
equal "$status" 0 "git add -p"
equal "$(git status --porcelain)" "M  model.pt"
run git reset -p <../yes
equal "$(git status --porcelain)" " M model.pt"
run git stash -p <../yes
equal "$status" 0 "git stash -p"
equal "$(digest model.pt)" "$two"
equal "$(git status --porcelain)" ""
ok git stash pop
equal "$(digest model.pt)" "$one"
run git checkout -p model.pt <../yes
equal "$(digest model.pt)" "$two"
run git restore -p --source HEAD~1 model.pt <../yes
equal "$(digest model.pt)" "$one"
run mgit restore -p model.pt <../yes
equal "$(digest model.pt)" "$two"
equal "$(git status --porcelain)" ""
ok mgit fsck

scenario "a patch of manifests applies to checkpoints"
two_commits
git diff --no-textconv HEAD~1 HEAD >../patch
two=$(digest model.safetensors)
ok git reset -q --hard HEAD~1
ok git apply --index ../patch
equal "$(digest model.safetensors)" "$two"
ok git commit -q -m "applied"
ok git format-patch -q -1 -o ..
ok git reset -q --hard HEAD~1
ok git am -q ../0001-applied.patch
equal "$(digest model.safetensors)" "$two"

scenario "archive, in every format that asks the filter"
two_commits
two=$(digest model.safetensors)
ok git archive -o ../a.tar HEAD
ok git archive -o ../a.zip HEAD
equal "$(tar xOf ../a.tar model.safetensors | digest /dev/stdin)" "$two"
equal "$(python3 -c 'import sys, zipfile; sys.stdout.buffer.write(zipfile.ZipFile("../a.zip").read("model.safetensors"))' |
  digest /dev/stdin)" "$two"
