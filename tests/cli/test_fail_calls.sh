#!/usr/bin/env bash
# Every write, fsync, creation and rename of mgit, SQLite and libgit2 fails once, or from then on, for
# every operation that writes. Afterwards nothing that was there is lost, and the operation works when
# the disk does. MGIT_FAULT_STRIDE=1 tries every call (./dev stress does); by default every 60th.
# MGIT_FAULT_ONLY chooses operations: a pattern for their titles.
. "$(dirname "$0")/lib.sh"
stride=${MGIT_FAULT_STRIDE:-60}
RANDOM=1
library=$MGIT_BUILD/lib/libfail_calls.so
[ -e "$library" ] || skip "no $library"
! ldd "$MGIT_BIN" | grep -q libasan || skip "a sanitizer and LD_PRELOAD do not go together"
export FAIL_CALLS_COUNTER=$sandbox/counter FAIL_CALLS_LOG=$sandbox/failed

# with_faults AT MODE ERRNO COMMAND…: what `run` sets, and $calls, the calls made.
with_faults() {
  export FAIL_CALLS_AT=$1 FAIL_CALLS_MODE=$2 FAIL_CALLS_ERRNO=$3
  shift 3
  head -c 8 /dev/zero >"$FAIL_CALLS_COUNTER"
  : >"$FAIL_CALLS_LOG"
  run env LD_PRELOAD="$library" "$@"
  calls=$(($(od -An -td8 "$FAIL_CALLS_COUNTER")))
}

# committed MESSAGE: commits everything; the message holds the checkpoint's digest.
committed() {
  git add -A
  git commit -q -m "$1 $(digest model.safetensors)"
}

# nothing_lost: in this repository everything is sound, and committed checkpoints read back.
nothing_lost() {
  local commit message found
  run git fsck --strict --no-dangling
  equal "$status" 0 "git fsck $what"
  run mgit fsck
  equal "$status" 0 "mgit fsck $what"
  equal "$(find "$(git rev-parse --git-common-dir)" -name '*.lock' -not -path '*/mgit/*')" "" "locks left $what"
  for commit in $(git rev-list --all --reflog -- model.safetensors); do
    checks=$((checks + 1))
    message=$(git log -1 --format=%s "$commit")
    found=$(git cat-file --filters "$commit:model.safetensors" 2>&1 | sha256sum | cut -d' ' -f1)
    case $message in
    *"$found"* | "Notes added"* | *merged*) ;;
    *)
      if git log -1 --format=%B "$commit" | grep -q ^Mgit-Rebase; then continue; fi
      fail "$commit does not read back $what" "$message $found"
      ;;
    esac
  done
}

# one_fault AT MODE ERRNO: the operation, in a fresh copy of what was prepared, and what must hold then.
one_fault() {
  local place errors_then status_then
  what="(call $1, $2, errno $3)"
  cd "$sandbox"
  rm -rf work
  cp -a template work
  cd work
  cd "${place_of_work:-.}"
  with_faults "$1" "$2" "$3" "${operation[@]}"
  status_then=$status
  errors_then=$errors
  [ ! -s "$FAIL_CALLS_LOG" ] || what="(call $(head -1 "$FAIL_CALLS_LOG"), $2, errno $3)"
  checks=$((checks + 1))
  case $errors_then in
  *"terminate called"* | *"died of signal"* | *"ignal 11"* | *"Aborted"*) fail "crashed $what" "$errors_then" ;;
  esac
  if [ "$status_then" -gt 129 ]; then fail "status $status_then $what" "$errors_then"; fi
  if [ "$status_then" != 0 ]; then
    grep -qE '^(fatal|error): ' <<<"$errors_then" || fail "not a word $what" "$errors_then"
  fi
  repositories nothing_lost
  if [ "$status_then" != 0 ]; then
    again
    equal "$status" 0 "the second try $what" "$errors"
  fi
  finished
}
repositories() { "$@"; }
again() { run "${operation[@]}"; }

# faults TITLE COMMAND…: `prepare` has been run in template; fails each call of the command.
faults() {
  current=$1
  shift
  case $current in ${MGIT_FAULT_ONLY:-*}) ;; *) return 0 ;; esac
  operation=("$@")
  local at first tried=0
  one_fault 0 once 0
  local total=$calls
  one_fault 1 short 0
  first=$((1 + RANDOM % stride))
  for at in $(seq "$first" "$stride" "$total"); do
    one_fault "$at" once 28
    one_fault "$at" on 28
    tried=$((tried + 2))
  done
  for at in $(seq "$((1 + RANDOM % stride))" "$((2 * stride))" "$total"); do
    one_fault "$at" once 5
    tried=$((tried + 1))
  done
  echo "-- $current: $total calls, $tried faults"
}

# prepare: a new template to fill; the caller goes on in it.
prepare() {
  cd "$sandbox"
  rm -rf template
  mkdir template
  cd template
  place_of_work=
  repositories() { "$@"; }
  again() { run "${operation[@]}"; }
}

# three_versions: main with two, feature with one of another training; main is checked out.
three_versions() {
  prepare
  make_repository
  make_checkpoint model.safetensors 1
  committed one
  git switch -q -c feature
  make_checkpoint model.safetensors 2
  committed feature
  git switch -q main
  ADD=0.01 make_checkpoint model.safetensors 1
  committed two
}
is() { equal "$(digest model.safetensors)" "$1" "the file $what"; }
told() { git log -1 --format=%s "$1" | sed 's/.* //'; }

