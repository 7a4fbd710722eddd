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

# hosted URL: a repository of our own whose remote origin is that URL, with a model in it.
hosted() {
  mgit init -q one >/dev/null 2>&1
  cd one
  make_checkpoint model.safetensors 1
  commit_all "one"
  git remote add origin "$1"
}

scenario "refs never travel without their models: to a URL that takes none"
hosted git://127.0.0.1:1/models.git
line="refs/heads/main $(git rev-parse HEAD) refs/heads/main 0000000000000000000000000000000000000000"
for url in git://host/models.git; do
  fails_with 128 "mgit push --manifests-only" sh -c "echo $line | mgit hook pre-push origin $url"
  contains "$errors" "$url"
  contains "$errors" "paths and file:// URLs"
done
# A history that the other side has, models and all, may grow by other files.
git update-ref refs/remotes/origin/main HEAD
echo text >notes.txt
commit_all "text"
ok sh -c "echo refs/heads/main $(git rev-parse HEAD) refs/heads/main $(git rev-parse HEAD~1) | mgit hook pre-push origin git://127.0.0.1:1/models.git"
ADD=0.01 make_checkpoint model.safetensors 1
commit_all "trained on"
line="refs/heads/main $(git rev-parse HEAD) refs/heads/main $(git rev-parse HEAD~1)"
fails_with 128 "mgit.manifestsOnly" sh -c "echo $line | mgit hook pre-push origin git://127.0.0.1:1/models.git"
git config mgit.manifestsOnly true
ok sh -c "echo $line | mgit hook pre-push origin git://127.0.0.1:1/models.git"

scenario "mgit push takes the models along whatever options of git's it is given"
for way in "--no-verify origin main" "--no-verify -q origin main" "--no-verify -qf origin main" "--all --no-verify origin" "--mirror --no-verify origin" \
  "--tags --no-verify origin main" "--follow-tags --no-verify origin main" "--atomic --no-verify origin main side" \
  "--force --no-verify origin +main:refs/heads/other" "--no-verify origin HEAD:refs/heads/main" "--no-verify origin HEAD~0:refs/heads/main" \
  "--no-verify ../there.git main" "--no-verify file://$PWD/there.git main" "--no-verify short:there.git main" \
  "--no-verify pushes main" "--no-verify -u origin main" "--no-verify" "--no-verify --recurse-submodules=on-demand origin main" \
  "--no-verify origin v1" "--no-verify origin -- main"; do
  rm -rf one there.git back
  git init -q --bare there.git
  (
    hosted ../there.git
    git branch side
    git tag -a -m tag v1
    git config "url.$(dirname "$PWD")/.insteadOf" short:
    git remote add pushes /nowhere
    git config remote.pushes.pushurl ../there.git
    git config push.default current
    ok mgit push $way
    [ "$failures" = 0 ]
  ) || fail "mgit push $way"
  ok git -C there.git rev-parse --verify -q "$(git -C there.git for-each-ref --format='%(refname)' | head -1)"
  cp -r there.git back.git
  mv one gone
  ok git init -q back
  (cd back && git fetch -q ../there.git "$(git -C ../there.git for-each-ref --format='%(refname)' refs/heads refs/tags | head -1)" &&
    mgit install >/dev/null 2>&1 && cp -r ../there.git/mgit/packs .git/mgit/ && git checkout -q FETCH_HEAD)
  same_file back/model.safetensors gone/model.safetensors
  rm -rf gone back.git
done

scenario "a dry run sends nothing, a deletion needs nothing, a refused push says git's words"
git init -q --bare there.git
hosted ../there.git
ok mgit push -n --no-verify origin main
[ ! -e ../there.git/mgit/packs ] || fail "a dry run sent objects"
ok mgit push -q origin main main:refs/heads/other
ok mgit push -q --delete origin other
ok mgit push -q origin :refs/heads/none
fails_with 1 "does not match any" mgit push origin nothing-of-this-name
fails_with 128 "does not appear to be a git repository" mgit push ../no-such main

scenario "a hook that finds no mgit stops a push, and says how to go on"
git init -q --bare there.git
hosted ../there.git
fails_with 1 "git push --no-verify" env PATH="$PATH_WITHOUT_MGIT" git push origin main
equal "$(git -C ../there.git for-each-ref)" ""
ok env PATH="$PATH_WITHOUT_MGIT" git push -q --no-verify origin main

scenario "a repository that was pushed to without objects is repaired by pushing again"
git init -q --bare there.git
hosted ../there.git
ADD=0.01 make_checkpoint model.safetensors 1
commit_all "two"
git push -q --no-verify origin main
run mgit clone ../there.git ../hollow
contains "$errors" "model.safetensors"
contains "$errors" "nowhere"
ok mgit push origin main
contains "$errors" "sent "
contains "$errors" "objects"
ok mgit push origin main
lacks "$errors" "sent "
cd ../hollow
ok mgit fetch --all
same_file model.safetensors ../one/model.safetensors
mv ../there.git ../gone.git
ok git checkout -q HEAD~1
equal "$(digest model.safetensors)" "$(cd ../one && git cat-file --filters HEAD~1:model.safetensors | sha256sum | cut -d' ' -f1)"

