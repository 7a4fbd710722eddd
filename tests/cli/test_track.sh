# mgit track and init: names that git would take for patterns, lines of others, what git has already.
. "$(dirname "$0")/lib.sh"

# is_tracked PATH: by git's own word.
is_tracked() { equal "$(git check-attr -z filter -- "$1" | tr '\0' '|')" "$1|filter|mgit|" "$1"; }

scenario "files with names that are patterns"
make_repository
make_checkpoint model 1
for name in 'run[1].bin' '#1.bin' '!best.bin' 'a*b.bin' 'what?.bin' 'back\slash.bin' '"quoted".bin' \
  'two  blanks.bin' ' leads.bin' 'trails.bin ' $'tab\t.bin' $'line\nend.bin' '[attr]x.bin' 'é.bin' \
  '-dash.bin' '[attr]' '[a,b]'; do
  cp -- model "./$name"
  ok mgit track -- "$name"
  is_tracked "$name"
  lacks "$errors" "warning"
done
ok mgit add .
equal "$(git ls-files -z '*.bin' | tr -cd '\0' | wc -c)" 14
for name in 'run[1].bin' '!best.bin' $'line\nend.bin' ' leads.bin'; do
  contains "$(git cat-file -p ":./$name" | tr '\0' ' ')" "mgit checkpoint 1"
done
ok mgit track 'run[1].bin'
contains "$output" "already tracking 'run[1].bin' as '/run\\[1].bin'"
equal "$(git check-attr filter -- run1.bin a--b.bin whatx.bin)" "run1.bin: filter: unspecified
a--b.bin: filter: unspecified
whatx.bin: filter: unspecified"
equal "$(mgit track | grep -c .)" "$(($(grep -c mgit .gitattributes) + 1))" # one has a line end
for name in 'run[1].bin' '#1.bin' ' leads.bin' $'line\nend.bin' '!best.bin'; do
  ok mgit untrack "$name"
  equal "$(git check-attr -z filter -- "$name" | tr '\0' '|')" "$name|filter|unspecified|"
done
fails_with 129 "not a pattern" mgit track '!nothing'

scenario "files and folders wherever they are named from"
make_repository
mkdir -p 'sub/in [x]' other
make_checkpoint 'sub/in [x]/model.bin' 1
cp 'sub/in [x]/model.bin' sub/model.bin
cp sub/model.bin top.bin
cd sub
ok mgit track './in [x]/model.bin' ../top.bin
is_tracked 'in [x]/model.bin'
is_tracked ../top.bin
ok mgit track 'deeper/*.data' other-folder/
cd ..
is_tracked sub/deeper/a.data
is_tracked sub/other-folder/x/y
ok mgit track "$PWD/other" "sub/in [x]"
is_tracked other/a/b
is_tracked 'sub/in [x]/c'
fails_with 129 "outside this repository" mgit track "$sandbox"

scenario "what keeps a file from mgit is said"
make_repository
make_checkpoint model.bin 1
make_checkpoint other.bin 2
mkdir sub
cp model.bin sub/mine.bin
echo 'mine.bin -filter' >sub/.gitattributes
printf 'other*\n' >.gitignore
ln -s model.bin link.bin
ok mgit track sub/mine.bin other.bin link.bin
contains "$errors" "sub/mine.bin: still not mgit's: another line of .gitattributes says -filter"
contains "$errors" ".gitignore:1: 'other*' has git ignore other.bin"
contains "$errors" "link.bin: a symbolic link"
ok mgit track '*.otherwise'
lacks "$errors" "warning"

scenario "init in a clone of a hub where git-lfs is not installed"
git init -q hub
cd hub
printf '*.safetensors filter=lfs diff=lfs merge=lfs -text\n*.pt filter=lfs -text\n' >.gitattributes
printf 'version https://git-lfs.github.com/spec/v1\noid sha256:%064d\nsize 12345\n' 7 >model.safetensors
echo hi >README.md
git add .
git commit -q -m hub
cd ..
git clone -q hub r
cd r
touch -d '1 hour ago' model.safetensors README.md
ok mgit init
contains "$errors" "'*.safetensors' '*.pt' to git-lfs"
contains "$errors" "model.safetensors: a git-lfs pointer"
ok git status --short
equal "$output" " M .gitattributes"
echo more >>README.md
ok git commit -q -m readme README.md
contains "$(cat .gitattributes)" "*.gguf filter=mgit"
# Taken over: pointers stay pointers, and everything goes on.
ok mgit track '*.safetensors'
contains "$errors" "'*.safetensors' was given to git-lfs; mgit's line comes later"
touch model.safetensors
ok git status --short
equal "$output" " M .gitattributes"
cp model.safetensors another.safetensors
sed -i s/7/8/ another.safetensors
ok mgit add .
contains "$errors" "another.safetensors: a git-lfs pointer, kept as it is"
fails_with 0 "another.safetensors: a git-lfs pointer is committed" git commit -m pointer
equal "$(git status --porcelain)" ""
make_checkpoint model.safetensors 1
ok git diff
contains "$output" "-oid sha256:0000"
contains "$output" "+fc1.weight F32 16,8"
ok mgit add model.safetensors
ok git commit -q -m checkpoint
ok mgit diff HEAD~1
contains "$(git cat-file -p HEAD:model.safetensors)" "mgit checkpoint 1"

