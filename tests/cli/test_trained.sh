#!/usr/bin/env bash
# The main job on trained networks, on any machine: two seeds, two shares, two convolutional networks with
# batch norm. Averaging is bad, averaging after a rebase is good, and the story travels to a clone.
. "$(dirname "$0")/lib.sh"
need_trained

# barrier GRAPH: numbers of the line from main to feature.
barrier() {
  ok mgit barrier main feature --json --points 11 --graph "$trained/$1.torchscript.pt" \
    --data "$trained/digits.safetensors"
}
evaluate() { mgit eval --json --graph "$trained/$1.torchscript.pt" --data "$trained/digits.safetensors" "${@:2}"; }

# story A B GRAPH: before and after a rebase; leaves the merge in $merged, and what was in the way of it
# in $before and $after.
story() {
  trained_fork "$1" "$2"
  barrier "$3"
  before=$(number "$output" barrier)
  worst=$(number "$output" points 5 loss)
  main=$(number "$output" points 0 loss)
  feature=$(number "$output" points 10 loss)
  ok mgit rebase feature onto main
  contains "$output" "proof family"
  barrier "$3"
  after=$(number "$output" barrier)
  origin=$(git for-each-ref --format='%(refname)' refs/mgit/origin)
  ok evaluate "$3" feature --against "$origin"
  holds "$(number "$output" largest_output_change) < 1e-3"
  ok mgit merge feature
  contains "$output" "combined, mean with weights 0.5 : 0.5"
  ok evaluate "$3" main
  merged=$(number "$output" loss)
  equal "$(git status --porcelain)" ""
  echo "$1, $2: loss $main and $feature, mean $worst, after the rebase $merged; barrier $before, then $after"
  ok mgit fsck
}

scenario "two seeds: a barrier between them, and nearly none after the rebase"
story mlp-1 mlp-2 mlp
holds "$before > 0.3"
holds "$after < 0.1 * $before"
holds "$merged < 0.3 * $worst"

scenario "two shares: the merge is better than both parents"
story share-1 share-2 mlp
holds "$before > 0.3"
holds "$after < 0.02"
holds "$merged < min($main, $feature)"

scenario "convolutions with batch norm: permuted with their channels, joined, repaired, and said"
story vgg-1 vgg-2 vgg
record=$(git log -1 --format=%B)
contains "$record" "strategy mean"
contains "$record" "Mgit-Merge-Repair: norm-variance "
holds "$before > 0.8"
holds "$after < 0.3 * $before"
holds "$merged < 0.3 * $worst"
repaired=$(digest model.safetensors)
git reset -q --hard HEAD^
ok mgit merge feature
contains "$output" "repaired without data: the running variances of "
equal "$(digest model.safetensors)" "$repaired"
git reset -q --hard HEAD^
ok mgit merge --no-repair feature
contains "$output" "running variances of batch norm are averages now"
contains "$output" "(--no-repair)"
case $(git log -1 --format=%B) in *Mgit-Merge-Repair*) fail "a repair that was not made is recorded" "" ;; esac
ok evaluate vgg main
averaged=$(number "$output" loss)
echo "repaired: loss $merged, averaged: $averaged"
holds "$merged < 0.7 * $averaged"
git reset -q --hard HEAD^
ok mgit barrier main feature --json --points 3 --no-repair --graph "$trained/vgg.torchscript.pt" \
  --data "$trained/digits.safetensors"
holds "$(number "$output" repaired_norms) == 0"
holds "abs($(number "$output" points 1 loss) - $averaged) < 1e-4"
ok mgit barrier main feature --no-draw --points 3 --graph "$trained/vgg.torchscript.pt" \
  --data "$trained/digits.safetensors"
contains "$output" "follow from the weights (--no-repair: averages)"

scenario "four at once: matched as one, better than each with ours alone, the same bytes again"
make_repository
commit_all attributes
root=$(git rev-parse HEAD)
for name in mlp-2 share-1 share-2 mlp-1; do
  git switch -q -c "$name" "$root"
  cp "$trained/$name.safetensors" model.safetensors
  commit_all "Train $name"
