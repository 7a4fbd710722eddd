# What a colleague without mgit pushes: checkpoints in place of their manifests.
. "$(dirname "$0")/lib.sh"

# shared_host: host.git, alice's clone of mgit with one version, bob's without it. Ends in alice.
shared_host() {
  git init -q --bare host.git
  make_repository alice
  make_checkpoint model.safetensors 1
  commit_all "Train"
  git remote add origin ../host.git
  mgit push -q -u origin main 2>/dev/null
  PATH=$PATH_WITHOUT_MGIT git clone -q ../host.git ../bob
}
# bob_pushes SEED MESSAGE: a fine-tuned version of it, as a file.
bob_pushes() {
  (cd ../bob
   export PATH=$PATH_WITHOUT_MGIT
   git pull -q
   ADD=0.01 ADD_SEED=$1 make_checkpoint model.safetensors 1
   git commit -q -a -m "$2"
   git push -q)
}
manifest_at() { contains "$(git cat-file -p "$1:${2:-model.safetensors}" | head -c 17 | tr -d '\0')" "mgit checkpoint 1"; }
raw_at() { lacks "$(git cat-file -p "$1:model.safetensors" | head -c 17 | tr -d '\0')" "mgit checkpoint 1"; }
clean() {
  equal "$(git status --porcelain)" "" "status after $1"
  touch model.safetensors
  equal "$(git status --porcelain)" "" "status after $1 and touch"
}

scenario "whatever brings a raw version leaves a tree that is clean"
shared_host
bob_pushes 2 "Fine-tune without mgit"
bob_pushes 3 "Fine-tune on"
ok git pull -q
contains "$errors" "model.safetensors: in git as it is, whole. 'mgit adopt' takes it in"
raw_at HEAD
clean "git pull"
ok git checkout -q HEAD~1
clean "checkout"
ok git switch -q main
clean "switch"
ok git switch -q --detach HEAD~2
manifest_at HEAD
clean "switch to a manifest"
ok mgit switch -q main
clean "mgit switch"
ok git stash
contains "$output" "No local changes"
make_checkpoint model.safetensors 5
equal "$(git status --porcelain)" " M model.safetensors"
ok git stash -q
clean "stash"
ok git stash pop -q
ok git reset -q --hard
clean "reset"
make_checkpoint model.safetensors 6
git add model.safetensors
contains "$(git cat-file -p :model.safetensors | tr -d '\0')" "mgit checkpoint 1"
ok git reset -q --hard

scenario "adopt takes in what HEAD has, as a difference to what it replaced"
shared_host
make_checkpoint model.safetensors 1 w=300,300
commit_all "Another network"
mgit push -q 2>/dev/null
(cd ../bob
 export PATH=$PATH_WITHOUT_MGIT
 git pull -q
 ADD=0.0001 make_checkpoint model.safetensors 1 w=300,300
 printf 'Mgit-Rebase: x' >note
 git add note
 git commit -q -a -m "Mgit-Rebase: onto nowhere"
 git push -q)
git pull -q 2>/dev/null
digest model.safetensors >../raw
mkdir sub
cd sub
ok mgit adopt ../model.safetensors
cd ..
contains "$output" "model.safetensors: 1 of 1 tensor changed since $(git rev-parse HEAD~2 | cut -c1-10) (360.1 kB)"
contains "$output" "Adopt model.safetensors, committed without mgit"
contains "$output" "To take it back: mgit undo"
manifest_at HEAD
clean "adopt"
equal "$(digest model.safetensors)" "$(cat ../raw)"
contains "$(git log -1 --format=%B)" "- model.safetensors: 1 of 1 tensor changed since"
equal "$(git log -1 --format=%an)" "A Tester"
size=$(du -sb .git/mgit/packs | cut -f1)
holds "$size < 2 * 360000 * 0.95"
ok mgit lineage
contains "$output" "trained on from $(git rev-parse HEAD~2 | cut -c1-10)"
contains "$output" "1 of 1 tensors changed"
ok mgit adopt
contains "$output" "Nothing to adopt"
ok mgit undo
raw_at HEAD
clean "undo"
ok mgit undo --redo
manifest_at HEAD
clean "redo"

current="in a fresh clone the line is unbroken"
mgit push -q 2>/dev/null
cd ..
ok mgit clone -q host.git carol
cd carol
clean "clone"
ok mgit lineage
contains "$output" "trained on from"

scenario "adopt leaves other changes alone"
shared_host
bob_pushes 2 "Fine-tune"
git pull -q 2>/dev/null
make_checkpoint model.safetensors 9
echo staged >other
git add other
ok mgit adopt -q
equal "$output" ""
equal "$(git status --porcelain)" " M model.safetensors
A  other"
equal "$(git diff --name-only HEAD~1 HEAD)" "model.safetensors"
git reset -q --hard
manifest_at HEAD
clean "reset"

