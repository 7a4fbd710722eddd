#!/usr/bin/env bash
# Histories of every shape: what walks over them costs what they are long. Prints its times.
. "$(dirname "$0")/lib.sh"

# Times in microseconds, and how long ago they were.
now() { echo "${EPOCHREALTIME/[^0-9]/}"; }
milliseconds_since() { echo $((($(now) - $1) / 1000)); }
seconds_since() { local ms; ms=$(milliseconds_since "$1"); printf '%d.%03d' $((ms / 1000)) $((ms % 1000)); }

# within SECONDS COMMAND…: ok, and in that time at most; prints the time that it took.
within() {
  local limit=$1 begin
  begin=$(now)
  shift
  ok timeout "$limit" "$@"
  printf '   %6.2f s  %s\n' "$(seconds_since "$begin")" "$*"
}

# versions COUNT: as many checkpoints of one training, each a little further; their blobs in ${blobs[@]}.
versions() {
  local i
  blobs=()
  for ((i = 0; i < $1; ++i)); do
    ADD=$([ "$i" = 0 ] && echo 0 || echo 0.02) ADD_SEED=$i make_checkpoint model.safetensors "${2:-1}"
    git add model.safetensors
    blobs+=("$(git rev-parse :model.safetensors)")
  done
}

# import BRANCH: reads "MARK PARENTS BLOB MESSAGE…" lines (parents joined by commas, "-" for none; MESSAGE with
# \n) and makes these commits; the last one is the branch. Names of marks are numbers.
import() {
  python3 -c '
import sys
out = sys.stdout
for number, line in enumerate(sys.stdin):
    mark, parents, blob, message = line.rstrip("\n").split(" ", 3)
    message = message.replace("\\n", "\n")
    out.write("commit refs/heads/%s\nmark :%s\ncommitter A <a@example.com> %d +0000\ndata %d\n%s\n"
              % (sys.argv[1], mark, 1700000000 + number, len(message.encode()), message))
    for i, parent in enumerate([] if parents == "-" else parents.split(",")):
        out.write("%s %s\n" % ("from" if i == 0 else "merge", parent if len(parent) > 12 else ":" + parent))
    if parents == "-": out.write("M 100644 %s .gitattributes\n" % sys.argv[2])
    out.write("M 100644 %s model.safetensors\n\n" % blob)
' "$1" "$(git rev-parse HEAD:.gitattributes)" | git fast-import --quiet --force --export-marks="$sandbox/marks"
}

merge_message='Merge\n\nMgit-Merge: strategy mean weights 0.5 0.5 model model.safetensors'

# beside BRANCH: a branch "beside" from its first parent, with the model trained a little otherwise.
beside() {
  git switch -q -c beside "$1~1"
  ADD=0.05 ADD_SEED=77 make_checkpoint model.safetensors 1
  commit_all "beside"
  git switch -q "$1"
}

scenario "200 criss-cross merges: paths double with each"
make_repository
commit_all "begin"
versions 4
{
  echo "1 - ${blobs[0]} left"
  echo "2 1 ${blobs[1]} right"
  for ((i = 1; i <= 200; ++i)); do
    l=$((2 * i - 1)) r=$((2 * i))
    echo "$((l + 2)) $l,$r ${blobs[$((2 + i % 2))]} $merge_message"
    echo "$((r + 2)) $r,$l ${blobs[$((3 - i % 2))]} $merge_message"
  done
} >"$sandbox/lines"
import crossed <"$sandbox/lines"
git reset -q --hard && git switch -q crossed
beside crossed
within 10 mgit merge -q beside
within 10 mgit lineage HEAD
within 10 mgit gc
within 10 mgit fsck

scenario "5,000 commits that train on"
make_repository
commit_all "begin"
versions 10
for ((i = 1; i <= 5000; ++i)); do
  echo "$i $([ "$i" = 1 ] && echo - || echo $((i - 1))) ${blobs[$((i % 10))]} Train $i"
done | import long
git reset -q --hard && git switch -q long
beside long
within 20 mgit lineage HEAD
within 10 mgit merge -q beside
git init -q --bare ../there.git
git remote add origin ../there.git
within 20 mgit push -q origin long
within 10 mgit gc
within 20 mgit fsck

