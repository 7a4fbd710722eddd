# Hooks: what they refuse, what they chain to, and that they never stand in git's way.
. "$(dirname "$0")/lib.sh"

scenario "a checkpoint staged unfiltered is refused"
make_repository
make_checkpoint model.safetensors 1
git -c filter.mgit.process= -c filter.mgit.required=false add model.safetensors
fails_with 1 "model.safetensors: staged unfiltered" git commit -m "one"
fails_with 1 "" git rev-parse --verify -q HEAD
ok git commit -q --no-verify -m "one"
git add --renormalize model.safetensors
ok git commit -q -m "filtered"

scenario "values that are not finite are refused, once"
make_repository
make_checkpoint model.safetensors 1 good=4 bad=16@nan worse=3:BF16@inf one=1@nan half=2:F16@nan double=2:F64@inf
git add -A
fails_with 1 "model.safetensors: bad: 16 values are not finite" git commit -m "one"
contains "$errors" "worse: 3 values"
contains "$errors" "one: 1 value is not finite"
contains "$errors" "half: 2 values"
contains "$errors" "double: 2 values"
lacks "$errors" "good"
contains "$errors" "--no-verify"
ok git commit -q --no-verify -m "one"
cp model.safetensors copy.safetensors
git add -A
ok git commit -q -m "nothing new"

scenario "a large checkpoint that is not tracked is a warning"
make_repository
mgit untrack '*.safetensors'
make_checkpoint model.safetensors 1 big=300000
git add -A
fails_with 0 "warning: model.safetensors: a checkpoint that mgit does not track" git commit -m "one"
contains "$errors" "mgit track '*.safetensors'"
cp model.safetensors model.bin
head -c 2000000 /dev/urandom >noise.bin
git add -A
fails_with 0 "warning: model.bin: a checkpoint that mgit does not track" git commit -m "two"
lacks "$errors" "noise.bin"

scenario "hooks that were there run first, with arguments and input; their failure counts"
git init -q .
git init -q --bare ../remote.git
git remote add origin "$(cd ../remote.git && pwd)"
printf '#!/bin/sh\necho "pre-commit $*" >>.git/log\n[ ! -e forbidden ]\n' >.git/hooks/pre-commit
printf '#!/bin/sh\necho "pre-push $1" >>.git/log\ncat >>.git/log\n' >.git/hooks/pre-push
printf '#!/bin/sh\necho "not executable" >>.git/log\n' >.git/hooks/post-commit
chmod +x .git/hooks/pre-commit .git/hooks/pre-push
ok mgit install
contains "$errors" "existing hooks still run"
mgit track '*.safetensors' >/dev/null
make_checkpoint model.safetensors 1
commit_all "one"
equal "$(cat .git/log)" "pre-commit "
touch forbidden
fails_with 1 "" git commit -q --allow-empty -m "two"
rm forbidden
ok git push -q origin main
contains "$(cat .git/log)" "pre-push origin
refs/heads/main $(git rev-parse HEAD) refs/heads/main 0000000000"
[ -e ../remote.git/mgit/packs ] || fail "no objects were pushed"

scenario "without the binary, hooks warn and let git go on"
make_repository
sed -i 's/^mgit=.*/mgit=mgit-that-is-gone/' .git/hooks/pre-commit
echo text >README
git add README
fails_with 0 "its pre-commit hook was skipped" git commit -q -m "one"

scenario "a lineage index that cannot be written does not block a commit"
make_repository
make_checkpoint model.safetensors 1
git add -A
rm -rf .git/mgit/lineage.db*
mkdir .git/mgit/lineage.db
ok git commit -q -m "one"

scenario "a damaged manifest is refused, and damaged objects where their values have to be read"
make_repository
make_checkpoint model.safetensors 1
touch -d "1 minute ago" model.safetensors # older than the index, or git would always filter it again
git add -A
good=$(git rev-parse :model.safetensors)
bad=$(git cat-file -p "$good" | sed 's/F32 16,8/F32 16,x/' | git hash-object -w --stdin)
git update-index --cacheinfo "100644,$bad,model.safetensors"
fails_with 1 "error: model.safetensors" git commit -m "one"
git update-index --cacheinfo "100644,$good,model.safetensors"
git update-index --refresh
rm .git/mgit/cache/finite
pack=$(ls .git/mgit/packs/*.pack)
chmod u+w "$pack"
python3 - "$pack" <<'PYTHON'
import sys
with open(sys.argv[1], "r+b") as pack:
    content = bytearray(pack.read())
    for at in range(len(content) // 4, len(content) * 3 // 4): content[at] ^= 0xff
    pack.seek(0); pack.write(content)
PYTHON
fails_with 1 "error: model.safetensors" git commit -m "one"

scenario "a fast-forward that replaces a model speaks up; one that continues it does not"
make_repository
make_checkpoint model.safetensors 1
commit_all "one"
git switch -q -c continued
ADD=0.01 make_checkpoint model.safetensors 1
commit_all "trained on"
git switch -q -c replaced main
make_checkpoint model.safetensors 2
commit_all "another"
git switch -q main
ok git merge --ff-only -q continued
lacks "$errors" "replaced"
git reset -q --hard continued~1
ok git merge --ff-only replaced
contains "$errors" "warning: model.safetensors: replaced by an independently trained model"
