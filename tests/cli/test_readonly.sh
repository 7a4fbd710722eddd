#!/usr/bin/env bash
# A repository that one may only read: a colleague's, one on a read-only mount. What git does there for
# any file works for checkpoints, and nothing is written.
. "$(dirname "$0")/lib.sh"
[ "$(id -u)" = 0 ] || skip "needs root, to be somebody else"
command -v setpriv >/dev/null || skip "no setpriv"

chmod 755 "$sandbox" "$HOME"
git config --global safe.directory '*'
chmod 644 "$GIT_CONFIG_GLOBAL"
# somebody COMMAND…: as a user who owns nothing here.
somebody() { setpriv --reuid=12345 --regid=12345 --clear-groups "$@"; }
somebody test -x "$MGIT_BIN" || skip "others may not run $MGIT_BIN"

colleagues() {
  chmod 755 .
  make_repository repo
  make_checkpoint model.safetensors 1
  make_checkpoint large.safetensors 2 w=1536,1024
  echo text >plain.txt
  commit_all "one"
  make_checkpoint model.safetensors 3
  commit_all "two"
  find .git | sort >../before
  sleep 1.1
}
# reads: what one does without writing, by COMMAND… which comes before each.
reads() {
  ok "$@" git status --porcelain
  equal "$errors" "" "git status"
  equal "$output" "$state"
  ok "$@" git diff HEAD~1
  contains "$output" "fc1.weight"
  ok "$@" git diff
  ok "$@" git log -p
  ok "$@" git blame model.safetensors
  ok "$@" git archive HEAD
  ok "$@" git grep -c "checkpoint 1" HEAD
  ok "$@" mgit status --porcelain
  equal "$output" "$state"
  ok "$@" mgit ls HEAD
  ok "$@" mgit diff HEAD~1
  ok "$@" mgit fsck
  equal "$("$@" git cat-file --filters HEAD:large.safetensors | digest /dev/stdin)" "$large"
}

scenario "somebody else's, with stale stat data, and with changes"
colleagues
chmod -R a+rX,go-w "$PWD"
large=$(digest large.safetensors)
touch model.safetensors large.safetensors plain.txt
state=
reads somebody
make_checkpoint model.safetensors 4
make_checkpoint large.safetensors 5 w=1536,1024
state=" M large.safetensors
 M model.safetensors"
reads somebody
find .git | sort >../after
same_file ../after ../before
run somebody mgit add model.safetensors
differ "$status" 0 "mgit add"
contains "$errors" "ermission denied"
run somebody git add model.safetensors
differ "$status" 0 "git add"
equal "$(git diff --cached --name-only)" ""
# The owner still can.
ok mgit add -A
ok git commit -q -m "three"

scenario "a store that cannot be written, where git can write: no manifest without its objects"
colleagues
chmod -R a+rwX "$PWD"
chmod -R go-w .git/mgit
make_checkpoint model.safetensors 4
run somebody git add model.safetensors
differ "$status" 0 "git add"
contains "$errors" "ermission denied"
run somebody mgit add model.safetensors
differ "$status" 0 "mgit add"

scenario "a read-only mount"
colleagues
large=$(digest large.safetensors)
touch model.safetensors plain.txt
mounted=$PWD
mount --bind "$mounted" "$mounted" 2>/dev/null || skip "nothing can be mounted here"
trap 'ended=$?; cd /; umount "$mounted" || umount -l "$mounted"; (exit $ended); _finish' EXIT
cd "$mounted"
mount -o remount,bind,ro "$mounted" 2>/dev/null || skip "nothing can be mounted to read only"
state=
reads env
fails_with 128 "ead-only file system" mgit add --force model.safetensors

scenario "a repository that a group shares: what mgit makes is the group's, too"
# writable BITS: of all files and directories below .git/mgit.
writable() { equal "$(find .git/mgit ! -perm "-$1" -printf '%m %p\n')" "" "$1"; }
git init -q --shared=group shared
cd shared
umask 022
ok mgit install
make_checkpoint model.safetensors 1
ok mgit track '*.safetensors'
commit_all one
git switch -q -c feature
make_checkpoint model.safetensors 2
commit_all two
git switch -q main
ok mgit rebase feature onto main
ok mgit merge --no-edit feature
ok mgit lineage
ok mgit gc
writable 0060
equal "$(find .git/mgit -type d ! -perm -2070)" "" "directories hand on their group"
equal "$(stat -c %a model.safetensors)" 644 "the working tree follows the umask"
git init -q --shared=0640 ../mode
cd ../mode
ok mgit install
make_checkpoint model.safetensors 1
ok mgit track '*.safetensors'
commit_all one
ok mgit lineage
equal "$(find .git/mgit -type f ! -perm 640 ! -name install.json ! -name config.before)" "" "0640"
