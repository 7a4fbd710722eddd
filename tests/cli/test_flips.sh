#!/usr/bin/env bash
# A flipped byte in what lies around the packs (unit/store has packs and the object index): found by
# fsck, or made anew, or harmless, and never in a checked-out file.
. "$(dirname "$0")/lib.sh"

make_template() {
  make_repository template
  make_checkpoint model.safetensors 1
  mgit add -A
  git commit -q -m one
  first=$(digest model.safetensors)
  make_checkpoint model.safetensors 2
  mgit add -A
  git commit -q -m two
  second=$(digest model.safetensors)
  manifest=$(git rev-parse HEAD~1:model.safetensors)
  mgit lineage >/dev/null
  cd ..
}

# flip FILE AT: another bit each time.
flip() {
  chmod u+w "$1"
  python3 -c 'import sys
at = int(sys.argv[2])
with open(sys.argv[1], "r+b") as file:
    file.seek(at); byte = file.read(1)[0]
    file.seek(at); file.write(bytes([byte ^ 1 << at % 8]))' "$1" "$2"
}

# sound WHAT: the working file is one of the two versions, a manifest, or not there.
sound() {
  checks=$((checks + 1))
  [ -e model.safetensors ] || return 0
  case $(digest model.safetensors) in "$first" | "$second") return 0 ;; esac
  [ "$(head -c 17 model.safetensors | tr -d '\0')" = "mgit checkpoint 1" ] || fail "wrong bytes checked out: $1"
}

# flips FILE COUNT: so many bytes, evenly spread; counts those that a fsck found in $found.
flips() {
  local size at
  size=$(stat -c %s "template/$1")
  tried=0
  found=0
  for at in $(seq 0 $((size / $2 + 1)) $((size - 1))); do
    rm -rf work
    cp -a template work
    cd work
    flip "$1" "$at"
    tried=$((tried + 1))
    run git fsck --no-dangling
    local by_git=$status
    run mgit fsck
    [ "$status" -le 129 ] || fail "fsck crashed: $1, byte $at" "$errors"
    if [ "$by_git" != 0 ] || [ "$status" != 0 ]; then found=$((found + 1)); fi
    run mgit checkout -q HEAD~1
    [ "$status" -le 129 ] || fail "checkout crashed: $1, byte $at" "$errors"
    sound "$1, byte $at"
    run git checkout -q -f main
    sound "$1, byte $at, by git"
    cd ..
  done
  echo "-- $current: $tried flips, $found found"
}

scenario "the manifest, a loose object"
make_template
flips ".git/objects/${manifest:0:2}/${manifest:2}" 20
equal "$found" "$tried" "flips found"

scenario "the object index"
make_template
flips .git/mgit/objects.db 8

scenario "the lineage index"
make_template
flips .git/mgit/lineage.db 8
ok git -C template mgit lineage

scenario "what is known to be finite"
make_template
cd template
make_checkpoint model.safetensors 3
mgit add -A
cp .git/mgit/cache/finite ../finite
git reset -q --hard
mkdir -p .git/mgit/cache
mv ../finite .git/mgit/cache/finite
cd ..
flips .git/mgit/cache/finite 6

scenario "the list of checkpoints still to be written"
make_template
printf 'model.safetensors\0' >template/.git/mgit-checkout
flips .git/mgit-checkout 6
