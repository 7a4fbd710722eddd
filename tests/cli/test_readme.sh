#!/usr/bin/env bash
# What README.md tells people to type, typed: its fenced blocks run in this order, as they stand there.
. "$(dirname "$0")/lib.sh"

# block HEADING [KIND [N]]: the N-th fenced block of that section.
block() {
  awk -v heading="## $1" -v fence="\`\`\`${2:-sh}" -v wanted="${3:-1}" '
    /^## /           { inside = $0 == heading }
    inside && $0 == fence { number++; reading = 1; next }
    /^```$/          { reading = 0 }
    inside && reading && number == wanted' "$MGIT_SOURCE/README.md"
}
# typed HEADING [N]: runs that block, every line of which has to end well.
typed() {
  block "$1" sh "${2:-1}" >"$sandbox/block"
  differ "$(cat "$sandbox/block")" "" "a block of '$1' in README.md"
  ok bash -e "$sandbox/block"
}

scenario "every command of README.md"
git init -q --bare hub.git
git init -q work
cd work
git remote add origin ../hub.git
make_checkpoint model.safetensors 1
typed "In a repository of your own"
contains "$output" "first of its line"
first=$(digest model.safetensors)
git switch -q -c feature
make_checkpoint model.safetensors 2
commit_all "Second training"
trained=$(git rev-parse feature)
git switch -q main
typed "In a repository of your own" 2
contains "$output" "fc1.weight"
contains "$output" "Successfully rebased"
contains "$output" "combined, mean"
differ "$(digest model.safetensors)" "$first" "merged"
typed "Taking it back"
equal "$(digest model.safetensors) $(git rev-parse feature)" "$first $trained" "as it was before"
equal "$(git status --porcelain)" ""
git switch -q feature
typed "Proposing a model"
contains "$(cat request.md)" '## Models of `feature` for `main`'
contains "$output" "4 changed"
rm request.md
git switch -q main

current="a colleague without mgit"
PATH=$PATH_WITHOUT_MGIT git clone -q ../hub.git ../plain
cd ../plain
is_manifest model.safetensors
typed "A colleague without mgit"
contains "$output" "mgit checkpoint 1"
PATH=$PATH_WITHOUT_MGIT
echo "print(1)" >train.py
git add train.py
ok git commit -q -m "Code"
ok git push -q
PATH=$(dirname "$MGIT_BIN"):$PATH
ok mgit install
equal "$(digest model.safetensors)" "$first" "after mgit install"
cd ../work

current="from Python"
python=$MGIT_BUILD/venv/bin/python
if [ -x "$python" ] && "$python" -c 'import safetensors.numpy' 2>/dev/null; then
  block "From Python" python >../read.py
  ok "$python" ../read.py
  contains "$output" "'fc1.weight': (16, 8)"
else
  not_run "no safetensors package in $MGIT_BUILD/venv (./dev test installs it)"
fi

current="leaving"
typed "Leaving"
equal "$(git status --porcelain)" ""
equal "$(git cat-file -p HEAD:model.safetensors | sha256sum | cut -d' ' -f1)" "$first" "the file in git itself"
equal "$(PATH=$PATH_WITHOUT_MGIT git config --get-regexp 'filter.mgit' || true)" ""
PATH=$PATH_WITHOUT_MGIT git clone -q . ../left
same_file ../left/model.safetensors model.safetensors

scenario "links of README.md and docs lead somewhere"
for page in "$MGIT_SOURCE"/README.md "$MGIT_SOURCE"/docs/*.md; do
  while read -r target; do
    checks=$((checks + 1))
    [ -e "$(dirname "$page")/$target" ] || fail "$(basename "$page") links to $target"
  done < <(python3 -c 'import re, sys
for target in re.findall(r"\]\(([^)\s]+)\)", open(sys.argv[1]).read()):
    if "://" not in target and not target.startswith("#"): print(target.split("#")[0])' "$page")
done
