#!/usr/bin/env bash
# What a server's hook refuses, and mgit verify names: manifests, objects, links, raw checkpoints.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/verified.sh"

scenario "manifests and objects"
independent_fork repository
with_server
git switch -q -c outside
printf '{"weight_map": {"fc1.weight": "../../elsewhere.safetensors"}}\n' >model.safetensors.index.json
commit_all "Shards outside"
verified 1 "manifest of model.safetensors.index.json" main..outside
contains "$output" "../../elsewhere.safetensors"
refused "model.safetensors.index.json" git push -q origin outside
git switch -q -c link main
rm model.safetensors
ln -s /etc/hostname model.safetensors
commit_all "A link"
verified 1 "is a symbolic link to /etc/hostname, outside of the repository" main..link
refused "is a symbolic link to /etc/hostname" git push -q origin link
git switch -q -c size main
git show main:model.safetensors | sed 's/F32 16,8/F32 8,8/' >../manifest
blob=$(git hash-object -w --no-filters ../manifest)
git update-index --cacheinfo "100644,$blob,model.safetensors"
git commit -q --no-verify -m "Another shape"
verified 1 "manifest of model.safetensors: tensor fc1.weight has 256 bytes, and object" main..size
git reset -q --hard main
git switch -q -c raw main
make_checkpoint model.safetensors 9
git update-index --cacheinfo "100644,$(git hash-object -w --no-filters model.safetensors),model.safetensors"
git commit -q --no-verify -m "From somebody without mgit"
refused "model.safetensors: the checkpoint itself, where .gitattributes asks for mgit's manifest of it" git push -q origin raw
git reset -q --hard main
git switch -q feature
refused "4 of 5 objects are not here" git push -q --no-verify origin feature
ok git push -q origin feature
# One byte of an object turned over, at the server and here.
cp model.safetensors copy.safetensors
commit_all "The same again"
ok mgit verify --objects
flip() {
  python3 - "$1"/packs/*.pack <<'PYTHON'
import os, sys
for path in sys.argv[1:]:
    os.chmod(path, 0o644)
    with open(path, "r+b") as pack:
        data = pack.read()
        at = data.index(b"\x9dmgitobj") + 112
        pack.seek(at)
        pack.write(bytes([data[at] ^ 1]))
PYTHON
}
flip "$server/mgit"
refused "copy.safetensors" git push -q origin feature
contains "$errors" "object "
flip .git/mgit
verified 1 "FAILED " --objects
contains "$output" "object of "

scenario "objects that are not here are not counted as proven"
rebased_fork
git clone -q . ../bare-of-objects 2>/dev/null
cd ../bare-of-objects
git remote remove origin
rm -rf .git/mgit
verified 2 "unchecked"
contains "$output" "0 proven, 0 failed"

scenario "a server's hook chains, and goes away without a trace"
make_repository work
commit_all "attributes"
git init -q --bare ../server.git
cd ../server.git
printf '#!/bin/sh\ncat >chained\n[ ! -e closed ]\n' >hooks/pre-receive
chmod +x hooks/pre-receive
cp -r . ../before
ok mgit install --server
contains "$errors" "existing hooks still run, before mgit's: pre-receive"
git -C ../work push -q ../server.git main
contains "$(cat chained)" "refs/heads/main"
touch closed
fails_with 1 "pre-receive hook declined" git -C ../work push -q ../server.git main:other
rm closed chained
sed -i 's/^mgit=.*/mgit=mgit-that-is-gone/' hooks/pre-receive
fails_with 1 "mgit is not on PATH here" git -C ../work push -q ../server.git main:other
ok mgit uninstall
same_file hooks/pre-receive ../before/hooks/pre-receive
same_file config ../before/config
ok mgit install --server --per-ref
cd ../work
make_checkpoint raw.safetensors 1
git update-index --add --cacheinfo "100644,$(git hash-object -w --no-filters raw.safetensors),raw.safetensors"
git switch -q -c raw
git commit -q --no-verify -m "Raw"
git branch fine main
fails_with 1 "raw.safetensors: the checkpoint itself" git push -q --no-verify ../server.git raw fine
equal "$(git -C ../server.git for-each-ref --format='%(refname)' | tr '\n' ' ')" "refs/heads/fine refs/heads/main "

