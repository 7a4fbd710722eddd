# Checkpoints through plain git: the filter process.
. "$(dirname "$0")/lib.sh"

scenario "plain git stores a manifest and gives the file back, byte for byte"
make_repository
make_checkpoint model.safetensors 1
wanted=$(digest model.safetensors)
commit_all "one"
contains "$(git cat-file -p HEAD:model.safetensors)" "mgit checkpoint 1"
contains "$(git cat-file -p HEAD:model.safetensors)" "tensor fc1.weight"
rm model.safetensors
ok git checkout model.safetensors
equal "$(digest model.safetensors)" "$wanted"
equal "$(git status --porcelain)" ""
ok git fsck --strict

scenario "switching branches exchanges checkpoints"
make_repository
make_checkpoint model.safetensors 1
commit_all "one"
one=$(digest model.safetensors)
git switch -q -c other
make_checkpoint model.safetensors 2
commit_all "two"
two=$(digest model.safetensors)
ok git switch -q main
equal "$(digest model.safetensors)" "$one"
ok git switch -q other
equal "$(digest model.safetensors)" "$two"

scenario "stash and archive"
make_repository
make_checkpoint model.safetensors 1
commit_all "one"
one=$(digest model.safetensors)
make_checkpoint model.safetensors 2
two=$(digest model.safetensors)
ok git stash
equal "$(digest model.safetensors)" "$one"
ok git stash pop
equal "$(digest model.safetensors)" "$two"
git archive HEAD model.safetensors | tar -xO >archived
equal "$(digest archived)" "$one"

scenario "another worktree shares the objects"
make_repository repo
make_checkpoint model.safetensors 1
commit_all "one"
ok git worktree add -q ../second -b second
same_file model.safetensors ../second/model.safetensors
make_checkpoint ../second/model.safetensors 2
ok git -C ../second commit -qam "two"
ok git merge -q --ff-only second
same_file model.safetensors ../second/model.safetensors

scenario "a broken checkpoint is refused with one line, and the others are stored"
make_repository
make_checkpoint good.safetensors 1
make_checkpoint whole.safetensors 2
head -c 200 whole.safetensors >broken.safetensors
rm whole.safetensors
fails_with 128 "broken.safetensors" git add broken.safetensors good.safetensors
equal "$(git ls-files --cached broken.safetensors)" ""
ok git add good.safetensors

scenario "a manifest in the working tree passes through"
make_repository
make_checkpoint model.safetensors 1
commit_all "one"
git cat-file -p HEAD:model.safetensors >copy.safetensors
ok git add copy.safetensors
equal "$(git rev-parse :copy.safetensors)" "$(git rev-parse HEAD:model.safetensors)"

scenario "missing objects leave the manifest, with one warning"
make_repository
make_checkpoint model.safetensors 1
commit_all "one"
mv .git/mgit/packs "$sandbox/packs"
mv .git/mgit/objects.db "$sandbox/objects.db"
rm -f .git/mgit/objects.db-*
rm model.safetensors
ok git checkout model.safetensors
contains "$errors" "warning: model.safetensors: tensor objects are not here"
is_manifest model.safetensors
equal "$(git status --porcelain)" ""
rm -rf .git/mgit/packs
mv "$sandbox/packs" .git/mgit/packs
mv "$sandbox/objects.db" .git/mgit/objects.db
ok mgit install
is_no_manifest model.safetensors
equal "$(git status --porcelain)" ""

scenario "a damaged object is an error, and the file is not written"
make_repository
make_checkpoint model.safetensors 1
commit_all "one"
pack=$(ls .git/mgit/packs/*.pack)
chmod u+w "$pack"
python3 - "$pack" <<'PYTHON'
import sys
with open(sys.argv[1], "r+b") as pack:
    content = bytearray(pack.read())
    for at in range(len(content) // 4, len(content) * 3 // 4): content[at] ^= 0xff
    pack.seek(0); pack.write(content)
PYTHON
rm model.safetensors
fails_with 128 "model.safetensors" git checkout -f HEAD -- model.safetensors
contains "$errors" "error: model.safetensors"

scenario "a file larger than what is kept in memory"
make_repository
make_checkpoint model.safetensors 1 big=18000000@1.5 small=3
wanted=$(digest model.safetensors)
ok git add model.safetensors
rm model.safetensors
ok git checkout model.safetensors
equal "$(digest model.safetensors)" "$wanted"

scenario "a large file that is not what stands in the working tree"
make_repository
make_checkpoint other.safetensors 1 a=1500000@1 z=4
make_checkpoint model.safetensors 1 a=1500000@1 z=4@2
wanted=$(git hash-object --path=elsewhere.safetensors other.safetensors)
equal "$(git hash-object --path=model.safetensors other.safetensors)" "$wanted"
differ "$(git hash-object --path=model.safetensors model.safetensors)" "$wanted"
ok mgit fsck

scenario "a large file that changes again within the second, in its last bytes"
make_repository
for seed in 1 2 3 4; do
  make_checkpoint model.safetensors "$seed" a=1500000@1 z=4
  cp model.safetensors "$seed.safetensors"
done
for seed in 1 2 3 4; do
  cp "$seed.safetensors" model.safetensors
  ok git add model.safetensors
  ok git commit -qm "$seed"
  git show "HEAD:model.safetensors" >manifest
  equal "$(git hash-object --no-filters manifest)" \
    "$(git hash-object --path=elsewhere.safetensors "$seed.safetensors")"
  equal "$(git status --porcelain --untracked-files=no)" ""
done
