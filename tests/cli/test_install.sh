# init, track, install and uninstall.
. "$(dirname "$0")/lib.sh"

scenario "init makes a repository that takes checkpoints; again changes nothing"
ok mgit init -b trunk models
cd models
equal "$(git symbolic-ref HEAD)" "refs/heads/trunk"
contains "$(cat .gitattributes)" "*.safetensors filter=mgit diff=mgit merge=mgit -text"
equal "$(git check-attr filter -- a/b.pt c.gguf)" "a/b.pt: filter: mgit
c.gguf: filter: mgit"
cp .gitattributes "$sandbox/attributes"
equal "$(git config filter.mgit.required)" "true"
cp .git/config "$sandbox/config"
ok mgit init
same_file .git/config "$sandbox/config"
same_file .gitattributes "$sandbox/attributes"

scenario "track and untrack leave other lines alone"
make_repository
printf '# mine\n*.txt text\n*.safetensors filter=mgit diff=mgit merge=mgit -text' >.gitattributes
ok mgit track 'models/*.bin' '*.safetensors' 'with blank.pt'
equal "$(mgit track)" "*.safetensors
models/*.bin
with blank.pt"
contains "$(cat .gitattributes)" "# mine
*.txt text
*.safetensors filter=mgit"
equal "$(git check-attr filter -- 'with blank.pt')" "with blank.pt: filter: mgit"
ok mgit untrack 'models/*.bin'
ok mgit untrack 'with blank.pt'
ok mgit untrack '*.safetensors'
equal "$(cat .gitattributes)" "# mine
*.txt text"
fails_with 128 "not tracked" mgit untrack '*.safetensors'

scenario "uninstall leaves configuration and hooks as they were, byte for byte"
git init -q .
git remote add origin /nowhere/remote.git
printf '[merge]\n\tff = only ; mine\n# a comment\n[filter "other"]\n\tclean = cat\n' >>.git/config
printf '#!/bin/sh\necho mine\n' >.git/hooks/pre-commit
chmod 750 .git/hooks/pre-commit
cp -a .git/config "$sandbox/before.config"
snapshot() { (cd .git/hooks && find . -type f -printf '%p %m ' -exec sha256sum {} \; | sort); }
before=$(snapshot)
ok mgit install
differ "$(snapshot)" "$before"
equal "$(git config merge.ff)" "only" "git's own fast-forwards are left alone"
ok mgit install --no-ff
equal "$(git config merge.ff)" "false"
contains "$(git config --get-all remote.origin.fetch)" "refs/mgit/origin"
ok mgit install
ok mgit install --keep-ff
equal "$(git config merge.ff)" "only"
ok mgit uninstall
same_file .git/config "$sandbox/before.config"
equal "$(snapshot)" "$before"
fails_with 128 "not installed" mgit uninstall
lacks "$errors" "manifest"

scenario "uninstall says what stays, and the way out of it still works"
make_repository
make_checkpoint model.safetensors 1
commit_all "one"
cp model.safetensors "$sandbox/one.safetensors"
ok mgit uninstall
contains "$errors" "note: 1 checkpoint of HEAD is a manifest in git; the tensors stay in .git/mgit"
contains "$errors" "mgit migrate export"
[ -e .git/mgit/packs ] || fail "the store is gone"
ok mgit install
equal "$(git status --porcelain)" ""
ok mgit uninstall
git checkout -q -- model.safetensors
ok mgit migrate export
git cat-file -p HEAD:model.safetensors >"$sandbox/exported"
same_file "$sandbox/exported" "$sandbox/one.safetensors"
equal "$(git status --porcelain)" ""
ok mgit install
ok mgit uninstall
lacks "$errors" "manifest"

scenario "a configuration changed since: only ours goes"
git init -q .
git config pull.ff only
ok mgit install
git config user.nickname somebody
ok mgit uninstall
equal "$(git config user.nickname)" "somebody"
equal "$(git config pull.ff)" "only"
equal "$(git config --get-regexp mgit || true)" ""
equal "$(git config pull.twohead || true)" ""

scenario "an installation cut short is no installation, and can be completed or taken away"
git init -q .
cp .git/config "$sandbox/before.config"
ok mgit install
cp .git/config "$sandbox/complete.config"
cut_short() {
  sed -i 's/"config_after": "[0-9a-f]*"/"config_after": "'"$(printf '%064d' 0)"'"/' .git/mgit/install.json
  git config --unset filter.mgit.process
}
cut_short
ok mgit install
same_file .git/config "$sandbox/complete.config"
cut_short
ok mgit uninstall
equal "$(git config -l --local)" "$(git config -l -f "$sandbox/before.config")"
make_checkpoint model.safetensors 1
git add -A
git commit -q -m blob
ok mgit install
cut_short
ok mgit migrate import
contains "$output$errors" "installed filters"
same_file .git/config "$sandbox/complete.config"

scenario "core.hooksPath is respected"
git init -q .
mkdir my-hooks
git config core.hooksPath my-hooks
ok mgit install
[ -x my-hooks/pre-commit ] || fail "no hook in my-hooks"
[ ! -e .git/hooks/pre-commit ] || fail "a hook in .git/hooks"
ok mgit uninstall
equal "$(ls my-hooks)" ""

scenario "outside PATH, the binary is called by its path"
git init -q "it's here"
cp "$MGIT_BIN" "$sandbox/mgit copy"
cd "it's here"
ok env PATH="$PATH_WITHOUT_MGIT" "$sandbox/mgit copy" install
contains "$(git config filter.mgit.process)" "'$sandbox/mgit copy' filter-process"
contains "$errors" "git-merge-mgit is not on PATH"
equal "$(git config pull.twohead || true)" ""
mgit track '*.safetensors' >/dev/null
make_checkpoint model.safetensors 1
PATH=$PATH_WITHOUT_MGIT git add model.safetensors
contains "$(git cat-file -p :model.safetensors)" "mgit checkpoint 1"

scenario "install in a clone made without mgit brings the checkpoints"
make_repository source
make_checkpoint model.safetensors 1
commit_all "one"
cd ..
git clone -q source clone
cd clone
is_manifest model.safetensors
ok mgit install
same_file model.safetensors ../source/model.safetensors
equal "$(git status --porcelain)" ""

scenario "install --global lets a plain git clone bring them"
make_repository source
make_checkpoint model.safetensors 1
commit_all "one"
cd ..
cp "$GIT_CONFIG_GLOBAL" "$sandbox/global"
ok mgit install --global
git clone -q source clone
same_file source/model.safetensors clone/model.safetensors
equal "$(git config --global pull.twohead || true)" ""
ok mgit uninstall --global
same_file "$GIT_CONFIG_GLOBAL" "$sandbox/global"
