#!/usr/bin/env bash
# mgit rebase: the basin changes, the ancestry and the function do not.
. "$(dirname "$0")/lib.sh"

# values FILE: per tensor, the sorted values' digest.
values() {
  python3 - "$1" <<'PYTHON'
import hashlib, json, struct, sys
data = open(sys.argv[1], "rb").read()
length = struct.unpack("<Q", data[:8])[0]
header = json.loads(data[8:8 + length])
for name, entry in sorted(header.items()):
    if name == "__metadata__": continue
    begin, end = entry["data_offsets"]
    raw = data[8 + length + begin:8 + length + end]
    words = sorted(raw[i:i + 4] for i in range(0, len(raw), 4))
    print(name, hashlib.sha256(b"".join(words)).hexdigest())
PYTHON
}

# A main model, and a branch that forked from it with an independently trained one, trained on once.
two_models() {
  make_repository "$1"
  make_checkpoint model.safetensors 1
  commit_all "Train on main"
  git switch -q -c feature
  make_checkpoint model.safetensors 2
  GIT_AUTHOR_NAME=Ada GIT_AUTHOR_EMAIL=ada@example.com GIT_AUTHOR_DATE='2001-02-03T04:05:06+0100' \
    commit_all "Train on my share"
  ADD=0.01 make_checkpoint model.safetensors 2
  echo notes >notes.txt
  commit_all "Train on

The body of the message."
  git switch -q main
}

scenario "commits are rewritten, parents and messages kept"
two_models repository
before=$(git rev-parse feature)
base=$(git merge-base main feature)
git show feature:model.safetensors >before.manifest
git switch -q feature && cp model.safetensors ../before.safetensors && git switch -q main
rm before.manifest
ok mgit rebase feature onto main
contains "$output" "Successfully rebased feature onto main: 2 commits rewritten"
after=$(git rev-parse feature)
differ "$before" "$after"
equal "$(git merge-base main feature)" "$base" "merge base"
equal "$(git symbolic-ref --short HEAD)" main "HEAD stays"
equal "$(git status --porcelain)" "" "working tree"
equal "$(git log -1 --format='%an %ae %aI' feature~1)" \
  "Ada ada@example.com 2001-02-03T04:05:06+01:00" "author"
equal "$(git log -1 --format=%s feature)" "Train on"
contains "$(git log -1 --format=%b feature)" "The body of the message."
equal "$(git show feature:notes.txt)" notes
equal "$(git rev-parse ORIG_HEAD)" "$before" ORIG_HEAD
equal "$(git rev-parse "refs/mgit/origin/$before")" "$before" "origin ref"
equal "$(git rev-parse feature@{1})" "$before" reflog
contains "$(git reflog -1 feature)" "rebase (finish): refs/heads/feature onto"
message=$(git log -1 --format=%B feature)
contains "$message" "Mgit-Rebase: onto $(git rev-parse main) method weights seed 0"
contains "$message" "Mgit-Origin: $before"
contains "$message" "Mgit-Permutation: "
contains "$message" "proof family"
contains "$(git notes --ref=mgit/operation show feature)" "Mgit-Rebase: onto"
git switch -q feature
equal "$(values model.safetensors)" "$(values ../before.safetensors)" "multiset of every tensor"
differ "$(digest model.safetensors)" "$(digest ../before.safetensors)" "the file"
equal "$(git status --porcelain)" "" "working tree of feature"

scenario "the method of matching has a name"
two_models repository
before=$(git rev-parse feature)
fails_with 129 "guesses: no such method of matching" mgit rebase --method guesses feature onto main
fails_with 129 "there is: weights" mgit rebase --method=guesses feature onto main
equal "$(git rev-parse feature)" "$before" "the branch, after a refusal"
ok mgit rebase --method weights feature onto main
contains "$(git log -1 --format=%B feature)" " method weights seed 0"

scenario "a second rebase finds the branch in the basin"
two_models repository
ok mgit rebase feature onto main
tip=$(git rev-parse feature)
ok mgit rebase feature onto main
contains "$output" "already in the basin of main; nothing was rewritten"
equal "$(git rev-parse feature)" "$tip"
ok git fsck --strict
ok mgit fsck

scenario "the current branch: git's form, index and working tree follow"
two_models repository
git switch -q feature
ok mgit rebase main
equal "$(git status --porcelain)" ""
git show HEAD:model.safetensors | mgit textconv /dev/stdin >/dev/null 2>&1 || true
cp model.safetensors ../worktree.safetensors
rm model.safetensors
git checkout -q -- model.safetensors
same_file model.safetensors ../worktree.safetensors

scenario "a dry run changes nothing"
two_models repository
before=$(git for-each-ref)
ok mgit rebase feature onto main --dry-run
contains "$output" "group"
contains "$output" "hidden units move"
equal "$(git for-each-ref)" "$before"