done
tip=$(git rev-parse HEAD)
merge_four() {
  git reset -q --hard "$tip"
  ok mgit merge "$@" mlp-2 share-1 share-2
  objective=$(echo "$output" | sed -n 's/.*matched as one.* -> \([0-9.]*\) .*/\1/p')
  apart=$(echo "$output" | sed -n 's/.*matched as one.*objective \([0-9.]*\) -> .*/\1/p')
  ok evaluate mlp HEAD
}
merge_four --many pairwise
lacks "$(git log -1 --format=%B)" " many "
pairwise=$(number "$output" loss)
merge_four --many hierarchical
contains "$(git log -1 --format=%B)" "parent 4 method weights weighting linear many hierarchical"
hierarchical=$(number "$output" loss)
merge_four
contains "$(git log -1 --format=%B)" "parent 4 method weights weighting linear many universe"
holds "$objective > $apart"
together=$(number "$output" loss)
bytes=$(digest model.safetensors)
merge_four --many universe
equal "$(digest model.safetensors)" "$bytes"
echo "four models: loss $pairwise by pairs, $hierarchical two by two, $together as one"
holds "$together <= $pairwise"
fails_with 129 "universe, hierarchical, pairwise" mgit merge --many star mlp-2

scenario "diff, lineage, push and clone of what a rebase and a merge made"
trained_fork share-1 share-2
ok mgit diff main feature
contains "$output" "fc1.weight"
ok mgit rebase feature onto main
ok mgit merge feature
merged=$(digest model.safetensors)
git init -q --bare ../hub.git
git remote add origin ../hub.git
ok mgit push -u origin main feature
ok mgit clone ../hub.git ../clone
cd ../clone
equal "$(digest model.safetensors)" "$merged"
ok mgit lineage
contains "$output" "merged: mean of 2 models"
contains "$output" "rebased onto"
ok mgit diff main^1 main
contains "$output" "fc3.bias"
git checkout -q origin/feature
ok evaluate mlp HEAD model.safetensors
equal "$(number "$output" 0 loss)" "$(number "$output" 1 loss)"

scenario "the graph that evaluates them gives the spec of their family, and proves it"
for name in mlp vgg; do
  ok mgit spec derive --input 2x1x16x16 "$trained/$name.torchscript.pt" "$trained/$name-1.safetensors" -o net.perm
  ok mgit spec diff net.perm auto "$trained/$name-1.safetensors"
  ok mgit spec check net.perm "$trained/$name-1.safetensors" --input 2x1x16x16 --graph "$trained/$name.torchscript.pt"
  contains "$output" "proof         numeric"
done

scenario "a rebase by such a graph alone changes no output, as LibTorch computes them"
picture() {
  make_checkpoint "$1" "$2" enter.weight=6,2,3,3 enter.bias=6 norm.weight=6 norm.bias=6 norm.running_mean=6 \
    norm.running_var=6@1 deep.weight=8,3,3,3 deep.bias=8 group.weight=8 group.bias=8 join.weight=4,14,1,1 \
    join.bias=4 leave.weight=3,36 leave.bias=3
}
make_repository repository
make_checkpoint data.safetensors 3 input=8,2,6,6 target=8,3
cp "$MGIT_SOURCE/tests/unit/graph/data/picture.torchscript.pt" net.pt
printf '[model "net"]\n\tpath = model.safetensors\n\tgraph = net.pt\n\tdata = data.safetensors\n\tloss = mse\n' >.mgitconfig
picture model.safetensors 1
commit_all "Train on main"
git switch -q -c feature
picture model.safetensors 2
commit_all "Train on my share"
git branch original
ok mgit rebase feature onto main
contains "$output" "spec derived, proof algebraic"
ok mgit eval feature --against original --graph net.pt --data data.safetensors --json
holds "$(number "$output" largest_output_change) < 1e-4"
