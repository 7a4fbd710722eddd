# git's options before the command and after it, slips, help and version.
. "$(dirname "$0")/lib.sh"

# refused_as_git STATUS ARGUMENTS…: mgit and git end alike.
refused_as_git() {
  local wanted=$1
  shift
  run git "$@"
  equal "$status" "$wanted" "git $*"
  fails_with "$wanted" "" mgit "$@"
}

scenario "git's options before a command of mgit's"
make_repository r
make_checkpoint m.safetensors 1
commit_all one
make_checkpoint m.safetensors 2
mkdir -p sub
cd ..
for options in "-C r" "-C r -C sub" "-C . -C r" "--git-dir=r/.git --work-tree=r" \
  "--git-dir r/.git --work-tree r" "-C r --git-dir=.git" "--git-dir=.git -C r" "-C r -c core.quotePath=false" \
  "-C r -c core.quotePath" "-C r --no-pager" "-C r -P" "-C r --paginate" "-C r -p" "-C r --no-optional-locks" \
  "-C r --no-replace-objects" "-C r --namespace=n" "-C r --namespace n" "-C r --literal-pathspecs" \
  "-C r --glob-pathspecs" "-C r --icase-pathspecs" "-C r --exec-path=$(git --exec-path)" "-C r/.git" \
  "-C r/.git --bare"; do
  for command in ls fsck "spec show" lineage; do
    # An MLP without a configuration fits no family, or one: only that the command was found counts.
    run mgit $options $command
    lacks "$errors" "is not a git command"
    lacks "$errors" "unknown option"
    lacks "$errors" "not a git repository"
  done
  ok mgit $options ls
  contains "$output" "fc1.weight"
done
ok mgit -C r diff --stat
ok mgit -C r/sub diff
contains "$output" "fc1.weight"
ok mgit -C r -c diff.noprefix=true -c color.ui=always add m.safetensors
equal "$(git -C r diff --cached --name-only)" m.safetensors
ok mgit --git-dir=r/.git --work-tree=r commit -qm two
ok mgit -C r checkout -q HEAD~1
ok mgit --git-dir=r/.git --work-tree=r switch -q main
equal "$(git -C r status --porcelain)" ""
mv r/.git gone
ok mgit --git-dir=gone --work-tree=r ls
ok mgit --git-dir=gone --work-tree=r lineage

scenario "settings reach mgit's own commands and the git that they start"
make_repository r
make_checkpoint m.safetensors 1
commit_all one
export SETTING=3.weeks.ago
ok mgit -c gc.pruneExpire=never gc
fails_with 129 "not a date" mgit -c gc.pruneExpire=nonsense.nothing gc
fails_with 129 "not a date" mgit -c 'gc.pruneExpire=it'\''s!' gc
ok mgit --config-env=gc.pruneExpire=SETTING gc
SETTING="no date" fails_with 129 "not a date" mgit --config-env gc.pruneExpire=SETTING gc
ok mgit -c gc.pruneExpire=nonsense -c gc.pruneExpire=now gc
ok mgit -c user.name=Somebody commit -q --allow-empty -m named
equal "$(git log -1 --format=%an)" Somebody
ok git -c gc.pruneExpire=now mgit gc
fails_with 129 "not a date" git -c gc.pruneExpire=nonsense mgit gc

scenario "wrong ones end as git's do"
git init -q .
for arguments in "-C" "-C nowhere status" "-c" "--git-dir" "--git-dir=nowhere status" "--nonsense" "--config-env" \
  "--config-env=a.b=NOT_THERE status" "--work-tree" "--namespace"; do
  run git $arguments
  wanted=$status
  fails_with "$wanted" "" mgit ${arguments/status/ls}
done
fails_with 128 "cannot change to 'nowhere'" mgit -C nowhere ls
fails_with 129 "did you mean --no-pager?" mgit --no-pagr ls
fails_with 129 "no value given for '-C'" mgit -C

scenario "git's options before a command of git's are git's"
git init -q r
git -C r commit -q --allow-empty -m one
equal "$(mgit -C r --no-pager log --format=%s)" one
equal "$(mgit --git-dir=r/.git rev-parse --git-dir)" "r/.git"
equal "$(mgit -c alias.subject='log --format=%s' -C r subject)" one
equal "$(mgit --exec-path)" "$(git --exec-path)"
equal "$(mgit --html-path)" "$(git --html-path)"
equal "$(mgit --list-cmds=main)" "$(git --list-cmds=main)"
equal "$(git -C r mgit fsck 2>&1)" "$(mgit -C r fsck 2>&1)"

scenario "version: mgit's, then git's"
for command in --version -v version; do
  ok mgit $command
  contains "$output" "mgit version "
  contains "$output" "$(git version)"
done
ok git mgit version
contains "$output" "mgit version "
ok mgit version --build-options
contains "$output" "cpu:"

scenario "slips: mgit's commands and git's are both meant"
git init -q .
fails_with 1 "did you mean 'mgit lineage'?" mgit lineag
fails_with 1 "did you mean 'mgit rebase'?" mgit rebsae main
fails_with 1 "comit' is not a git command" mgit comit
contains "$errors" "commit"
fails_with 1 "xyzzy" mgit xyzzy
fails_with 129 "did you mean --json?" mgit ls --jsno
fails_with 129 "unknown option '--nothing-like-it'" mgit ls --nothing-like-it
fails_with 129 "unknown option '-Z'" mgit ls -Z
fails_with 129 "did you mean show?" mgit spec shwo
fails_with 129 "did you mean --everything?" mgit migrate import --everthing
fails_with 129 "unexpected argument 'b'" mgit trust b
fails_with 129 "takes no value" mgit ls --json=3
fails_with 129 "requires a value" mgit barrier a b --points
fails_with 129 "ambiguous option '--no'" mgit merge --no b
git config alias.lineag status
ok mgit lineag

