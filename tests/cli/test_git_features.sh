# git's features round the filter: submodules, sparse checkout, bisect, line ends, and the rest.
. "$(dirname "$0")/lib.sh"

scenario "a worktree: added in one, checked out in the other, one store"
make_repository repo
make_checkpoint model.safetensors 1
commit_all "one"
ok git worktree add -q ../second -b second
cd ../second
make_checkpoint model.safetensors 2
ok mgit add model.safetensors
ok git commit -q -m "two"
two=$(digest model.safetensors)
ok test ! -e "$(git rev-parse --git-dir)/mgit"
cd ../repo
ok git checkout -q --detach second
equal "$(digest model.safetensors)" "$two"
ok mgit fsck

scenario "a submodule that is a model repository"
make_repository model
make_checkpoint model.safetensors 1
commit_all "one"
wanted=$(digest model.safetensors)
cd ..
git init -q super
cd super
ok git submodule add -q "$PWD/../model" net
ok git commit -q -m "with a submodule"
cd ..
ok git clone -q --recurse-submodules super copy
is_manifest copy/net/model.safetensors
cd copy/net
ok mgit install
ok mgit fetch
ok mgit install
equal "$(digest model.safetensors)" "$wanted"
equal "$(git status --porcelain)" ""
make_checkpoint model.safetensors 2
ok mgit add model.safetensors
ok git commit -q -m "two"
equal "$(git -C .. status --porcelain)" " M net"

scenario "a bare repository: clone, push into it, look at it"
make_repository work
make_checkpoint model.safetensors 1
commit_all "one"
ok git clone -q --bare . ../hub.git
git remote add origin ../hub.git
make_checkpoint model.safetensors 2
two=$(digest model.safetensors)
commit_all "two"
ok mgit push -q origin main
cd ../hub.git
ok mgit ls main
contains "$output" "fc1.weight"
ok git diff --stat main~1 main
contains "$output" "model.safetensors"
cd ..
ok mgit clone -q hub.git third
equal "$(digest third/model.safetensors)" "$two"

for autocrlf in true input; do
  scenario "core.autocrlf=$autocrlf leaves checkpoints alone"
  make_repository
  git config core.autocrlf $autocrlf
  make_checkpoint model.safetensors 1 w=64,64
  printf 'not a checkpoint\r\n' >notes.txt
  wanted=$(digest model.safetensors)
  commit_all "one"
  rm model.safetensors
  ok git checkout model.safetensors
  equal "$(digest model.safetensors)" "$wanted"
  equal "$(git status --porcelain)" ""
  equal "$(git cat-file -p HEAD:model.safetensors | tr -dc '\r' | wc -c)" 0
done

for cone in --cone --no-cone; do
  scenario "sparse checkout ($cone): a checkpoint left out, then let in"
  make_repository
  mkdir big small
  make_checkpoint big/model.safetensors 1
  make_checkpoint small/model.safetensors 2
  commit_all "one"
  wanted=$(digest big/model.safetensors)
  ok git sparse-checkout set $cone small
  equal "$(ls)" "small"
  ok mgit add -A
  equal "$(git status --porcelain)" ""
  contains "$(git ls-files)" "big/model.safetensors"
  make_checkpoint small/model.safetensors 3
  ok mgit add small/model.safetensors
  ok git commit -q -m "two"
  contains "$(git ls-tree -r --name-only HEAD)" "big/model.safetensors"
  ok git sparse-checkout disable
  equal "$(digest big/model.safetensors)" "$wanted"
  equal "$(git status --porcelain)" ""
done

# strange KIND: makes the index one that libgit2 cannot read.
strange() {
  case $1 in
  split) git update-index --split-index ;;
  sparse)
    git sparse-checkout set --cone --sparse-index small
    contains "$(git ls-files --sparse)" "big/"
    ;;
  unhashed) python3 -c '