scenario "merge commits in the range are kept"
make_repository
make_checkpoint model.safetensors 1
commit_all main
git switch -q -c feature
make_checkpoint model.safetensors 2
commit_all independent
git switch -q -c side
echo side >side.txt
commit_all side
git switch -q feature
echo feature >feature.txt
commit_all feature
ok git merge -q --no-edit side
ADD=0.01 make_checkpoint model.safetensors 2
commit_all "trained on"
ok mgit rebase main
equal "$(git log --format=%s main..feature | sort | tr '\n' ';')" \
  "Merge branch 'side' into feature;feature;independent;side;trained on;" "subjects"
equal "$(git rev-list --merges --count main..feature)" 1 "merge commits"
equal "$(git rev-list --parents -1 feature~1 | wc -w)" 3 "parents of the merge"

scenario "a range without checkpoints is git's own rebase"
make_repository
make_checkpoint model.safetensors 1
commit_all main
git switch -q -c feature
echo feature >feature.txt
commit_all feature
git switch -q main
echo main >main.txt
commit_all "main moves on"
git switch -q feature
ok mgit rebase main
equal "$(git merge-base main feature)" "$(git rev-parse main)" "linear history"

scenario "an earlier model of another line is left alone"
make_repository
make_checkpoint model.safetensors 1
commit_all main
git switch -q -c feature
echo early >early.txt
commit_all "before the new training"
make_checkpoint model.safetensors 2
commit_all "independent"
early=$(git rev-parse feature~1)
ok mgit rebase main
equal "$(git rev-parse feature~1)" "$early" "the commit before"

scenario "what cannot be rebased is refused, and nothing changes"
two_models repository
state() { git for-each-ref; git status --porcelain; git rev-parse HEAD; digest model.safetensors; }
before=$(state)
fails_with 128 "no such branch or revision" mgit rebase nobody onto main
fails_with 128 "no such branch or revision" mgit rebase feature onto nobody
git update-ref refs/remotes/origin/feature feature
fails_with 128 "make one: mgit branch feature origin/feature" mgit rebase origin/feature onto main
git update-ref -d refs/remotes/origin/feature
fails_with 129 "" mgit rebase a b c
fails_with 129 "--restarts" mgit rebase feature onto main --restarts=-1
git switch -q -c wide
make_checkpoint model.safetensors 3 fc1.weight=32,8 fc1.bias=32 fc2.weight=4,32 fc2.bias=4
commit_all wide
git switch -q main
before=$(state)
fails_with 128 "different networks" mgit rebase wide onto main
equal "$(state)" "$before"
git switch -q -c strange main
make_checkpoint model.safetensors 4 a.strange=3,5 b.thing=7,11
commit_all strange
git switch -q -c stranger
make_checkpoint model.safetensors 5 a.strange=3,5 b.thing=7,11
commit_all stranger
before=$(state)
fails_with 128 "no permutation spec fits" mgit rebase strange
lacks "$errors" "nearest"
contains "$errors" "--no-rebase"
equal "$(state)" "$before"
git switch -q -c gated main
make_checkpoint model.safetensors 4 fc1.weight=16,8 fc1.bias=16 fc2.weight=4,16 fc2.bias=4 gate.alpha=3
commit_all gated
git switch -q -c regated
make_checkpoint model.safetensors 5 fc1.weight=16,8 fc1.bias=16 fc2.weight=4,16 fc2.bias=4 gate.alpha=3
commit_all regated
fails_with 128 "the nearest family is mlp, but no line covers tensor 'gate.alpha'" mgit rebase gated
contains "$errors" "'mgit merge --no-rebase' needs neither"
fails_with 128 "the nearest family is mlp, but no line covers tensor 'gate.alpha'" mgit spec show regated
git switch -q feature
echo x >>notes.txt
before=$(state)
fails_with 128 "uncommitted changes" mgit rebase main
equal "$(state)" "$before"
git checkout -q -- notes.txt
git checkout -q --detach
fails_with 128 "HEAD is detached" mgit rebase main

scenario "a spec of one's own needs trust, and must fit"
two_models repository
git switch -q feature
own_spec
commit_all spec
fails_with 128 "not proved" mgit rebase main
sed -i '/fc1.bias/d' net.perm
commit_all "spec without a line"
fails_with 128 "fc1.bias" mgit rebase main --trust-spec
sed -i 's/H:16/H:15/; $a fc1.bias: H' net.perm
commit_all "spec with a wrong size"
fails_with 128 "" mgit rebase main --trust-spec
sed -i 's/H:15/H:16/' net.perm
commit_all "spec that fits"
ok mgit rebase main --trust-spec
