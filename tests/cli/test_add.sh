# mgit add: the same objects and the same index as git add, without a pipe.
. "$(dirname "$0")/lib.sh"

# filter_runs COMMAND…: how many times git starts the filter.
filter_runs() { GIT_TRACE=1 "$@" 2>&1 | grep -c "run_command.*filter-process" || true; }

# old FILE…: written long ago, so that git does not call the entry racy.
old() { touch -d '1 hour ago' "$@"; }

scenario "mgit add and git add give identical manifests"
make_repository
make_checkpoint model.safetensors 1
make_checkpoint odd.safetensors 2 "a b=2,3" "é=4:F64" scalar=: empty=0,7 half=5:F16 brain=6:BF16 count=:I64
ok mgit add model.safetensors odd.safetensors
first=$(git rev-parse :model.safetensors)
second=$(git rev-parse :odd.safetensors)
git rm -q --cached model.safetensors odd.safetensors
ok git add model.safetensors odd.safetensors
equal "$(git rev-parse :model.safetensors)" "$first"
equal "$(git rev-parse :odd.safetensors)" "$second"

scenario "neither status nor another add runs the filter again"
make_repository
make_checkpoint model.safetensors 1
old model.safetensors
equal "$(filter_runs mgit add .)" 0 "mgit add ran the filter"
equal "$(git status --porcelain)" "A  .gitattributes
A  model.safetensors"
equal "$(filter_runs git status)" 0 "git status ran the filter"
equal "$(filter_runs git add .)" 0 "git add ran the filter"
equal "$(filter_runs mgit add -A)" 0 "mgit add -A ran the filter"
git commit -qm "one"
make_checkpoint model.safetensors 2
old model.safetensors
touch -d '2 hours ago' model.safetensors
equal "$(filter_runs mgit add -u)" 0 "mgit add -u ran the filter"
equal "$(git status --porcelain)" "M  model.safetensors"

scenario "ordinary files, removed files and other options are git's"
make_repository
make_checkpoint model.safetensors 1
echo text >README
mkdir sub
make_checkpoint sub/model.safetensors 2
ok mgit add -v .
contains "$output" "add 'model.safetensors'"
contains "$output" "add 'README'"
git commit -qm "one"
rm sub/model.safetensors
echo more >>README
ok mgit add -A
equal "$(git status --porcelain)" "M  README
D  sub/model.safetensors"
make_checkpoint model.safetensors 3
fails_with 0 "add 'model.safetensors'" mgit add --dry-run model.safetensors
equal "$(git diff --cached --name-only -- model.safetensors)" ""
fails_with 128 "did not match any files" mgit add model.safetensors nowhere
equal "$(git diff --cached --name-only -- model.safetensors)" ""
mkdir -p other
cd other
ok mgit add ../model.safetensors
equal "$(git diff --cached --name-only -- :/model.safetensors)" "model.safetensors"

scenario "an ignored checkpoint needs --force"
make_repository
echo "*.safetensors" >.gitignore
make_checkpoint model.safetensors 1
fails_with 1 "ignored" mgit add model.safetensors
ok mgit add -f model.safetensors
contains "$(git cat-file -p :model.safetensors)" "mgit checkpoint 1"

scenario "a broken checkpoint: one line, status 128, nothing staged"
make_repository
make_checkpoint good.safetensors 1
make_checkpoint whole.safetensors 2
head -c 300 whole.safetensors >broken.safetensors
rm whole.safetensors
echo text >README
fails_with 128 "fatal: broken.safetensors" mgit add .
equal "$(git ls-files --cached)" ""
equal "$(git status --porcelain --untracked-files=no)" ""

scenario "the executable bit and unusual names"
make_repository
make_checkpoint "a name.safetensors" 1
chmod +x "a name.safetensors"
ok mgit add .
contains "$(git ls-files -s)" "100755"
equal "$(git status --porcelain | wc -l)" 2

scenario "a conflict is resolved by adding"
make_repository
make_checkpoint model.safetensors 1
commit_all "one"
git switch -q -c other
make_checkpoint model.safetensors 2
commit_all "two"
git switch -q main
make_checkpoint model.safetensors 3 other=3
commit_all "three"
git -c merge.mgit.driver=false merge -q -s recursive other >/dev/null 2>&1 || true
contains "$(git status --porcelain)" "UU model.safetensors"
make_checkpoint model.safetensors 4
ok mgit add model.safetensors
equal "$(git status --porcelain)" "M  model.safetensors"

scenario "a locked index is left alone"
make_repository
make_checkpoint model.safetensors 1
touch .git/index.lock
fails_with 128 "lock" mgit add model.safetensors
rm .git/index.lock
ok mgit add model.safetensors

# edited_unseen: a file that was edited, to the same size, in the second in which it was staged: its
# stat data says nothing, only its content and the age of the index do.
edited_unseen() {
  git reset -q --hard
  while true; do
    python3 -c 'import time; time.sleep(1.02 - time.time() % 1)'
    echo aaa >notes
    git add notes
    echo bbb >notes
    [ "$(stat -c %Y notes)" != "$(stat -c %Y .git/index)" ] || break
  done
  sleep 1.1 # whatever is written now looks younger than the file
}

scenario "an edit in the second of staging stays in sight"
make_repository
make_checkpoint model.safetensors 1
echo xxx >notes
commit_all "one"
make_checkpoint model.safetensors 2
commit_all "two"
edited_unseen
make_checkpoint other.safetensors 3
ok mgit add other.safetensors
equal "$(git status --porcelain notes)" "MM notes" "after mgit add"
edited_unseen
ok mgit restore --source HEAD~1 -- model.safetensors
equal "$(git status --porcelain notes)" "MM notes" "after mgit restore"
edited_unseen
ok mgit checkout -q HEAD~1
equal "$(git status --porcelain notes)" "MM notes" "after mgit checkout"
equal "$(cat notes)" bbb