three_versions
make_checkpoint model.safetensors 3
new=$(digest model.safetensors)
finished() {
  is "$new"
  ok git commit -q -m "new $new"
  nothing_lost
  equal "$(git status --porcelain)" "" "status $what"
}
faults "mgit add" mgit add model.safetensors
faults "git add" git add model.safetensors

git -C "$sandbox/template" add model.safetensors
finished() {
  equal "$(git log -1 --format=%s)" "new $new" "the commit $what"
  equal "$(git status --porcelain)" "" "status $what"
}
again() { run git commit -q -m "new $new"; }
faults "git commit" git commit -q -m "new $new"

three_versions
feature=$(told feature)
finished() {
  equal "$(git symbolic-ref --short HEAD)" feature "branch $what"
  is "$feature"
  equal "$(git status --porcelain)" "" "status $what"
}
faults "git checkout" git checkout -q feature

again() {
  run git reset -q # where HEAD has moved and the index could not be replaced, as the message says
  run "${operation[@]}"
}
faults "mgit checkout" mgit checkout -q feature

three_versions
previous=$(told main~1)
finished() { is "$previous"; }
faults "mgit restore" mgit restore --source HEAD~1 -- model.safetensors
finished() {
  is "$previous"
  equal "$(git rev-parse HEAD)" "$old" "HEAD $what"
  equal "$(git status --porcelain)" "" "status $what"
}
old=$(git -C "$sandbox/template" rev-parse HEAD~1)
faults "mgit reset" mgit reset -q --hard "$old"

# Of three packs one has nothing that is wanted, and one a part.
with_garbage() {
  three_versions
  make_checkpoint model.safetensors 8
  git add model.safetensors
  git reset -q --hard
  make_checkpoint more.safetensors 9
  make_checkpoint model.safetensors 8
  git add -A
  git rm -q --cached model.safetensors
  git reset -q
  rm more.safetensors
  git checkout -q -- model.safetensors
}
with_garbage
finished() { nothing_lost; }
faults "mgit gc" mgit gc --quiet --prune=now
faults "mgit prune" mgit prune
rm "$sandbox"/template/.git/mgit/objects.db*
faults "mgit fsck --rebuild" mgit fsck --rebuild

two_trainings() {
  three_versions
  git switch -q feature
}
two_trainings
finished() {
  contains "$(git log -1 --format=%B)" "Mgit-Rebase:"
  equal "$(git status --porcelain)" "" "status $what"
}
again() {
  git reset -q --hard
  run mgit rebase main
}
faults "mgit rebase" mgit rebase main
finished() {
  contains "$(git log -1 --format=%B)" "Mgit-Merge:"
  equal "$(git status --porcelain)" "" "status $what"
}
again() {
  run git merge --abort
  git reset -q --hard feature
  run mgit merge -m merged main
}
faults "mgit merge" mgit merge -m merged main

prepare
git init -q .
make_checkpoint model.safetensors 1
committed one
make_checkpoint model.safetensors 2
committed two
old=$(git rev-parse main)
finished() {
  contains "$(git cat-file -p main:model.safetensors)" "mgit checkpoint 1"
  contains "$(git cat-file -p main~1:model.safetensors)" "mgit checkpoint 1"
}
faults "mgit migrate import" mgit migrate import --everything
mgit migrate import -q --everything >/dev/null 2>&1 || mgit migrate import --everything >/dev/null
finished() { equal "$(git rev-parse main)" "$old" "as before the import $what"; }
faults "mgit migrate export" mgit migrate export --everything

# one has two commits; remote.git the first of them, and so has two.
two_repositories() {
  prepare
  git init -q --bare remote.git
  mgit init -q one >/dev/null 2>&1
  cd one
  make_checkpoint model.safetensors 1
  committed one
  git remote add origin ../remote.git
  git push -q -u origin main
  cd ..
  mgit clone -q remote.git two
  cd one
  make_checkpoint model.safetensors 2
  committed two
  new=$(digest model.safetensors)
  cd ..
  repositories() { (cd "$sandbox/work/one" && "$@"); (cd "$sandbox/work/two" && "$@"); }
}
two_repositories
place_of_work=one
finished() { same_content ../remote.git main; }
same_content() {
  equal "$(git -C "$1" rev-parse "$2")" "$(git -C "$sandbox/work/one" rev-parse main)" "branch $what"
  run mgit clone -q "$1" "$sandbox/work/third"
  equal "$(digest "$sandbox/work/third/model.safetensors")" "$new" "from $1 $what"
}
faults "git push" git push -q origin main
faults "mgit push" mgit push -q origin main
(cd "$sandbox/template/one" && git push -q origin main)
place_of_work=two
finished() {
  rm -rf ../remote.git
  ok git merge -q --ff-only origin/main
  is "$new"
}
faults "mgit fetch" mgit fetch -q
finished() {
  ok mgit fetch -q  # a pull that could not get the objects has left the manifest, and said so
  rm -rf ../remote.git
  is "$new"
}
faults "git pull" git pull -q --ff-only
place_of_work=.
finished() { equal "$(digest "$sandbox/work/clone/model.safetensors")" "$new" "cloned $what"; }
again() {
  rm -rf clone  # as after a git clone that could not check out
  run "${operation[@]}"
}
faults "mgit clone" mgit clone -q remote.git clone

prepare
finished() {
  cd new
  make_checkpoint model.safetensors 1
  ok git add -A
  ok git commit -q -m one
  contains "$(git cat-file -p HEAD:model.safetensors)" "mgit checkpoint 1"
}
repositories() { :; }
faults "mgit init" mgit init -q new
