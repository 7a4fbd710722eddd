#!/usr/bin/env bash
# What docs/co-developing.md tells a maintainer and two contributors to type, typed.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/hosts.sh"
. "$(dirname "$0")/guide.sh"
server_python=python3
need_trained

scenario "two contributors and a maintainer, on a bare repository"
git init -q --bare hub.git
export HUB=$PWD/hub.git
small_story
together

current="a copy that a plain web server hands out, to read"
mkdir site
cp -r "$HUB" site/net.git
git -C site/net.git update-server-info
ok mgit -C site/net.git update-server-info
git_host site --static
visit() {
  local people=$PWD/visitors typed_blocks=0
  local -x HUB=http://127.0.0.1:$port/net.git
  typed "Everybody has it"
}
visit
same_file model.safetensors "$people/Ada/net/model.safetensors"

current="everybody trains from what was merged"
for number in 1 2 3; do typed "And on" $number; done
contains "$output" "combined, mean with weights 0.75 : 0.25"
contains "$output" "combined, mean with weights 1000 : 3000 samples"
contains "$(cat "$people/Bea/request.md")" '| mean of both, after a rebase |'

current="two people pushed at once"
for number in 1 2 3; do typed "Two people pushed at once" $number; done
contains "$errors" "rejected"
contains "$output" "combined, mean with weights 0.5 : 0.5 (base "
equal "$(printf '%s\n' "$output" | grep -cE '^  (ours|[0-9a-f]{10}|merged) +loss')" 3 "rows of a pull, with a short name"
equal "$(git -C "$HUB" rev-parse main)" "$(git rev-parse main)"

current="undo"
typed "Undo"
equal "$(git rev-parse main)" "$(git rev-parse origin/main)"
typed "Undo" 2
contains "$output" "back to "
equal "$(git rev-parse main:model.safetensors)" "$(git rev-parse main^^1:model.safetensors)"
equal "$(git -C "$HUB" rev-parse main)" "$(git rev-parse main)"

current="a colleague without mgit"
typed "Your colleague has no mgit"
typed "Your colleague has no mgit" 2
contains "$errors" "model.safetensors: committed without mgit in"
is_no_manifest model.safetensors
contains "$(git cat-file -p HEAD:model.safetensors | head -1)" "mgit checkpoint 1"
equal "$(git status --porcelain)" ""

current="leaving mgit"
typed "Leaving mgit"
wanted=$(git -C "$people/Ada/net" cat-file --filters origin/main:model.safetensors | sha256sum | cut -d' ' -f1)
equal "$(git cat-file -p HEAD:model.safetensors | sha256sum | cut -d' ' -f1)" "$wanted"
equal "$(PATH=$PATH_WITHOUT_MGIT git config --get-regexp '^filter' || true)" ""

current="no block of the guide was left out"
equal "$typed_blocks" "$(while read -r section; do blocks "$section"; done < <(sections) | awk '{ sum += $1 } END { print sum }')"
