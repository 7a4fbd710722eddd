#!/usr/bin/env bash
# mgit checkout, switch, restore and reset: what git's own give, without the filter's pipe.
. "$(dirname "$0")/lib.sh"

two_models() {
  make_repository
  make_checkpoint model.safetensors 1
  make_checkpoint big.safetensors 3 weight=3000000@0.5 bias=7
  echo one >notes
  commit_all one
  git switch -q -c other
  make_checkpoint model.safetensors 2
  make_checkpoint big.safetensors 4 weight=3000000@0.25 bias=9
  echo two >notes
  commit_all two
  first=$(git archive main model.safetensors | tar -xO | sha256sum)
  first_big=$(git archive main big.safetensors | tar -xO | sha256sum)
  second=$(sha256sum <model.safetensors)
  second_big=$(sha256sum <big.safetensors)
}
is_one() {
  equal "$(sha256sum <model.safetensors)" "$first" "model of main"
  equal "$(sha256sum <big.safetensors)" "$first_big" "big model of main"
}
is_two() {
  equal "$(sha256sum <model.safetensors)" "$second" "model of other"
  equal "$(sha256sum <big.safetensors)" "$second_big" "big model of other"
}
# filter_reads FILE COMMAND…: how often git hands the file to the filter. (It reads small files again that are as young
# as the index.)
filter_reads() { GIT_TRACE_PACKET=1 "${@:2}" 2>&1 | grep -ac "git> pathname=$1" || true; }

scenario "switching, and a status that does not read the large file again"
two_models
ok mgit switch main
contains "$errors" "Switched to branch 'main'"
is_one
equal "$(cat notes)" one
equal "$(git status --porcelain)" ""
equal "$(find .git -maxdepth 1 \( -name "index?*" -o -name mgit-checkout -o -name ".mgit-*" \))" "" "left over"
rm big.safetensors
ok mgit checkout -- big.safetensors
git update-index -q --refresh
equal "$(filter_reads big.safetensors git status)" 0 "git status ran the filter"
ok mgit checkout -q other
is_two
ok mgit checkout -q -b third main
is_one
equal "$(git symbolic-ref HEAD)" refs/heads/third
fails_with 128 "invalid reference" mgit switch nowhere
fails_with 1 "did not match" mgit checkout -- nowhere
ok git fsck --strict

scenario "restoring, from the index and from elsewhere; resetting"
two_models
rm model.safetensors
cd "$(mkdir -p sub && echo sub)"
ok mgit restore ../model.safetensors
cd ..
is_two
equal "$(git status --porcelain)" ""
ok mgit restore --source main model.safetensors big.safetensors
is_one
equal "$(git status --porcelain)" " M big.safetensors
 M model.safetensors"
ok mgit restore .
is_two
ok mgit reset -q --hard main
is_one
equal "$(git status --porcelain)" ""
make_checkpoint model.safetensors 9
fails_with 1 "would be overwritten" mgit checkout "$(git rev-parse 'HEAD@{1}')"
ok mgit checkout -f -q "$(git rev-parse 'HEAD@{1}')"
is_two

scenario "the executable bit, unusual names, other worktrees, sparse checkout, line ends"
make_repository repo
make_checkpoint "a ü name.safetensors" 1
chmod +x "a ü name.safetensors"
mkdir left out
make_checkpoint left/model.safetensors 2
make_checkpoint out/model.safetensors 3
commit_all one
wanted=$(sha256sum <"a ü name.safetensors")
git config core.autocrlf true
rm "a ü name.safetensors"
ok mgit checkout .
equal "$(sha256sum <"a ü name.safetensors")" "$wanted"
equal "$(stat -c %A "a ü name.safetensors" | cut -c4)" x
equal "$(git status --porcelain)" ""
git worktree add -q --no-checkout ../second -b second
cd ../second
ok mgit reset -q --hard
equal "$(sha256sum <"a ü name.safetensors")" "$wanted"
equal "$(git status --porcelain)" ""
git sparse-checkout set --no-cone /left
ok mgit checkout second
[ ! -e out/model.safetensors ] || fail "a file outside the sparse checkout"
is_no_manifest left/model.safetensors
equal "$(git status --porcelain)" ""

scenario "lost objects leave the manifest, damaged ones no file"
two_models
cp -r .git/mgit ../kept
rm -rf .git/mgit
ok mgit switch main
contains "$errors" "warning: model.safetensors: tensor objects are not here"
is_manifest model.safetensors
rm -rf .git/mgit
cp -r ../kept .git/mgit
ok mgit checkout -f -q other
is_two
chmod u+w .git/mgit/packs/*
python3 - <<'PYTHON'
import glob
for name in glob.glob(".git/mgit/packs/*.pack"):
    data = bytearray(open(name, "rb").read())
    for at in range(200, len(data), 50): data[at] ^= 0x40
    open(name, "wb").write(data)
PYTHON
fails_with 128 "error: model.safetensors" mgit switch main
equal "$(git status --porcelain)" " D big.safetensors
 D model.safetensors"

scenario "somebody else's post-checkout hook sees checkpoints"
two_models
printf '#!/bin/sh\nhead -c 17 model.safetensors >seen\n' >.git/hooks/post-checkout
chmod +x .git/hooks/post-checkout
ok mgit switch main
is_no_manifest seen
is_one

scenario "kill -9 at every step: nothing half-written, and repaired by either checkout"
two_models
survived=
for n in $(seq 1 60); do
  run env MGIT_KILL_AT=$n mgit switch main
  [ "$status" != 0 ] || { survived=1; break; }
  for file in model big; do
    [ -e $file.safetensors ] || continue
    case "$(sha256sum <$file.safetensors)" in
      "$first" | "$second" | "$first_big" | "$second_big") ;;
      *) is_manifest $file.safetensors ;;
    esac
  done
  [ "$(git symbolic-ref HEAD)" != refs/heads/main ] || {
    differ "$(git status --porcelain)" "" "status after kill $n"
  }
  if [ $((n % 2)) = 0 ]; then
    ok mgit checkout -q -f main
  else
    rm -f .git/index.lock
    ok git checkout -q -f main
  fi
  is_one
  equal "$(git status --porcelain -uno)" "" "after the repair"
  rm -f .mgit-* .git/.mgit-* .git/index.lock
  ok mgit checkout -q -f other
  is_two
done
equal "$survived" 1 "never survived"
is_one
