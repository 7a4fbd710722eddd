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

scenario "convolutions with batch norm: permuted with their channels, joined, and said"
story vgg-1 vgg-2 vgg
contains "$(git log -1 --format=%B)" "strategy mean"
holds "$before > 0.8"
holds "$after < 0.3 * $before"
holds "$merged < 0.3 * $worst"

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