scenario "clones say what they brought; a mirror and a bare clone have the models of the whole history"
git init -q --bare there.git
hosted ../there.git
ADD=0.01 make_checkpoint model.safetensors 1
commit_all "two"
git push -q origin main
cd ..
ok mgit clone there.git work
contains "$errors" "brought "
contains "$errors" "1 checkpoint"
ok mgit clone -q there.git quiet
lacks "$errors" "brought"
ok mgit clone --mirror there.git backup.git
contains "$errors" "received "
mkdir below
cd below
ok mgit clone --bare ../there.git
contains "$errors" "received "
cd ..
ok mgit clone -q --bare file://$PWD/there.git/ second.git
(cd one && make_checkpoint other.safetensors 3 && commit_all "three" && git push -q origin main)
cd backup.git
ok mgit fetch
contains "$errors" "received "
cd ..
mv one gone-one
mv there.git gone
for copy in backup.git second.git below/there.git; do
  ok mgit clone -q $copy from
  same_file from/model.safetensors gone-one/model.safetensors
  [ $copy != backup.git ] || same_file from/other.safetensors gone-one/other.safetensors
  ok git -C from checkout -q "$(git -C gone-one rev-parse HEAD~2)"
  is_no_manifest from/model.safetensors
  rm -rf from
done

scenario "clones of every kind"
git init -q --bare there.git
ok mgit clone there.git empty
contains "$errors" "mgit init"
hosted ../there.git
ADD=0.01 make_checkpoint model.safetensors 1
commit_all "two"
git branch side HEAD~1
git push -q origin main side
cd ..
for options in "--depth=1 file://$PWD/there.git" "-b side there.git" "--single-branch -b main there.git" "--recurse-submodules there.git" \
  "--reference one there.git" "-o upstream there.git" "--no-checkout there.git"; do
  rm -rf copy
  ok mgit clone $options copy
  lacks "$errors" "warning"
  case $options in
  --no-checkout*) ;;
  *side*) equal "$(digest copy/model.safetensors)" "$(git -C one cat-file --filters side:model.safetensors | sha256sum | cut -d' ' -f1)" ;;
  *) same_file copy/model.safetensors one/model.safetensors ;;
  esac
  cd copy
  ok mgit fetch -q --all
  cd ..
done

scenario "fetch --all says with its exit status what is nowhere"
git init -q --bare there.git
hosted ../there.git
git push -q --no-verify origin main
run mgit clone -q ../there.git ../hollow
cd ../hollow
fails_with 1 "on no remote" mgit fetch -q --all

# originals REPOSITORY: the objects that originals of rebases name there, wherever the refs are.
originals() { git -C "$1" for-each-ref --format='%(refname) %(objectname)' refs/mgit | grep -E '/origin/[0-9a-f]{40} ' | cut -d' ' -f2 | sort -u; }

scenario "no prune takes away originals or notes that were made here"
git init -q --bare there.git
hosted ../there.git
original=$(git rev-parse HEAD)
git update-ref "refs/mgit/origin/$original" "$original"
git notes --ref=mgit/eval add -m "a note"
git config fetch.prune true
for command in "git fetch" "git fetch --prune" "git remote prune origin" "mgit fetch -p" "mgit fetch --all --prune" "git remote update --prune"; do
  git config --unset-all remote.origin.fetch || true
  git config --add remote.origin.fetch "+refs/heads/*:refs/remotes/origin/*"
  ok mgit install
  ok $command
  equal "$(git rev-parse "refs/mgit/origin/$original")" "$original" "after $command"
  equal "$(git notes --ref=mgit/eval show)" "a note" "after $command"
done
git push -q origin main
equal "$(originals ../there.git)" "$original" "at the remote"
equal "$(git -C ../there.git notes --ref=mgit/eval show "$original")" "a note"
ok mgit clone -q ../there.git ../two
equal "$(originals ../two)" "$original" "in a clone"
# They go on from there to a third.
git init -q --bare ../third.git
ok git -C ../two push -q ../third.git main
equal "$(originals ../third.git)" "$original" "from a clone"

scenario "settings of an mgit of before are mended by fetch, push, pull and install"
git init -q --bare there.git
hosted ../there.git
git push -q origin main
original=$(git rev-parse HEAD)
for command in "mgit fetch" "mgit push origin main" "mgit pull -q origin main" "mgit install"; do
  git config --unset-all remote.origin.fetch || true
  git config --add remote.origin.fetch "+refs/heads/*:refs/remotes/origin/*"
  git config --add remote.origin.fetch "+refs/mgit/origin/*:refs/mgit/origin/*"
  ok $command
  lacks "$(git config --get-all remote.origin.fetch)" ":refs/mgit/origin/"
  contains "$(git config --get-all remote.origin.fetch)" ":refs/mgit/remotes/origin/origin/"
done
ok mgit uninstall
lacks "$(cat .git/config)" "mgit/remotes"
