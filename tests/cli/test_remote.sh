# Remotes that are paths: objects travel with push and arrive with clone, fetch and checkout.
. "$(dirname "$0")/lib.sh"

# as NAME: commits as this user from here on.
as() { export GIT_AUTHOR_NAME=$1 GIT_AUTHOR_EMAIL=$1@example.com GIT_COMMITTER_NAME=$1 GIT_COMMITTER_EMAIL=$1@example.com; }

scenario "push to a bare repository, clone, change, push back, pull"
git init -q --bare remote.git
as alice
mgit init -q alice >/dev/null 2>&1
cd alice
make_checkpoint model.safetensors 1
commit_all "one"
git remote add origin ../remote.git
ok git push -q origin main
[ -e ../remote.git/mgit/packs ] || fail "no objects in the remote"
before=$(du -sb ../remote.git/mgit | cut -f1)
ok git push -q origin main:refs/heads/again
equal "$(du -sb ../remote.git/mgit | cut -f1)" "$before" "an object travelled twice"
cd ..
as bob
ok mgit clone -q remote.git bob
same_file alice/model.safetensors bob/model.safetensors
cd bob
equal "$(git status --porcelain)" ""
equal "$(git config filter.mgit.required)" "true"
ADD=0.01 make_checkpoint model.safetensors 1
commit_all "trained on"
ok git push -q origin main
cd ../alice
as alice
ok git pull -q origin main
same_file model.safetensors ../bob/model.safetensors
ok git fsck

scenario "mgit clone names the directory as git does"
mgit init -q "a source" >/dev/null 2>&1
(cd "a source" && make_checkpoint model.safetensors 1 && commit_all "one")
mkdir below
cd below
ok mgit clone -q "../a source/.git"
same_file "a source/model.safetensors" "../a source/model.safetensors"
rm -rf "a source"
ok mgit clone -q "../a source/"
same_file "a source/model.safetensors" "../a source/model.safetensors"
ok mgit clone -q -o upstream -b main "../a source" named
equal "$(git -C named remote)" "upstream"
same_file named/model.safetensors "../a source/model.safetensors"

scenario "without mgit a clone succeeds, with manifests"
mgit init -q source >/dev/null 2>&1
(cd source && make_checkpoint model.safetensors 1 && commit_all "one")
ok env PATH="$PATH_WITHOUT_MGIT" git clone -q source clone
is_manifest clone/model.safetensors
equal "$(git -C clone status --porcelain)" ""

scenario "a checkout fetches what is missing; fetch brings it in advance"
git init -q --bare remote.git
mgit init -q one >/dev/null 2>&1
(cd one && make_checkpoint model.safetensors 1 && commit_all "one" &&
  git remote add origin ../remote.git && git push -q origin main)
mgit clone -q remote.git two 2>/dev/null
(cd one && git switch -q -c side && make_checkpoint model.safetensors 2 && commit_all "two" &&
  git push -q origin side && git switch -q -c third && make_checkpoint model.safetensors 3 &&
  commit_all "three" && git push -q origin third)
cd two
git fetch -q origin
ok git switch -q side
equal "$(digest model.safetensors)" "$(cd ../one && git cat-file --filters side:model.safetensors | sha256sum | cut -d' ' -f1)"
(cd ../one && make_checkpoint model.safetensors 4 && commit_all "four" && git push -q origin third)
ok mgit fetch
mv ../remote.git ../gone.git
ok git switch -q third
same_file model.safetensors ../one/model.safetensors
mv ../gone.git ../remote.git

scenario "a clone that had only manifests gets its checkpoints from mgit fetch"
git init -q --bare remote.git
mgit init -q one >/dev/null 2>&1
(cd one && make_checkpoint model.safetensors 1 && commit_all "one" && git remote add origin ../remote.git &&
  git -c core.hooksPath=/dev/null push -q origin main)
mgit clone -q remote.git two 2>/dev/null
is_manifest two/model.safetensors
(cd one && mgit push -q origin main && git commit -q --allow-empty -m "two" && git push -q origin main)
(cd two && mgit fetch -q 2>/dev/null)
same_file two/model.safetensors one/model.safetensors
equal "$(git -C two status --porcelain)" ""

scenario "mgit push without hooks brings objects first"
git init -q --bare remote.git
mgit init -q one >/dev/null 2>&1
cd one
make_checkpoint model.safetensors 1
commit_all "one"
rm .git/hooks/pre-push
git remote add origin ../remote.git
ok mgit push -q origin main
cd ..
ok mgit clone -q remote.git two
same_file one/model.safetensors two/model.safetensors

scenario "notes of both sides are joined"
git init -q --bare remote.git
mgit init -q one >/dev/null 2>&1
(cd one && make_checkpoint model.safetensors 1 && commit_all "one" && git remote add origin ../remote.git &&
  git push -q origin main)
mgit clone -q remote.git two 2>/dev/null
(cd one && git notes --ref=mgit/eval add -m "from one" && git commit -q --allow-empty -m "x" && git push -q origin main)
cd two
git notes --ref=mgit/eval add -m "from two"
git switch -q -c side
git commit -q --allow-empty -m "y"
ok git push -q origin side
lacks "$errors" "warning"
contains "$(git notes --ref=mgit/eval show main)" "from one"
contains "$(git notes --ref=mgit/eval show main)" "from two"
cd ../one
ok mgit fetch -q
contains "$(git notes --ref=mgit/eval show HEAD~1)" "from two"

scenario "an unreachable store stops the push before refs move"
git init -q --bare remote.git
mgit init -q one >/dev/null 2>&1
cd one
make_checkpoint model.safetensors 1
commit_all "one"
git remote add origin ../remote.git
echo "in the way" >../remote.git/mgit
fails_with 1 "" git push origin main
equal "$(git -C ../remote.git for-each-ref)" ""

scenario "a remote that is no path: a warning"
git init -q .
ok mgit install
make_checkpoint model.safetensors 1
mgit track '*.safetensors' >/dev/null
commit_all "one"
fails_with 0 "only to remotes that are paths" \
  sh -c "echo refs/heads/main \$(git rev-parse HEAD) refs/heads/main 0000000000000000000000000000000000000000 | mgit hook pre-push origin https://example.com/models.git"
