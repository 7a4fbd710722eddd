# .gitattributes travels with the first checkpoint; without it, somebody says what is missing.
. "$(dirname "$0")/lib.sh"

line='*.safetensors filter=mgit diff=mgit merge=mgit -text'
has_line() { contains "$(git show "${1:-HEAD}:.gitattributes" 2>/dev/null || true)" "$line"; }

scenario "README's tour: a clone has the model"
ok mgit init r
cd r
make_checkpoint model.safetensors 1
ok mgit add model.safetensors
ok mgit commit -m "First training"
contains "$errors" ".gitattributes: staged, too"
has_line
equal "$(git status --porcelain)" ""
git init -q --bare ../remote.git
git remote add origin ../remote.git
ok mgit push -q -u origin main
cd ..
ok mgit clone -q remote.git clone
same_file clone/model.safetensors r/model.safetensors

scenario "plain git add and git commit take it along, in all their forms"
for form in "commit -q -m one" "commit -q -m one -- model.safetensors" "commit -q -a -m one"; do
  mgit init -q "${form// /_}" >/dev/null
  cd "${form// /_}"
  git commit -q --allow-empty -m nothing
  make_checkpoint model.safetensors 1
  git add model.safetensors
  ok git $form
  contains "$errors" ".gitattributes: staged, too"
  has_line
  equal "$(git status --porcelain)" "" "$form"
  make_checkpoint model.safetensors 2
  ok git commit -q -a -m two
  lacks "$errors" ".gitattributes"
  cd ..
done

scenario "a half-edited .gitattributes: mgit's lines alone, and it says so"
make_repository
printf '*.txt text\n' >.gitattributes
git add .gitattributes
git commit -q -m attributes
printf '*.txt text\n*.md half-edi' >.gitattributes
mgit track '*.safetensors' >/dev/null
make_checkpoint model.safetensors 1
ok mgit add model.safetensors
ok git commit -q -m one
contains "$errors" "only mgit's lines of it"
equal "$(git show HEAD:.gitattributes)" "*.txt text
$line"
contains "$(git diff .gitattributes)" "+*.md half-edi"
contains "$(git status --porcelain)" " M .gitattributes"

scenario "attributes of a folder, and of nobody's clone"
make_repository
mgit untrack '*.safetensors'
mkdir sub
echo "$line" >sub/.gitattributes
make_checkpoint sub/model.safetensors 1
git add sub/model.safetensors
ok git commit -q -m one
contains "$(git show HEAD:sub/.gitattributes)" "$line"
echo "$line" >"$HOME/attributes"
git config core.attributesFile "$HOME/attributes"
make_checkpoint model.safetensors 1
ok mgit add model.safetensors
ok git commit -q -m two
contains "$errors" "warning: model.safetensors: no .gitattributes that git has gives it to mgit"
contains "$errors" "mgit track '*.safetensors'"

scenario "where no hook will do it, mgit add does; past the hook, a warning"
make_repository
make_checkpoint model.safetensors 1
git add model.safetensors
fails_with 0 "warning: model.safetensors: committed without the .gitattributes" git commit -q --no-verify -m one
contains "$errors" "git commit --amend"
git add .gitattributes
ok git commit -q --amend --no-edit
lacks "$errors" "warning"
mgit track '*.other' >/dev/null
rm .git/hooks/pre-commit
make_checkpoint model.other 2
fails_with 0 ".gitattributes: staged, too" mgit add model.other
ok git commit -q -m two
contains "$(git show HEAD:.gitattributes)" "*.other"

# without_attributes DIRECTORY: a repository whose first commit is a manifest without attributes,
# as older tools left it; main~1 has it, main has .gitattributes, too.
without_attributes() {
  make_repository "$1"
  make_checkpoint model.safetensors 1
  git add model.safetensors
  git commit -q --no-verify -m "model alone"
  git add .gitattributes
  git commit -q -m attributes
}

scenario "manifests without attributes: clone, checkout, fsck and pull say what to do"
without_attributes r
git branch old main~1
cd ..
ok mgit clone -q -b old r clone
contains "$errors" "warning: model.safetensors: a manifest in the checkpoint's place"
contains "$errors" "mgit track '*.safetensors'"
cd clone
is_manifest model.safetensors
rm model.safetensors
fails_with 0 "warning: model.safetensors: a manifest" mgit checkout -q -- .
rm model.safetensors
fails_with 0 "warning: model.safetensors: a manifest" git checkout -q -- .
fails_with 0 "HEAD: model.safetensors: a manifest" mgit fsck
ok mgit track '*.safetensors'
same_file model.safetensors ../r/model.safetensors
equal "$(git status --porcelain)" "?? .gitattributes"
rm .gitattributes
git -C ../r switch -q old
git -C ../r update-index --add --cacheinfo "100644,$(git rev-parse HEAD:model.safetensors),other.safetensors"
git -C ../r commit -q --no-verify -m other
git -C ../r checkout -q -f main
cp ../r/model.safetensors "$sandbox/model"
fails_with 0 "warning: other.safetensors: a manifest" git pull -q
fails_with 0 "checked out" git pull -q --no-rebase --no-edit origin main
same_file other.safetensors "$sandbox/model"
same_file model.safetensors "$sandbox/model"
equal "$(git status --porcelain)" ""
ok mgit fsck
lacks "$errors" "a manifest"

scenario "to a commit before .gitattributes and back leaves checkpoints"
without_attributes r
for mover in git mgit; do
  ok $mover checkout -q main~1
  ok $mover checkout -q main
  is_no_manifest model.safetensors
  equal "$(git status --porcelain)" ""
  git checkout -q main~1
  rm model.safetensors
  run $mover checkout -q -- model.safetensors
  is_manifest model.safetensors
  fails_with 0 "checked out model.safetensors" $mover checkout -q main
  is_no_manifest model.safetensors
  equal "$(git status --porcelain)" ""
done
git switch -q -c empty-one $(git commit-tree -m e $(git mktree </dev/null))
[ ! -e .gitattributes ] || fail "attributes in the empty commit"
ok git switch -q main
is_no_manifest model.safetensors

scenario "git reset, which runs no hook: fsck tells, checkout mends"
without_attributes r
cp model.safetensors "$sandbox/model"
git checkout -q main~1
rm model.safetensors
git checkout -q -- model.safetensors 2>/dev/null
git reset -q --hard main
is_manifest model.safetensors
equal "$(git status --porcelain)" ""
fails_with 0 "note: model.safetensors: the working tree has its manifest" mgit fsck
ok mgit checkout -- .
same_file model.safetensors "$sandbox/model"
equal "$(git status --porcelain)" ""
ok mgit fsck
lacks "$errors" "note"

scenario "a .gitattributes that git does not read"
git init -q .
echo '*.txt text' >real
ln -s real .gitattributes
fails_with 128 ".gitattributes: a symbolic link, which git does not follow" mgit track '*.pt'
[ -L .gitattributes ] || fail "the link is gone"
equal "$(cat real)" '*.txt text'

scenario "git stash -u puts checkpoints back before their attributes: the commit mends them"
make_repository
git commit -q --allow-empty -m base
make_checkpoint model.safetensors 1
cp model.safetensors "$sandbox/model"
git add model.safetensors
git stash -q -u
git stash pop -q
ok git commit -q -m one
same_file model.safetensors "$sandbox/model"
equal "$(git status --porcelain)" ""
has_line
