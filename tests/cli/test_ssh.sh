# Remotes over ssh, by a command that runs what it is given on this machine; cli/sshd has a real server.
. "$(dirname "$0")/lib.sh"

# A home directory of the far side; what it is asked to run, a line each, is in $asked.
far=$sandbox/far
asked=$sandbox/asked
mkdir -p "$far" "$sandbox/bin"
cat >"$sandbox/bin/ssh" <<'SSH'
#!/bin/sh
cut_off() { dd bs=65536 iflag=count_bytes count="$1" status=none; }  # head keeps what it has read
while :; do
  case $1 in
  -p | -o) shift 2 ;;
  -*) shift ;;
  *) break ;;
  esac
done
[ "$1" != unreachable ] || { echo "ssh: connect to host unreachable port 22: Connection refused" >&2; exit 255; }
shift
echo "$*" >>"$MGIT_ASKED"
cd "$MGIT_FAR" || exit 1
export HOME=$MGIT_FAR PATH=${MGIT_FAR_PATH:-$PATH}
case $* in
mgit\ *)
  [ -z "${MGIT_FAR_SAYS:-}" ] || echo "$MGIT_FAR_SAYS"
  [ -z "${MGIT_CUT_QUESTIONS:-}" ] || { cut_off "$MGIT_CUT_QUESTIONS" | sh -c "$*"; exit; }
  if [ "${MGIT_CUT_ANSWERS:-}" ]; then
    { sh -c "$*" <&3 | cut_off "$MGIT_CUT_ANSWERS"; } 3<&0 &
    exec >&- <&-
    wait
    exit 255
  fi
  [ ! -e "${MGIT_SENT:-}" ] || { tee -a "$MGIT_SENT" | sh -c "$*"; exit; }
  ;;
esac
exec sh -c "$*"
SSH
chmod +x "$sandbox/bin/ssh"
export GIT_SSH=$sandbox/bin/ssh MGIT_FAR=$far MGIT_ASKED=$asked

# hosted [URL]: a bare repository models.git over there, and one of our own with a model, whose origin it is.
hosted() {
  rm -rf "$far/models.git"
  git init -q --bare "$far/models.git"
  make_repository one
  make_checkpoint model.safetensors 1
  commit_all "one"
  git remote add origin "${1:-host:models.git}"
  : >"$asked"
}
# What has gone over the line to mgit serve since the last time, while MGIT_SENT is set.
bytes_sent() {
  stat -c %s "$MGIT_SENT"
  : >"$MGIT_SENT"
}
times_asked() { grep -c "^mgit serve" "$asked" || true; }

scenario "push, clone, change, push back, pull: git's commands and mgit's"
for url in host:models.git ssh://user@host:2222/~/models.git; do
  hosted "$url"
  ok git push -q origin main
  lacks "$errors" "warning"
  cd ..
  ok mgit clone "$url" two
  contains "$errors" "brought "
  same_file one/model.safetensors two/model.safetensors
  ok git clone -q "$url" three
  cd two
  ADD=0.01 make_checkpoint model.safetensors 1
  commit_all "trained on"
  ok mgit push origin main
  contains "$errors" "sent "
  contains "$errors" "host"
  ok mgit push origin main
  lacks "$errors" "sent "
  cd ../one
  ok git pull -q origin main
  same_file model.safetensors ../two/model.safetensors
  ok mgit fsck
  cd ..
  ok git -C "$far/models.git" fsck
  rm -rf one two three
done

scenario "a fine-tune and a rebase travel as what differs"
hosted
WIDE="fc1.weight=64,256 fc1.bias=64 fc2.weight=256,64 fc2.bias=256"
printf 'mgit-perm 1\nperm H:64\nfc1.weight: H, _\nfc1.bias: H\nfc2.weight: _, H\nfc2.bias: _\n' >net.perm
printf '[model "net"]\n\tpath = model.safetensors\n\tspec = net.perm\n' >.mgitconfig
make_checkpoint model.safetensors 1 $WIDE
commit_all "wide"
git switch -q -c feature
make_checkpoint model.safetensors 2 $WIDE
commit_all "mine"
git switch -q main
size=$(stat -c %s model.safetensors)
export MGIT_SENT=$sandbox/sent
: >"$MGIT_SENT"
ok git push -q origin main feature
holds "$(bytes_sent) > 1.5 * $size"
ADD=0.0001 make_checkpoint model.safetensors 1 $WIDE
commit_all "tuned"
ok mgit push -q origin main
holds "0 < $(bytes_sent) < 0.7 * $size"
git switch -q feature
ok mgit rebase --trust-spec main
ok mgit push -q --force origin feature
holds "0 < $(bytes_sent) < 0.05 * $size"
unset MGIT_SENT
original=$(git for-each-ref --format='%(objectname)' refs/mgit/origin/)
equal "$(git -C "$far/models.git" for-each-ref --format='%(objectname)' refs/mgit/origin/)" "$original"
cd ..
ok mgit clone -q -b feature host:models.git two
same_file one/model.safetensors two/model.safetensors
cd two
ok mgit fetch --all
ok git checkout -q "$original"
is_no_manifest model.safetensors