content = open(".git/index", "rb").read()
open(".git/index", "wb").write(content[:-20] + bytes(20))' ;;
  esac
}
for kind in split sparse unhashed; do
  scenario "an index that is $kind"
  make_repository
  mkdir big small
  make_checkpoint big/model.safetensors 1
  make_checkpoint small/model.safetensors 2
  commit_all "one"
  strange "$kind"
  make_checkpoint small/model.safetensors 3
  ok mgit add small/model.safetensors
  contains "$(git diff --cached --name-only)" "small/model.safetensors"
  strange "$kind"
  make_checkpoint small/other.safetensors 4
  ok git add small/other.safetensors
  ok mgit commit -q -m "two"
  lacks "$errors" "warning"
  wanted=$(digest small/model.safetensors)
  strange "$kind"
  ok mgit checkout -q HEAD~1
  ok mgit checkout -q main
  equal "$(digest small/model.safetensors)" "$wanted"
  equal "$(git status --porcelain)" ""
  git cat-file -p main:small/model.safetensors >small/model.safetensors
  strange "$kind"
  ok mgit install
  equal "$(digest small/model.safetensors)" "$wanted"
  equal "$(git status --porcelain)" ""
  python3 - <<'PYTHON'
import json, struct
head = json.dumps({"w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
open("small/nan.safetensors", "wb").write(struct.pack("<Q", len(head)) + head + struct.pack("<f", float("nan")))
PYTHON
  git add small/nan.safetensors
  strange "$kind"
  fails_with 1 "not finite" git commit -q -m "three"
done

scenario "mgit log --all is the project's history; in git's own, notes and originals are no decorations"
make_repository
make_checkpoint model.safetensors 1
commit_all "main's"
git switch -q -c feature
make_checkpoint model.safetensors 2
commit_all "the feature's"
ok mgit rebase feature onto main
git switch -q main
ok mgit merge -q feature
equal "$(mgit log --all --format=%s | sort | uniq -c | sed 's/^ *//')" "1 Merge branch 'feature'
1 main's
1 the feature's"
equal "$(mgit log --format=%s --all -- model.safetensors | wc -l)" 3
equal "$(mgit log -1 --format=%s)" "Merge branch 'feature'"
equal "$(mgit log --oneline -- --all | wc -l)" 0 "a path called --all"
contains "$(git log --all --format=%s)" "otes"
lacks "$(git log --all --oneline --decorate)" "refs/"

scenario "bisect runs a test on the checkpoint itself"
make_repository
for n in 1 2 3 4 5 6; do
  make_checkpoint model.safetensors $n
  [ $n -lt 4 ] || printf 'bad\0' >>model.safetensors
  commit_all "step $n"
done
bad=$(git rev-parse HEAD~2)
ok git bisect start HEAD HEAD~5
ok git bisect run sh -c '! tail -c 4 model.safetensors | grep -q bad'
contains "$output" "$bad is the first bad commit"
ok git bisect reset
equal "$(git status --porcelain)" ""

scenario "archive has the content"
make_repository
make_checkpoint model.safetensors 1
commit_all "one"
git archive HEAD | tar -x -C "$sandbox" model.safetensors
same_file "$sandbox/model.safetensors" model.safetensors

scenario "stash -u, mv, rm --cached"
make_repository
make_checkpoint model.safetensors 1
commit_all "one"
one=$(digest model.safetensors)
make_checkpoint new.safetensors 2
make_checkpoint model.safetensors 3
two=$(digest new.safetensors)
three=$(digest model.safetensors)
ok git stash -u
equal "$(ls)" "model.safetensors"
equal "$(digest model.safetensors)" "$one"
ok git stash pop
equal "$(digest new.safetensors)" "$two"
equal "$(digest model.safetensors)" "$three"
git checkout -q model.safetensors
rm new.safetensors
ok git mv model.safetensors moved.safetensors
equal "$(git status --porcelain)" "R  model.safetensors -> moved.safetensors"
ok git commit -q -m "moved"
equal "$(digest moved.safetensors)" "$one"
ok git rm -q --cached moved.safetensors
equal "$(git status --porcelain)" "D  moved.safetensors
?? moved.safetensors"
equal "$(digest moved.safetensors)" "$one"

scenario "blanks and letters of other languages in paths"
make_repository
mkdir "Ordner mit Blank"
path="Ordner mit Blank/größe 模型.safetensors"
make_checkpoint "$path" 1
wanted=$(digest "$path")
ok mgit add "$path" .gitattributes
ok git commit -q -m "one"
rm "$path"
ok git checkout -- "$path"
equal "$(digest "$path")" "$wanted"
ok mgit ls HEAD "$path"
contains "$output" "fc1.weight"
make_checkpoint "$path" 2
contains "$(git diff -- "$path")" "fc1.weight"
ok git commit -qam "two"
equal "$(git status --porcelain)" ""

scenario "without the binary git stops rather than store the file itself"
make_repository
make_checkpoint model.safetensors 1
commit_all "one"
git config filter.mgit.process "/nowhere/mgit filter-process"
git config filter.mgit.clean "/nowhere/mgit clean"
git config filter.mgit.smudge "/nowhere/mgit smudge"
make_checkpoint model.safetensors 2
fails_with 128 "/nowhere/mgit: not found" git add model.safetensors
equal "$(git diff --cached --name-only)" ""

scenario "a shallow clone has the checkpoints of its commits"
make_repository origin
make_checkpoint model.safetensors 1
commit_all "one"
make_checkpoint model.safetensors 2
commit_all "two"
wanted=$(digest model.safetensors)
ok mgit clone -q --depth 1 "file://$PWD" ../shallow
cd ../shallow
equal "$(git rev-list --count HEAD)" 1
equal "$(digest model.safetensors)" "$wanted"

for index in "" --sparse-index; do
  scenario "a partial clone fetches the manifests that it lacks, and nothing else $index"
  make_repository origin
  mkdir nets other
  make_checkpoint nets/model.safetensors 1
  echo one >other/notes
  commit_all "one"
  first=$(digest nets/model.safetensors)
  make_checkpoint nets/model.safetensors 2 # trained on its own
  commit_all "two"
  echo two >other/notes
  commit_all "three"
  git config uploadpack.allowFilter true
  old=$(git rev-parse HEAD~1:other/notes)
  ok mgit clone -q --filter=blob:none "file://$PWD" ../clone
  cd ../clone
  [ -z "$index" ] || git sparse-checkout set --cone "$index" nets
  missing() { git rev-list --objects --all --missing=print | grep -c '^?' || true; }
  equal "$(missing)" 2
  ok mgit lineage
  contains "$output" "one"
  equal "$(missing)" 1 "blobs that are not here"
  contains "$(git rev-list --objects --all --missing=print)" "?$old"
  ok mgit diff HEAD~2 -- nets
  contains "$output" "changed"
  ok mgit checkout -q HEAD~2 -- nets/model.safetensors
  equal "$(digest nets/model.safetensors)" "$first"
  equal "$(missing)" 1
done

scenario "mgit ls and mgit lineage take what one would type"
make_repository
mkdir nets
make_checkpoint nets/model.safetensors 1
commit_all "one"
git rm -q nets/model.safetensors
make_checkpoint other.safetensors 2
commit_all "two"
ok mgit ls
contains "$output" "other.safetensors"
ok mgit ls other.safetensors
equal "$(head -3 <<<"$output" | tr -s ' ' | sed 's/[0-9a-f]\{10\}/OBJECT/; s/ [0-9]* bytes$/ N bytes/; s/raw\|zstd/CODING/')" \
  "other.safetensors safetensors, 1.1 kB, 4 tensors
 tensor dtype shape object coding stored
 fc1.bias F32 16 OBJECT CODING N bytes"
make_checkpoint one.safetensors 3 w=2
commit_all "one tensor"
contains "$(mgit ls one.safetensors)" ", 1 tensor
"
git reset -q --hard HEAD~1
ok mgit ls HEAD~1:nets/model.safetensors
contains "$output" "nets/model.safetensors"
mkdir -p nets
cd nets
ok mgit ls HEAD~1 model.safetensors
contains "$output" "nets/model.safetensors"
ok mgit ls ../other.safetensors
ok mgit ls other.safetensors
fails_with 128 "no such branch or revision" mgit ls nothing.safetensors
ok mgit lineage ../other.safetensors
contains "$output" "two"
ok mgit lineage HEAD~1 model.safetensors
contains "$output" "one"

scenario "a repository with SHA-256 is refused with a word"
git init -q --object-format=sha256 .
fails_with 128 "SHA-256" mgit install