current="5,000 commits rebased, each of which changes the model"
git switch -q -c other "$(git rev-list --max-parents=0 long)"
make_checkpoint model.safetensors 2
commit_all "another basin"
git switch -q long
within 60 mgit rebase long onto other
equal "$(git rev-list --count --grep='^Mgit-Origin: ' other..long)" 5001 "rewritten, with a record"
equal "$(git notes --ref mgit/operation list | wc -l)" 5002 "a note for each, and for the merge before"
equal "$(git rev-list --count refs/notes/mgit/operation)" 2 "of the merge, and all of the rebase"
within 20 mgit rebase long onto other
within 20 mgit lineage HEAD
within 60 mgit verify
contains "$output" "5002 proven, 0 failed, 0 unchecked"
within 20 mgit push -q -f origin long
git switch -q other
within 20 mgit merge -q long
within 20 mgit fsck
within 20 mgit gc

scenario "20 rounds of: two people train, then merge"
make_repository
make_checkpoint model.safetensors 1
commit_all "begin"
times=()
for ((round = 1; round <= 20; ++round)); do
  git switch -q -C colleague
  ADD=0.01 ADD_SEED=$((2 * round)) make_checkpoint model.safetensors 1
  git commit -qam "theirs $round"
  git switch -q main
  ADD=0.01 ADD_SEED=$((2 * round + 1)) make_checkpoint model.safetensors 1
  git commit -qam "ours $round"
  begin=$(now)
  ok timeout 20 mgit merge -q colleague
  times+=("$(milliseconds_since "$begin")")
done
echo "   milliseconds of each merge: ${times[*]}"
early=$(printf '%s\n' "${times[@]:1:5}" | sort -n | sed -n 3p)
late=$(printf '%s\n' "${times[@]:15:5}" | sort -n | sed -n 3p)
equal "$((late <= 3 * early))" 1 "the last rounds take $late ms, the first ones $early ms"
within 60 mgit verify
contains "$output" "20 proven, 0 failed, 0 unchecked"

scenario "10,000 files in the tree"
make_repository
commit_all "begin"
mkdir data
seq 10000 | split -l 1 -a 5 - data/sample-
ADD=0 make_checkpoint model.safetensors 1
within 20 mgit add .
commit_all "data"
git switch -q -c side
ADD=0.1 make_checkpoint model.safetensors 1
commit_all "side"
git switch -q main
ADD=0.1 ADD_SEED=9 make_checkpoint model.safetensors 1
commit_all "main"
within 10 mgit merge -q side
within 10 mgit lineage HEAD
within 10 mgit verify
git init -q --bare ../there.git
git remote add origin ../there.git
within 10 mgit push -q origin main
within 10 mgit gc

scenario "3,000 commits with 500 models whose weights are nowhere"
make_repository
commit_all "begin"
versions 1
manifest=$(git cat-file blob "${blobs[0]}")
for ((i = 0; i < 500; ++i)); do
  sed "0,/F32 /s/\(F32 [0-9,]*\) [0-9a-f]*/\1 $(printf '%064x' $((i + 1000)))/" <<<"$manifest" >"m$i"
done
readarray -t blobs < <(git hash-object -w --no-filters m*)
rm m*
for ((i = 1; i <= 3000; ++i)); do
  echo "$i $([ "$i" = 1 ] && echo - || echo $((i - 1))) ${blobs[$((i % 500))]} Train $i"
done | import hollow
begin=$(now)
fails_with 1 "and 5 commits before it: 1 tensor not here" timeout 10 mgit fsck
printf '   %6.2f s  mgit fsck\n' "$(seconds_since "$begin")"

scenario "1,000 branches and 1,000 tags"
make_repository
commit_all "begin"
versions 3
for ((i = 1; i <= 100; ++i)); do
  echo "$i $([ "$i" = 1 ] && echo - || echo $((i - 1))) ${blobs[$((i % 3))]} Train $i"
done | import many
git reset -q --hard && git switch -q many
readarray -t commits < <(git rev-list many)
for ((i = 1; i <= 1000; ++i)); do
  echo "create refs/heads/branch-$i ${commits[$((i % 100))]}"
  echo "create refs/tags/tag-$i ${commits[$((i % 100))]}"
done | git update-ref --stdin
beside many
within 10 mgit lineage HEAD
within 10 mgit merge -q beside
within 10 mgit gc
within 10 mgit fsck