scenario "any number of objects, in any number of files, is one connection"
hosted
make_checkpoint other.safetensors 3
tensors=$(for i in $(seq 300); do echo "t$i=7"; done)
make_checkpoint many.safetensors 1 $tensors
commit_all "many"
ok git push -q origin main
equal "$(times_asked)" 1
: >"$asked"
make_checkpoint other.safetensors 4
commit_all "other"
ok mgit push -q origin main
equal "$(times_asked)" 1 "the hook asks what mgit push has asked"
: >"$asked"
cd ..
ok mgit clone -q host:models.git two
equal "$(times_asked)" 1
same_file one/other.safetensors two/other.safetensors
same_file one/many.safetensors two/many.safetensors

scenario "what keeps a push from its models is said, and nothing goes"
hosted
without="PATH=$PATH MGIT_FAR_PATH=$PATH_WITHOUT_MGIT"
fails_with 128 "mgit is not installed on host" env $without mgit push origin main
contains "$errors" "hint: "
fails_with 1 "mgit is not installed on host" env $without git push origin main
equal "$(git -C "$far/models.git" for-each-ref)" ""
ok env $without mgit push -q --manifests-only origin main
# A history that brings no models may grow by other files.
echo text >notes.txt
commit_all "text"
ok env $without git push -q origin main
fails_with 128 "Connection refused" sh -c "echo refs/heads/main $(git rev-parse HEAD) refs/heads/x $(printf '0%.0s' $(seq 40)) | mgit hook pre-push origin unreachable:models.git"
contains "$errors" "unreachable:models.git"
fails_with 128 "Welcome" env MGIT_FAR_SAYS="Welcome" mgit push origin main:refs/heads/x
rm -rf "$far/models.git/objects"
fails_with 128 "" mgit push origin main:refs/heads/x

scenario "a path is quoted, and taken for no option"
mkdir "$far/it's a dir"
git init -q --bare "$far/it's a dir/!x.git"
make_repository one
make_checkpoint model.safetensors 1
commit_all "one"
ok git push -q "host:it's a dir/!x.git" main
ok mgit clone -q "ssh://host/~/it's%20a%20dir/!x.git" ../two
same_file model.safetensors ../two/model.safetensors
fails_with 128 "strange" mgit hook pre-push origin "ssh://-oProxyCommand=x/y" </dev/null

scenario "a clone from where mgit is not installed has manifests, and says why"
hosted
git push -q origin main
cd ..
ok env MGIT_FAR_PATH="$PATH_WITHOUT_MGIT" mgit clone -q host:models.git two
contains "$errors" "mgit is not installed on host"
is_manifest two/model.safetensors
cd two
ok mgit fetch
same_file model.safetensors ../one/model.safetensors

scenario "a connection that is cut leaves nothing; the next push brings all"
hosted
make_checkpoint model.safetensors 1 fc1.weight=300,300 fc2.weight=300,300
commit_all "larger"
for bytes in 50 1000 300000; do
  fails_with 128 "" env MGIT_CUT_QUESTIONS=$bytes mgit push origin main
  equal "$(git -C "$far/models.git" for-each-ref)" ""
  [ -z "$(ls "$far/models.git/mgit/packs" 2>/dev/null)" ] || fail "something was left" "$(ls "$far/models.git/mgit/packs")"
done
ok git push -q origin main
cd ..
for bytes in 5 300 300000; do
  rm -rf two
  ok env MGIT_CUT_ANSWERS=$bytes mgit clone -q host:models.git two
  contains "$errors" "warning: "
  is_manifest two/model.safetensors
  equal "$(find two/.git/mgit -name '*.pack' -o -name 'tmp-*')" ""
done
cd two
ok mgit fetch -q
same_file model.safetensors ../one/model.safetensors

scenario "two push at once"
hosted
git push -q origin main
for name in a b; do
  mgit clone -q host:models.git ../$name 2>/dev/null
  (cd ../$name && ADD=0.01 ADD_SEED=$(printf %d "'$name") make_checkpoint model.safetensors 1 && commit_all "$name")
done
(cd ../a && git push -q origin main:refs/heads/a) &
(cd ../b && git push -q origin main:refs/heads/b)
wait $!
for name in a b; do
  ok mgit clone -q -b $name host:models.git ../copy-$name
  same_file ../copy-$name/model.safetensors ../$name/model.safetensors
done
