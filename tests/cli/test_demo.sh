#!/usr/bin/env bash
# mgit demo: the whole story; the merge is better than both parents, the repository stays.
. "$(dirname "$0")/lib.sh"
[ -e "$MGIT_BUILD/lib/libmgit_torch.so" ] || skip "no LibTorch plugin (-DMGIT_TORCH=ON)"

scenario "a directory that holds something is left alone"
mkdir full && echo mine >full/file
fails_with 128 "not an empty directory" mgit demo full
equal "$(ls full)" file

scenario "train, commit, rebase, merge"
git config --global --unset user.name
git config --global --unset user.email
seconds=$SECONDS
ok mgit demo story --seed 0
echo "$((SECONDS - seconds)) s"
for command in "mgit init" "mgit add" "mgit commit" "mgit barrier main feature-branch" \
  "mgit rebase feature-branch onto main" "mgit merge feature-branch" "mgit eval" "mgit lineage"; do
  contains "$output" "\$ $command"
done
# loss NAME: from the closing table.
loss() { printf '%s\n' "$output" | awk -v name="$1" 'index($0, name) == 1 { print $(NF - 2) }' | tail -1; }
checks=$((checks + 1))
awk -v merged="$(loss "merge after rebase")" -v main="$(loss "main, share 1")" \
  -v feature="$(loss "feature-branch, share 2")" -v naive="$(loss "naive average")" \
  'BEGIN { exit !(merged < main && merged < feature && main < naive && feature < naive) }' ||
  fail "the merge is not the best" "$output"
cd story
equal "$(git status --porcelain)" "" "working tree"
equal "$(git rev-list --count --merges main)" 1
ok git fsck
ok mgit fsck
ok mgit eval main

scenario "a merge evaluates its parents and what it made"
cd "$sandbox"/scenario.*/story
git switch -q -c again main^1
ok mgit merge --no-edit feature-branch
contains "$output" "model.safetensors, on eval.safetensors:"
equal "$(printf '%s\n' "$output" | grep -cE '^  (ours|feature-branch|merged) +loss [0-9.]+  accuracy [0-9.]+ %$')" 3 "three rows"
lacks "$output" "warning"
ok mgit undo
original=$(git for-each-ref --format='%(refname)' refs/mgit/origin | head -1)
ok mgit merge --no-edit --combine --no-rebase "$original"
contains "$output" "warning: model.safetensors: the merged model is worse than each of those it was made of"
ok mgit undo
git config mgit.evaluateMerges false
ok mgit merge --no-edit feature-branch
lacks "$output" "loss"
git config --unset mgit.evaluateMerges
ok mgit undo
git config --unset-all mgit.trustedGraph
ok mgit merge --no-edit feature-branch
contains "$output" "not evaluated:"
contains "$output" "mgit trust"

scenario "a merge that goes past the limits of .mgitconfig is not committed, unless it is said"
cd "$sandbox"/scenario.*/story
ok mgit undo
ok mgit trust
git config --file .mgitconfig model.net.max-loss-increase 0.05
git config --file .mgitconfig model.net.max-barrier 0.02
git commit -qam "What a merge may cost"
limited=$(git rev-parse HEAD)
ok mgit merge --no-edit feature-branch
ok mgit undo
equal "$(git rev-parse HEAD)" "$limited"
fails_with 1 "max-loss-increase = 0.05" mgit merge --no-edit --combine --no-rebase "$original"
contains "$errors" "max-barrier = 0.02"
contains "$errors" "git merge --abort"
fails_with 1 "error: model.safetensors: the merged model's loss" git commit --no-edit
ok git merge --abort
equal "$(git rev-parse HEAD) $(git status --porcelain)" "$limited " "as before"
fails_with 1 "max-barrier" git merge --no-edit -X combine -X no-rebase "$original"
ok git commit -q --no-edit --no-verify
git reset -q --hard "$limited"
ok mgit merge -q --no-edit --no-verify --combine --no-rebase "$original"
git reset -q --hard "$limited"
git config --unset-all mgit.trustedGraph
fails_with 1 "the limits of .mgitconfig cannot be checked" mgit merge --no-edit feature-branch
contains "$errors" "mgit trust"
git merge --abort
git config mgit.evaluateMerges false
ok mgit merge --no-edit feature-branch