scenario "init where checkpoints are in git already"
git init -q .
make_checkpoint model.safetensors 1
cp model.safetensors model.pt
head -c 500 model.pt >broken.safetensors
: >empty.safetensors
touch -d '1 hour ago' *
git add .
git commit -q -m raw
ok mgit init
contains "$errors" "broken.safetensors, model.pt, model.safetensors: in git as they are, whole"
contains "$errors" "mgit adopt"
contains "$errors" "mgit migrate import"
ok git log -p --format=%s
contains "$output" "+not a checkpoint that can be read: tensor fc1.weight"
touch *.safetensors *.pt
ok git status --short
equal "$output" "?? .gitattributes" "looking at a file does not change it"
echo text >README
ok git add README
ok git commit -q -m readme README
ok git add --renormalize .
contains "$(git cat-file -p :model.safetensors | tr '\0' ' ')" "mgit checkpoint 1"
git commit -q -m converted
ok mgit init
lacks "$errors" "model.pt"
head -c 400 model.pt >broken.safetensors
fails_with 128 "broken.safetensors" git add broken.safetensors

scenario "init in an unborn, a bare, a linked and a read-only repository"
git init -q unborn
(cd unborn && ok mgit init && [ -e .gitattributes ])
ok mgit init -q --bare bare.git
[ ! -e bare.git/.gitattributes ] || fail "attributes in a bare repository"
export GIT_DIR=$PWD/bare.git
fails_with 0 "a bare repository" mgit init
fails_with 128 "needs a working tree" mgit track '*.pt'
unset GIT_DIR
git init -q main
cd main
git commit -q --allow-empty -m one
git worktree add -q ../linked
cd ../linked
ok mgit init
make_checkpoint model.safetensors 1
ok mgit add model.safetensors
ok git commit -q -m one
contains "$(git show HEAD:.gitattributes)" "filter=mgit"
equal "$(git status --porcelain)" ""
cd ..
if [ "$(id -u)" != 0 ]; then
  git init -q locked
  chmod -R a-w locked
  cd locked
  run mgit init
  differ "$status" 0
  [ ! -e .gitattributes ] || fail "half an init"
fi

scenario "a checkpoint that somebody pushed without mgit is said when it arrives"
make_repository r
make_checkpoint model.safetensors 1
commit_all one
git config receive.denyCurrentBranch ignore
cd ..
git clone -q r colleague
mgit clone -q r mine
cd colleague
ADD=0.1 make_checkpoint model.safetensors 1
git commit -q -a -m "without mgit"
git push -q ../r main
cd ../mine
ok git pull -q
contains "$errors" "note: model.safetensors: in git as it is, whole"
contains "$errors" "mgit adopt"
cd ..
ok mgit clone -q colleague other
contains "$errors" "note: model.safetensors: in git as it is, whole"
cd mine
git add --renormalize .
ok git commit -q -m converted
contains "$(git cat-file -p HEAD:model.safetensors | tr '\0' ' ')" "mgit checkpoint 1"
cd ..
ok mgit clone -q mine again
lacks "$errors" "whole"
same_file again/model.safetensors mine/model.safetensors

scenario "a .gitattributes in conflict is the user's to resolve"
make_repository
rm .git/hooks/pre-commit
printf 'a\n' >.gitattributes
git add .gitattributes
git commit -q -m base
git switch -q -c other
echo '*.x text' >.gitattributes
git commit -q -a -m x
git switch -q main
echo '*.y text' >.gitattributes
git commit -q -a -m y
git merge -q -s recursive other >/dev/null 2>&1 || true
echo '*.safetensors filter=mgit diff=mgit merge=mgit -text' >>.gitattributes
make_checkpoint model.safetensors 1
run mgit add model.safetensors
differ "$(git ls-files -u .gitattributes)" ""
