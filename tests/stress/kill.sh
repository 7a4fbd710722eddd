#!/usr/bin/env bash
# kill.sh [KILLS [SEED]]: two writers in two worktrees of one repository, and a collector, are killed
# with -9 at random instants while they add, commit, check out, rebase and collect garbage. After each
# kill git fsck and mgit fsck must be clean and committed checkpoints read back bit for bit: a few each
# time, all of them every 25 kills and at the end.
. "$(dirname "$0")/../cli/lib.sh"
wanted=${1:-200}
seed=${2:-$$}
RANDOM=$seed
echo "seed $seed"

scenario "$wanted kills"
make_repository one
make_checkpoint model.safetensors 1
git add -A
git commit -q -m "base $(digest model.safetensors)"
base=$(git rev-parse HEAD)
git branch b
git worktree add -q ../two b
cd ..

# One writer's turn, in its worktree: train, add, commit; or rebase onto the base; or look around.
turn() {
  local tree=$1 action=$2 number=$3
  cd "$tree"
  case $action in
  commit | add)
    cp "../new.$tree" model.safetensors
    if [ "$action" = add ]; then mgit add model.safetensors; else git add model.safetensors; fi
    git commit -q -m "$number $(digest model.safetensors)"
    ;;
  rebase) mgit rebase "$base" ;;
  checkout) git checkout -q "$(git rev-list --branches | shuf -n1)" -- model.safetensors ;;
  collect) mgit gc --prune=now ;;
  esac
}
export -f turn digest
export base

# stopped GROUP: kills it and waits; true if there was something to kill.
stopped() {
  local killed=1
  kill -9 -- "-$1" 2>/dev/null && killed=0
  wait "$1" 2>/dev/null || true
  return $killed
}

# reads_back COMMIT: its checkpoint is what its message says; a rebased one is whole.
reads_back() {
  checks=$((checks + 1))
  local message found
  message=$(git -C one log -1 --format=%B "$1")
  git -C one cat-file --filters "$1:model.safetensors" >read 2>read.errors || true
  found=$(digest read)
  case $message in
  "Notes added"*) return 0 ;;
  *Mgit-Rebase*) [ "$(stat -c %s read)" = "$(stat -c %s new.one)" ] && return 0 ;;
  *"$found"*) return 0 ;;
  esac
  fail "commit $1 does not read back (seed $seed)" "$message $found $(cat read.errors)"
}
commits() { git -C one rev-list --all --reflog --not --glob='refs/notes/*'; }

recover() {
  find one/.git -name '*.lock' -not -path '*/mgit/*' -delete
  local tree
  for tree in one two; do
    git -C $tree rebase --abort 2>/dev/null || true
    git -C $tree reset -q --hard 2>"$sandbox/reset" || fail "reset (seed $seed)" "$(cat "$sandbox/reset")"
  done
  return 0
}

kills=0
round=0
declare -A per_action
make_checkpoint new.one 2
while [ "$kills" -lt "$wanted" ] && [ "$failures" = 0 ]; do
  round=$((round + 1))
  actions=(commit add commit add checkout rebase)
  groups=()
  names=()
  for tree in one two; do
    make_checkpoint new.$tree $((RANDOM * 32768 + RANDOM))
    names+=("${actions[RANDOM % 6]}")
    setsid bash -c 'turn "$@"' turn $tree "${names[-1]}" $round >/dev/null 2>&1 &
    groups+=($!)
  done
  if [ $((RANDOM % 2)) = 0 ]; then
    names+=(collect)
    setsid bash -c 'turn "$@"' turn one collect $round >/dev/null 2>&1 &
    groups+=($!)
  fi
  sleep "0.$(printf '%03d' $((RANDOM % 400)))"
  for i in "${!groups[@]}"; do
    if stopped "${groups[i]}"; then
      kills=$((kills + 1))
      per_action[${names[i]}]=$((${per_action[${names[i]}]:-0} + 1))
    fi
  done
  recover
  run git -C one fsck --no-dangling
  equal "$status" 0 "git fsck (seed $seed, round $round)"
  run bash -c 'cd one && mgit fsck'
  equal "$status$output" 0 "mgit fsck (seed $seed, round $round)"
  for commit in $(commits | head -3) $(commits | shuf -n2); do reads_back "$commit"; done
  if [ $((round % 25)) = 0 ]; then for commit in $(commits); do reads_back "$commit"; done; fi
done
for commit in $(commits); do reads_back "$commit"; done
run bash -c 'cd one && mgit fsck --full'
equal "$status$output" 0 "mgit fsck --full"
echo "$kills kills in $round rounds:$(for name in "${!per_action[@]}"; do echo -n " $name ${per_action[$name]}"; done);" \
  "$(commits | wc -l) commits read back"
