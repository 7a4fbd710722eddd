#!/usr/bin/env bash
# Two files with one content: on a file system with reflinks the second takes no room.
. "$(dirname "$0")/lib.sh"

# big_checkpoint FILE SEED: 8 MB.
big_checkpoint() {
  python3 - "$@" <<'PYTHON'
import json, random, struct, sys
size = 8 << 20
head = json.dumps({"w": {"dtype": "U8", "shape": [size], "data_offsets": [0, size]}}).encode()
with open(sys.argv[1], "wb") as file:
    file.write(struct.pack("<Q", len(head)) + head + random.Random(int(sys.argv[2])).randbytes(size))
PYTHON
}

# twins: main has one content under two names, with another one under the second name before it.
twins() {
  make_repository "$@"
  big_checkpoint best.safetensors 1
  cp best.safetensors step.safetensors
  commit_all "both"
  big_checkpoint step.safetensors 2
  commit_all "step"
  git switch -q -c empty
  git rm -q ./*.safetensors
  git commit -q -m "none"
  sleep 1.1
}

scenario "one content under two names"
twins
both=$(git rev-parse HEAD~2)
ok mgit checkout -q "$both"
same_file best.safetensors step.safetensors
equal "$(git status --porcelain)" ""
ok mgit checkout -q main
ok mgit checkout -q "$both"
same_file best.safetensors step.safetensors
equal "$(git status --porcelain)" ""

scenario "with reflinks it takes no room"
image=$sandbox/image
truncate -s 400M "$image"
mkfs.xfs -q -m reflink=1 "$image" 2>/dev/null || skip "no mkfs.xfs (xfsprogs)"
mkdir "$sandbox/xfs"
mount -o loop "$image" "$sandbox/xfs" 2>/dev/null || skip "nothing can be mounted here"
trap 'ended=$?; cd /; umount "$sandbox/xfs" || umount -l "$sandbox/xfs"; (exit $ended); _finish' EXIT
used() {
  sync
  df --output=used -k "$sandbox/xfs" | tail -1
}
twins "$sandbox/xfs/repo"
both=$(git rev-parse HEAD~2)
before=$(used)
ok mgit checkout -q "$both"
same_file best.safetensors step.safetensors
[ $(($(used) - before)) -lt $((3 * 8192 / 2)) ] || fail "two files of 8 MB take $(($(used) - before)) KiB"
equal "$(git status --porcelain)" ""
