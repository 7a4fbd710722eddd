#!/usr/bin/env bash
# SIGINT, SIGTERM and SIGHUP at every moment: no lock and no half-written file stays, nothing is lost,
# and the next command works.
. "$(dirname "$0")/lib.sh"

# interrupt SIGNAL WHEN COMMAND…: runs it and sends the signal when the Python expression WHEN holds
# (of `age`, in seconds); prints its exit status, negative for a signal. The command gets the signals'
# usual meaning, and a process group of its own, as on a terminal, where git hears of them, too.
cat >"$sandbox/interrupt.py" <<'PYTHON'
import os, signal, subprocess, sys, time
number, when, command = getattr(signal, sys.argv[1]), sys.argv[2], sys.argv[3:]
def usual():
    os.setpgrp()
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP): signal.signal(each, signal.SIG_DFL)
process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, preexec_fn=usual)
begin = time.time()
while process.poll() is None and time.time() - begin < 20:
    age = time.time() - begin
    if eval(when):
        os.killpg(process.pid, number)
        break
try:
    print(process.wait(timeout=20))
except subprocess.TimeoutExpired:
    process.kill()
    print("hangs")
PYTHON
interrupt() { python3 "$sandbox/interrupt.py" "$@"; }
locked='os.path.exists(".git/index.lock")'

# nothing_left WHAT: locks and temporary names. Refs are written by git update-ref, the working tree by git
# read-tree; the signal ends them as well. In the instant between making a lock and noting it, git itself
# leaves it, without a byte in it. Locks of mgit never are: they are marked before they have their name.
nothing_left() {
  find .git -name '*.lock' -empty -not -path './.git/mgit/*' -delete
  equal "$(find . \( -name '*.lock' -o -name '.mgit-*' \) -not -path './.git/mgit/*')" "" "left after $1"
}

scenario "mgit add"
make_repository
git add .gitattributes
git commit -q -m "attributes"
for i in $(seq 40); do make_checkpoint "model-$i.safetensors" "$i"; done
for signal in SIGINT SIGTERM SIGHUP; do
  for when in "$locked" "$locked" "$locked" "age > 0.01" "age > 0.02" "age > 0.04"; do
    for file in *.safetensors; do printf '\0' >>"notes-$file.pt"; done
    status=$(interrupt "$signal" "$when" mgit add -A)
    case $status in
    0 | -1 | -2 | -15) checks=$((checks + 1)) ;;
    *) fail "mgit add ended with $status after $signal" ;;
    esac
    nothing_left "mgit add, $signal when $when"
  done
done
ok git fsck
ok mgit add -A
ok git commit -q -m "one"
ok mgit fsck

scenario "a signal that the shell said to ignore"
make_repository
make_checkpoint model.safetensors 1 w=512,512
(
  trap '' INT
  mgit add model.safetensors &
  id=$!
  for _ in 1 2 3 4 5; do kill -INT $id 2>/dev/null || true; done
  wait $id
)
equal "$(git ls-files model.safetensors)" model.safetensors

# two_versions: main has versions 1, other versions 2, of six files.
two_versions() {
  make_repository
  for i in 1 2 3 4 5 6; do make_checkpoint "model-$i.safetensors" "$i" w=256,256; done
  echo one >text
  commit_all "one"
  one=$(cat model-*.safetensors text | digest /dev/stdin)
  git branch other
  git switch -q other
  for i in 1 2 3 4 5 6; do make_checkpoint "model-$i.safetensors" "1$i" w=256,256; done
  echo two >text
  commit_all "two"
  two=$(cat model-*.safetensors text | digest /dev/stdin)
  git switch -q main
}
now() { cat model-*.safetensors text | digest /dev/stdin; }

scenario "mgit switch, restore and reset"
two_versions
for signal in SIGINT SIGTERM; do
  for when in "$locked" "age > 0.03" "age > 0.05" "os.path.exists('.git/mgit-checkout')"; do
    for command in "switch other" "restore --source other -- ." "reset --hard other"; do
      # shellcheck disable=SC2086
      status=$(interrupt "$signal" "$when" mgit $command)
      differ "$status" hangs "mgit $command"
      nothing_left "mgit $command, $signal when $when"
      ok mgit checkout -q -f main
      ok git reset -q --hard "$(git rev-list --max-parents=0 main)"
      equal "$(now)" "$one" "after $command, $signal"
    done
  done
done
ok mgit switch -q other
equal "$(now)" "$two"
ok mgit fsck

scenario "mgit rebase and mgit merge"
make_repository
make_checkpoint model.safetensors 1
commit_all "base"
git switch -q -c feature-branch
make_checkpoint model.safetensors 2
commit_all "feature"
git switch -q main
make_checkpoint model.safetensors 3
commit_all "main"
feature=$(git rev-parse feature-branch)
main=$(git rev-parse main)
for when in "$locked" "age > 0.02" "age > 0.05" "age > 0.1" "age > 0.2"; do
  git switch -q feature-branch
  differ "$(interrupt SIGINT "$when" mgit rebase --trust-spec main)" hangs
  nothing_left "mgit rebase when $when"
  ok git reset -q --hard "$feature"
  git switch -q main
  differ "$(interrupt SIGINT "$when" mgit merge -m merged feature-branch)" hangs
  nothing_left "mgit merge when $when"
  git merge --abort 2>/dev/null || true
  ok git reset -q --hard "$main"
done
ok mgit fsck
ok git fsck

scenario "a lock that kill -9 left is nobody's; a living owner's is"
make_repository
make_checkpoint model.safetensors 1
commit_all "one"
make_checkpoint model.safetensors 2
run env MGIT_KILL_AT=100000 mgit add model.safetensors
equal "$status" 0
left=0
for n in $(seq 1 40); do
  make_checkpoint model.safetensors "$((10 + n))"
  run env MGIT_KILL_AT="$n" mgit add -A
  [ "$status" != 0 ] || break
  [ ! -e .git/index.lock ] || {
    left=$((left + 1))
    [ "$((left % 2))" = 0 ] || (mgit add -A & mgit add -A & wait) 2>/dev/null
  }
  ok mgit add -A
done
[ "$left" -gt 0 ] || fail "no kill left a lock"
equal "$(find .git -maxdepth 1 -name '*.lock')" ""
# A lock of git's is left alone, whoever made it.
: >.git/index.lock
make_checkpoint model.safetensors 99
fails_with 128 "cannot lock the index" mgit add -A
contains "$errors" "remove this file"
rm .git/index.lock