scenario "options as git takes them: abbreviated, bundled, after the arguments"
make_repository
make_checkpoint m.safetensors 1
commit_all one
ok mgit ls --js
contains "$output" '"path"'
ok mgit ls HEAD m.safetensors --json
ok mgit ls --json -- HEAD m.safetensors
ok mgit gc -nq
equal "$output$errors" ""
ok mgit gc --prune
ok mgit gc --prune=now
fails_with 129 "unexpected argument 'now'" mgit gc --prune now
ok mgit prune --expire now -v
ok mgit migrate import -n --above 1GiB --include '*.pt' --include=*.bin

scenario "bundled and abbreviated options of init and clone"
ok mgit init -qb trunk one
equal "$(git -C one symbolic-ref HEAD)" "refs/heads/trunk"
equal "$(git -C one config pull.twohead)" mgit
ok mgit init --initial trunk two
equal "$(git -C two config pull.twohead)" mgit
cd one
make_checkpoint m.safetensors 1
commit_all one
cd ..
ok mgit clone -qb trunk one three
equal "$(git -C three config pull.twohead)" mgit
ok mgit clone -q --bran trunk --orig upstream one four
equal "$(git -C four config pull.twohead)" mgit
ok mgit clone -qbtrunk one five
equal "$(git -C five config pull.twohead)" mgit
same_file five/m.safetensors one/m.safetensors

# Two branches of which each has a file of its own, and models that need no matching.
two_branches() {
  make_repository
  make_checkpoint m.safetensors 1
  commit_all base
  git checkout -qb b
  echo b >b.txt
  commit_all "b's file"
  git checkout -q main
  echo main >main.txt
  commit_all "main's file"
}
subject() { git log -1 --format=%s; }

scenario "git's options of merge"
two_branches
before=$(git rev-parse HEAD)
again() { git merge --abort 2>/dev/null || true; git reset -q --hard "$before"; rm -f message; }
merged() {
  again
  ok mgit merge "$@"
  equal "$(git rev-list --parents -1 HEAD | wc -w)" 3 "mgit merge $*"
}
merged -q b
equal "$output" ""
merged -v b --no-edit
merged --stat b
contains "$output" "b.txt"
merged -n b
lacks "$output" "b.txt"
merged --stat --no-stat b
lacks "$output" "b.txt"
merged --no-summary --summary b
contains "$output" "b.txt"
merged --log b
contains "$(git log -1 --format=%B)" "b's file"
merged --log=1 b
contains "$(git log -1 --format=%B)" "b's file"
merged --log=0 b
lacks "$(git log -1 --format=%B)" "b's file"
merged --signoff b
contains "$(git log -1 --format=%B)" "Signed-off-by: A Tester <tester@example.com>"
merged --into-name elsewhere b
equal "$(subject)" "Merge branch 'b' into elsewhere"
merged --into-name=elsewhere b
equal "$(subject)" "Merge branch 'b' into elsewhere"
merged -m "two words" b
equal "$(subject)" "two words"
merged -mtext b
equal "$(subject)" text
merged --message=text b
equal "$(subject)" text
merged -m one -m two b
equal "$(git log -1 --format=%B | sed -n '1p;3p' | tr '\n' ' ')" "one two "
again
echo "from a file" >message
ok mgit merge -F message b
equal "$(subject)" "from a file"
again
printf '#kept\n' >message
ok mgit merge --file=message --cleanup=verbatim b
equal "$(subject)" "#kept"
merged --progress b
merged --no-progress --rerere-autoupdate b
merged --allow-unrelated-histories b
merged --no-edi b
again
export GIT_EDITOR="sed -i 1s/.*/edited/"
ok mgit merge -e b
equal "$(subject)" edited
merged --edit b
equal "$(subject)" edited
merged --edit --no-edit b
equal "$(subject)" "Merge branch 'b'"
export GIT_EDITOR=true
again
ok mgit merge --no-commit b
equal "$(git rev-parse HEAD)" "$before"
[ -f .git/MERGE_HEAD ] || fail "no merge under way"
merged --no-commit --commit b
again
printf '#!/bin/sh\nexit 1\n' >.git/hooks/commit-msg
chmod +x .git/hooks/commit-msg
run mgit merge b
differ "$status" 0
merged --no-verify b
again
run mgit merge --no-verify --verify b
differ "$status" 0
rm .git/hooks/commit-msg
again
echo changed >>main.txt
ok mgit merge --autostash b
contains "$(cat main.txt)" changed
again
fails_with 128 "does not have a GPG signature" mgit merge --verify-signatures b
equal "$(git rev-parse HEAD)" "$before"
for option in -S -Snobody --gpg-sign=nobody; do
  again
  run env GNUPGHOME="$sandbox/none" mgit merge $option b
  differ "$status" 0 "signed without a key: $option"
  lacks "$errors" "unknown option"
done
merged -S --no-gpg-sign b
fails_with 129 "did you mean --signoff?" mgit merge --sigonff b
merged --no-overwrite-ignore --overwrite-ignore b
merged -qn -m both b
equal "$(subject)" both
again
ok mgit merge --ff-only b~1
run mgit merge --ff-only b
differ "$status" 0
ok mgit merge --squash b -q
equal "$(git rev-parse HEAD)" "$before"
equal "$(git diff --cached --name-only)" b.txt
