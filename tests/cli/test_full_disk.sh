#!/usr/bin/env bash
# A disk that is really full: a small tmpfs. Commands fail with a word about it, nothing that was
# committed is lost, and everything works again once there is room.
. "$(dirname "$0")/lib.sh"

disk=$sandbox/disk
mkdir "$disk"
mount -t tmpfs -o size=32m tmpfs "$disk" 2>/dev/null || skip "no tmpfs can be mounted here (needs root)"
trap 'ended=$?; cd /; umount "$disk" || umount -l "$disk"; (exit $ended); _finish' EXIT

# train SEED: new content of the same size, in place: the file itself needs no more room.
train() {
  python3 - model.safetensors "$1" <<'PYTHON'
import json, os, random, struct, sys
path, size = sys.argv[1], 4 << 20
head = json.dumps({"w": {"dtype": "U8", "shape": [size], "data_offsets": [0, size]}}).encode()
content = struct.pack("<Q", len(head)) + head + random.Random(int(sys.argv[2])).randbytes(size)
file = os.open(path, os.O_WRONLY | os.O_CREAT, 0o644)
assert os.write(file, content) == len(content)
PYTHON
}
fill() { dd if=/dev/zero of="$disk/filler" bs=4k 2>/dev/null || true; }

# says_why: the last command failed, said that there is no space, and did not crash.
says_why() {
  checks=$((checks + 1))
  case $status in 1 | 128 | 129 | 255) ;; *) fail "status $status of $1" "$errors" ;; esac
  case $errors in
  *"o space left"* | *"disk is full"* | *"ut of diskspace"* | *"unable to write file"*) ;;
  *) fail "$1 did not say that the disk is full" "$errors" ;;
  esac
}

# read_back: every commit's checkpoint reads back; its digest stands in the message.
read_back() {
  local commit found
  for commit in $(git rev-list --all); do
    checks=$((checks + 1))
    found=$(git cat-file --filters "$commit:model.safetensors" | sha256sum | cut -d' ' -f1)
    case $(git log -1 --format=%s "$commit") in
    *"$found"*) ;;
    *) fail "$commit does not read back $1" ;;
    esac
  done
}
nothing_lost() {
  ok git fsck --no-dangling
  ok mgit fsck
  read_back "$1"
}

scenario "adding until the disk is full"
make_repository "$disk/repo"
commits=0
while [ "$commits" -lt 20 ]; do
  train "$commits"
  run mgit add -A
  [ "$status" = 0 ] || break
  ok git commit -q -m "$commits $(digest model.safetensors)"
  commits=$((commits + 1))
done
says_why "mgit add"
[ "$commits" -ge 3 ] || fail "full after $commits commits only"
nothing_lost "after mgit add"
run git add model.safetensors
says_why "git add"
nothing_lost "after git add"
rm model.safetensors # as young as the index, git would pass it through the filter, for which there is no room
git checkout -q -f HEAD
equal "$(digest model.safetensors)" "$(git log -1 --format=%s | cut -d' ' -f2)"

# refused COMMAND…: on a disk without a free block.
refused() {
  fill
  run "$@"
  [ "$status" = 0 ] || says_why "$*"
  read_back "without a free block, after $*"
  rm "$disk/filler"
  nothing_lost "after $*"
  find .git -name '*.lock' -not -path '*/mgit/*' >"$sandbox/locks"
  equal "$(cat "$sandbox/locks")" "" "locks after $*"
}

scenario "commands on a disk without a free block"
cd "$disk/repo"
refused mgit checkout -q HEAD~1
git checkout -q -f main
refused git checkout -q HEAD~1
git checkout -q -f main
refused mgit restore --source HEAD~1 -- model.safetensors
git checkout -q -f main
refused mgit gc --prune=now
# No spec fits this network, which may be found out before room is needed.
fill
fails_with 128 "fatal: " mgit rebase HEAD~1
rm "$disk/filler"
nothing_lost "after mgit rebase"

scenario "room again"
cd "$disk/repo"
git checkout -q -f main
git reset -q --hard HEAD~2
git reflog expire --expire=now --all
git update-ref -d ORIG_HEAD
ok mgit prune  # gc would put packs together, for which it needs room first
nothing_lost "after prune"
train 99
wanted=$(digest model.safetensors)
ok mgit add -A
ok git commit -q -m "again $wanted"
nothing_lost "with room again"
ok mgit checkout -q HEAD~1
ok mgit checkout -q main
equal "$(digest model.safetensors)" "$wanted"
equal "$(git status --porcelain)" ""

# half_full: room for git's part, but not for a model.
half_full() {
  fill
  truncate -s -1M "$disk/filler"
}

scenario "a full disk at the other end of a push, or at this one of a clone"
rm -rf "$disk"/*
make_repository ours
train 1
git add -A
git commit -q -m "1 $(digest model.safetensors)"
cat >ssh <<'SSH'
#!/bin/sh
while :; do
  case $1 in
  -s) sftp=yes && shift ;;
  -o) shift 2 ;;
  *) break ;;
  esac
done
shift
[ -z "${sftp:-}" ] || exec /usr/lib/openssh/sftp-server
[ -z "${FAR_WITHOUT_MGIT:-}" ] || case $* in mgit\ *) exit 127 ;; esac
exec sh -c "$*"
SSH
chmod +x ssh
export GIT_SSH=$PWD/ssh GIT_SSH_VARIANT=ssh
for kind in path ssh sftp; do
  git init -q --bare "$disk/far.git"
  url=$disk/far.git
  [ $kind = path ] || url=host:$disk/far.git
  unset FAR_WITHOUT_MGIT
  if [ $kind = sftp ]; then
    [ -x /usr/lib/openssh/sftp-server ] || { not_run "no sftp-server (openssh-sftp-server)" && continue; }
    export FAR_WITHOUT_MGIT=yes
  fi
  half_full
  run mgit push -q "$url" main
  differ "$status" 0 "a push to a full disk by $kind"
  # SFTP, version 3, has one word for every failure.
  [ $kind = sftp ] && contains "$errors" "is refused: Failure" || says_why "a push by $kind"
  equal "$(git -C "$disk/far.git" for-each-ref)" "" "refs after it"
  rm "$disk/filler"
  ok mgit push -q "$url" main
  half_full
  run mgit clone -q "$url" "$disk/clone"
  contains "$errors" "o space left"
  rm "$disk/filler"
  ok mgit -C "$disk/clone" fetch
  same_file "$disk/clone/model.safetensors" model.safetensors
  equal "$(git -C "$disk/clone" status --porcelain)" ""
  rm -rf "$disk"/*
done
