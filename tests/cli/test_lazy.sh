#!/usr/bin/env bash
# mgit clone --lazy: manifests alone; tensors when a command needs them, or when they are asked for.
. "$(dirname "$0")/lib.sh"

# objects: how many the store has.
objects() { { mgit fsck --json 2>/dev/null || true; } | python3 -c 'import json, sys; print(json.load(sys.stdin)["objects"])'; }

# published: remote.git with two models on main and a trained-on one on feature, made in one/.
published() {
  git init -q --bare remote.git
  mgit init -q one >/dev/null 2>&1
  (cd one && mkdir parts && make_checkpoint model.safetensors 1 && make_checkpoint parts/other.safetensors 2 &&
    commit_all "one" && git remote add origin ../remote.git && git push -q origin main &&
    git switch -q -c feature && ADD=0.01 make_checkpoint model.safetensors 1 && commit_all "trained on" &&
    git push -q origin feature && git switch -q main) 2>/dev/null
}

scenario "a lazy clone has manifests; files that are named come"
published
ok mgit clone --lazy remote.git two
contains "$errors" "lazy: 2 checkpoints stand here as their manifests"
cd two
equal "$(git config mgit.lazy)" true
equal "$(objects)" 0
is_manifest model.safetensors
is_manifest parts/other.safetensors
equal "$(git status --porcelain)" ""
ok mgit fetch
ok mgit install
equal "$(objects)" 0 "fetch and install bring nothing"
cd parts
ok mgit restore other.safetensors
cd ..
same_file parts/other.safetensors ../one/parts/other.safetensors
is_manifest model.safetensors
equal "$(git status --porcelain)" ""
ok mgit checkout origin/feature -- model.safetensors
equal "$(digest model.safetensors)" "$(git cat-file --filters origin/feature:model.safetensors | sha256sum | cut -d' ' -f1)"
ok mgit restore --staged --worktree --source=HEAD model.safetensors
same_file model.safetensors ../one/model.safetensors
equal "$(git status --porcelain)" ""

scenario "branches move without a download; commands that read tensors bring them"
published
mgit clone -q --lazy remote.git two
cd two
ok git switch -q feature
contains "$errors" "model.safetensors: left as a manifest, in this lazy clone"
is_manifest model.safetensors
ok mgit switch main
contains "$errors" "'mgit restore model.safetensors' brings it"
equal "$(objects)" 0
equal "$(git status --porcelain)" ""
ok mgit diff main feature
differ "$(objects)" 0 "a diff of values needs them"
is_manifest parts/other.safetensors
ok mgit merge -q --no-edit --no-ff --combine feature
is_no_manifest model.safetensors
is_manifest parts/other.safetensors
equal "$(git status --porcelain)" ""
ok mgit push -q origin main
ok mgit clone -q ../remote.git ../three
same_file model.safetensors ../three/model.safetensors
same_file ../one/parts/other.safetensors ../three/parts/other.safetensors

scenario "a commit on top of what never came is pushed with what is new"
published
mgit clone -q --lazy remote.git two
cd two
make_checkpoint new.safetensors 3
commit_all "another model"
equal "$(git status --porcelain)" ""
ok git push -q origin main
ok mgit clone -q ../remote.git ../three
same_file new.safetensors ../three/new.safetensors
same_file ../one/model.safetensors ../three/model.safetensors
ok mgit fsck

scenario "fetch --include brings tensors by name, fetch --all everything"
published
mgit clone -q --lazy remote.git two
cd two
fails_with 128 "--include fc9.*" mgit fetch --include 'fc9.*'
ok mgit fetch --include 'fc1.*' --include=fc2.bias
contains "$errors" "received 9 objects"
is_manifest model.safetensors
ok mgit fetch --all
same_file model.safetensors ../one/model.safetensors
same_file parts/other.safetensors ../one/parts/other.safetensors
equal "$(git status --porcelain)" ""

scenario "no longer lazy"
published
mgit clone -q --lazy remote.git two
cd two
git config --unset mgit.lazy
ok mgit fetch
same_file model.safetensors ../one/model.safetensors
