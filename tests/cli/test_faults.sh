#!/usr/bin/env bash
# Bad input, lost and damaged objects, kills: one clear line, a status other than 0, nothing changed.
. "$(dirname "$0")/lib.sh"

state() { git for-each-ref; git status --porcelain; git ls-files -s; }

# one_line: the errors of the last command are one line of "fatal:" or "error:", and hints.
one_line() {
  checks=$((checks + 1))
  local lines
  lines=$(printf '%s\n' "$errors" | grep -cv '^hint: ')
  [ "$lines" = 1 ] || fail "$lines lines instead of one" "$errors"
}

scenario "lying safetensors headers"
make_repository
commit_all start
python3 - <<'PYTHON'
import json, struct
def write(name, header, data=b"\0" * 16, length=None):
    head = header if isinstance(header, bytes) else json.dumps(header).encode()
    open(name + ".safetensors", "wb").write(struct.pack("<Q", len(head) if length is None else length) + head + data)
t = lambda begin, end, shape=(2,), dtype="F32": {"dtype": dtype, "shape": list(shape), "data_offsets": [begin, end]}
write("overlapping", {"a": t(0, 8), "b": t(4, 12)})
write("out-of-range", {"a": t(0, 8), "b": t(16, 24)})
write("huge-header", {"a": t(0, 8)}, length=2**63)
write("long-header", {"a": t(0, 8)}, length=10**6)
write("duplicate", b'{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"a":{"dtype":"F32","shape":[2],"data_offsets":[8,16]}}')
write("bad-json", b'{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}')
write("deep-json", b'[' * 100000)
write("wrong-size", {"a": t(0, 12)})
write("backwards", {"a": t(8, 0)})
write("overflow", {"a": t(0, 8, (2**62, 2**62))})
write("unknown-dtype", {"a": t(0, 8, dtype="F33")})
write("negative", b'{"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}')
write("not-an-object", b'[1,2]')
open("truncated.safetensors", "wb").write(open("overlapping.safetensors", "rb").read()[:20])
open("tiny.safetensors", "wb").write(b"abc")
open("empty.safetensors", "wb").write(b"")
PYTHON
before=$(state)
for file in *.safetensors; do
  fails_with 128 "$file" mgit add "$file"
  one_line
  fails_with 128 "$file" git add "$file"
  equal "$(state)" "$before" "after $file"
done

scenario "one broken file among good ones stages nothing"
make_repository
make_checkpoint good.safetensors 1
printf 'junk junk junk' >broken.safetensors
before=$(state)
fails_with 128 broken.safetensors mgit add .
equal "$(state)" "$before"

# lose_objects: empties the store, as if it had never been fetched.
lose_objects() { rm -rf .git/mgit; }

# damage BYTES_FROM_END…: flips one byte in every pack.
damage() {
  python3 - <<'PYTHON'
import glob, os
for pack in glob.glob(".git/mgit/packs/*.pack"):
    os.chmod(pack, 0o644)
    data = bytearray(open(pack, "rb").read())
    for at in range(len(data) // 7, len(data), max(1, len(data) // 7)): data[at] ^= 0x40
    open(pack, "wb").write(data)
PYTHON
}

two_models() {
  make_repository
  make_checkpoint model.safetensors 1
  commit_all main
  git switch -q -c feature
  make_checkpoint model.safetensors 2
  commit_all feature
  git switch -q main
}

scenario "missing objects"
two_models
lose_objects
before=$(git for-each-ref)
fails_with 128 "not in this repository" mgit rebase feature onto main
one_line
fails_with 128 "" mgit merge feature
equal "$(git for-each-ref)" "$before"
run git switch feature
equal "$status" 0 "a checkout goes on, with the manifest"
contains "$errors" "left as a manifest"
is_manifest model.safetensors

scenario "damaged objects"
two_models
damage
before=$(git for-each-ref)
fails_with 1 "" mgit fsck
fails_with 128 "" mgit rebase feature onto main
equal "$(git for-each-ref)" "$before"
run git switch feature
differ "$status" 0 "checkout of a damaged checkpoint"

# kills COMMAND…: runs it with a kill at the 1st, 2nd … call that touches the disk, until it survives;
# `restore` sets up and `verify` checks each time.
kills() {
  local n
  for n in $(seq 1 200); do
    restore
    run env MGIT_KILL_AT=$n "$@"
    verify "$n"
    rm -f .git/index.lock
    [ "$status" != 0 ] || { echo "survives after $((n - 1)) kills"; return 0; }
  done
  fail "never survived: $*"
}
intact() {
  run git fsck --strict
  equal "$status" 0 "git fsck after kill $1"
  run mgit fsck
  equal "$status" 0 "mgit fsck after kill $1"
}

scenario "kill -9 in the middle of add"
restore() {
  cd "$sandbox" && rm -rf kill && mkdir kill && cd kill
  make_repository
  make_checkpoint old.safetensors 1
  commit_all old
  make_checkpoint new.safetensors 2
}
verify() {
  local killed=$status
  intact "$1"
  rm -f .git/index.lock old.safetensors
  git checkout -q -- old.safetensors
  is_no_manifest old.safetensors
  ok mgit add new.safetensors
  status=$killed
}
kills mgit add new.safetensors

scenario "kill -9 in the middle of rebase"
restore() {
  cd "$sandbox" && rm -rf kill && mkdir kill && cd kill
  two_models
  git switch -q feature
  cp model.safetensors ../theirs
}
verify() {
  local killed=$status
  intact "$1"
  rm -f .git/index.lock
  git reset -q --hard
  is_no_manifest model.safetensors
  ok mgit rebase main
  equal "$(git status --porcelain)" "" "after the second try"
  origin=$(git for-each-ref --format='%(objectname)' refs/mgit/origin | head -1)
  git checkout -q "$origin" -- model.safetensors
  same_file model.safetensors ../theirs
  status=$killed
}
kills mgit rebase main

scenario "kill -9 in the middle of merge"
restore() {
  cd "$sandbox" && rm -rf kill && mkdir kill && cd kill
  two_models
  cp model.safetensors ../ours
}
verify() {
  local killed=$status
  intact "$1"
  rm -f .git/index.lock
  if [ "$killed" != 0 ]; then
    run git merge --abort
    git reset -q --hard main
    same_file model.safetensors ../ours
    ok mgit merge --combine feature
  fi
  contains "$(git log -1 --format=%B)" "Mgit-Merge:"
  equal "$(git status --porcelain)" ""
  status=$killed
}
kills mgit merge --combine feature