scenario "mgit pull takes it in, where it can go forward"
shared_host
bob_pushes 2 "Fine-tune"
bob_pushes 3 "More"
ok mgit pull
contains "$errors" "model.safetensors: committed without mgit in $(git rev-parse HEAD~1 | cut -c1-10); taken in by $(git rev-parse HEAD | cut -c1-10) ('mgit undo' takes it back)"
lacks "$errors" "in git as it is"
manifest_at HEAD
clean "mgit pull"
ok mgit lineage
contains "$output" "trained on from $(git rev-parse HEAD~3 | cut -c1-10)"
ok mgit pull
lacks "$errors" "taken in"
ok mgit push -q
ok mgit fsck

scenario "mgit pull combines it with a version of ours"
shared_host
bob_pushes 2 "Fine-tune"
ADD=0.01 ADD_SEED=8 make_checkpoint model.safetensors 1
commit_all "My own"
ok mgit pull --no-rebase
contains "$errors" "model.safetensors: committed without mgit in branch 'main' of"
equal "$(git log -1 --format=%s)" "Merge branch 'main' of ../host"
equal "$(git log -1 --format=%p | wc -w)" "2"
equal "$(git log -1 --format=%s HEAD^2)" "Adopt model.safetensors, committed without mgit"
contains "$(git log -1 --format=%B)" "Mgit-Merge: strategy mean weights 0.5 0.5"
manifest_at HEAD
clean "mgit pull"
ok mgit lineage
contains "$output" "trained on from"

scenario "plain git does not merge a raw version with one of ours, and says what does"
shared_host
bob_pushes 2 "Fine-tune"
ADD=0.01 ADD_SEED=8 make_checkpoint model.safetensors 1
commit_all "My own"
run git pull --no-rebase
differ "$status" 0
contains "$errors" "committed without mgit, and both sides changed it"
contains "$errors" "mgit merge"
clean "the refused pull"
manifest_at HEAD
ok mgit merge origin/main
contains "$errors" "model.safetensors: committed without mgit in origin/main; taken in by"
equal "$(git log -1 --format=%s)" "Merge remote-tracking branch 'origin/main'"
manifest_at HEAD
clean "mgit merge"
ok mgit undo
manifest_at HEAD
clean "undo"

scenario "mgit merge takes in what HEAD has raw, too; a fast-forward is one still"
shared_host
git branch mine
bob_pushes 2 "Fine-tune"
git pull -q 2>/dev/null
git switch -q mine
ADD=0.01 ADD_SEED=8 make_checkpoint model.safetensors 1
commit_all "My own"
git switch -q main
ok mgit merge mine
contains "$errors" "committed without mgit in HEAD; taken in by"
manifest_at HEAD
manifest_at HEAD^1
clean "merge"
git switch -q -c behind main~1
git reset -q --hard HEAD~2
ok mgit merge origin/main
manifest_at HEAD
equal "$(git log -1 --format=%p | wc -w)" "1"

scenario "a rebase onto a raw version picks tensor by tensor"
shared_host
make_checkpoint model.safetensors 1 w=8,8 b=4@0 c=4@0
commit_all "Another network"
mgit push -q 2>/dev/null
(cd ../bob
 export PATH=$PATH_WITHOUT_MGIT
 git pull -q
 make_checkpoint model.safetensors 1 w=8,8 b=4@0 c=4@1
 git commit -q -a -m "One bias"
 git push -q)
make_checkpoint model.safetensors 1 w=8,8 b=4@2 c=4@0
commit_all "The other bias"
ok mgit pull -q --rebase
make_checkpoint ../wanted.safetensors 1 w=8,8 b=4@2 c=4@1
same_file model.safetensors ../wanted.safetensors
manifest_at HEAD
clean "pull --rebase"

scenario "what is no checkpoint is left, in one line each"
shared_host
make_checkpoint second.safetensors 2
cp model.safetensors third.bin
mgit track '*.bin' 2>/dev/null
commit_all "Others"
mgit push -q 2>/dev/null
(cd ../bob
 export PATH=$PATH_WITHOUT_MGIT
 git pull -q
 head -c 300 ../alice/model.safetensors >model.safetensors
 printf 'version https://git-lfs.github.com/spec/v1\noid sha256:%064d\nsize 12\n' 1 >second.safetensors
 echo "not found" >third.bin
 git commit -q -a -m "Broken"
 git push -q)
ok mgit pull -q
contains "$errors" "warning: model.safetensors: left as it is: "
contains "$errors" "warning: second.safetensors: a git-lfs pointer, not a checkpoint"
contains "$errors" "warning: third.bin: left as it is: in no checkpoint format that mgit knows"
clean "a pull of broken files"
run mgit adopt
equal "$status" 1
equal "$(grep -c warning <<<"$errors")" 3
fails_with 128 "HEAD has no checkpoint whole there" mgit adopt README
(cd ../bob
 export PATH=$PATH_WITHOUT_MGIT
 cp ../alice/.git/HEAD nothing
 make_checkpoint second.safetensors 4
 git add -A
 git commit -q -a -m "One is right again"
 git push -q)
ok mgit pull -q
contains "$errors" "second.safetensors: committed without mgit in"
manifest_at HEAD second.safetensors
clean "a pull with one that is right"
