# Remotes over ssh, with an sshd of our own on loopback.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/hosts.sh"

sshd=$(PATH=$PATH:/usr/sbin command -v sshd) || skip "no sshd (openssh-server)"
[ -x "$(command -v ssh-keygen)" ] || skip "no ssh-keygen (openssh-client)"

# What is on the PATH of the far side, beside git, and mgit while it is "installed" there.
far_bin=$sandbox/far-bin
keys=$sandbox/keys
mkdir -p "$far_bin" "$keys"
chmod 755 "$sandbox" "$far_bin"
install_far() { ln -sf "$MGIT_BIN" "$far_bin/mgit"; }
uninstall_far() { rm -f "$far_bin/mgit"; }
ssh-keygen -q -t ed25519 -N '' -f "$keys/host"
ssh-keygen -q -t ed25519 -N '' -f "$keys/user"
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
cat >"$keys/sshd_config" <<CONFIG
Port $port
ListenAddress 127.0.0.1
HostKey $keys/host
AuthorizedKeysFile $keys/user.pub
PidFile none
StrictModes no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
MaxStartups 50
Subsystem sftp internal-sftp
SetEnv PATH=$far_bin:$PATH_WITHOUT_MGIT GIT_CONFIG_GLOBAL=$GIT_CONFIG_GLOBAL
CONFIG
[ "$(id -u)" != 0 ] || mkdir -p /run/sshd
"$sshd" -D -e -f "$keys/sshd_config" 2>"$keys/log" &
servers+=($!)
export GIT_SSH_COMMAND="ssh -F /dev/null -i $keys/user -o IdentitiesOnly=yes -o BatchMode=yes -o LogLevel=ERROR -o UserKnownHostsFile=$keys/known -o StrictHostKeyChecking=no"
for _ in $(seq 50); do
  $GIT_SSH_COMMAND -p "$port" "$(id -un)@127.0.0.1" true 2>/dev/null && up=yes && break
  sleep 0.1
done
[ "${up:-}" ] || skip "sshd does not let us in: $(tail -2 "$keys/log")"
install_far

# hosted: a bare repository over there and one of our own with a model, whose origin it is.
hosted() {
  far=$PWD/models.git
  url=ssh://$(id -un)@127.0.0.1:$port$far
  git init -q --bare "$far"
  make_repository one
  make_checkpoint model.safetensors 1 fc1.weight=200,200 fc1.bias=200 fc2.weight=200,200
  commit_all "one"
  git remote add origin "$url"
}

scenario "push, clone, train on, push back, pull"
hosted
ok mgit push -u origin main
contains "$errors" "sent 4 objects"
ok mgit clone "$url" ../two
same_file model.safetensors ../two/model.safetensors
cd ../two
ADD=0.001 make_checkpoint model.safetensors 1 fc1.weight=200,200 fc1.bias=200 fc2.weight=200,200
commit_all "tuned"
ok git push -q origin main
cd ../one
ok git pull -q origin main
same_file model.safetensors ../two/model.safetensors
ok env GIT_DIR="$far" mgit fsck

scenario "the line breaks in the middle of a push: nothing is visible, and the next one brings everything"
hosted
cat >"$sandbox/cut.py" <<'PYTHON'
# Passes bytes on to the server until so many have gone there.
import os, socket, sys, threading
there, left = socket.create_connection(("127.0.0.1", int(sys.argv[1]))), int(sys.argv[2])
def back():
    while data := there.recv(65536): os.write(1, data)
    os._exit(0)
threading.Thread(target=back, daemon=True).start()
while data := os.read(0, 65536):
    there.sendall(data[:left])
    left -= len(data)
    if left <= 0: os._exit(1)
PYTHON
for bytes in 20000 150000; do
  fails_with 128 "$url" env GIT_SSH_COMMAND="$GIT_SSH_COMMAND -o ProxyCommand='python3 $sandbox/cut.py %p $bytes'" mgit push origin main
  equal "$(git -C "$far" for-each-ref)" ""
  [ -z "$(ls "$far/mgit/packs" 2>/dev/null)" ] || fail "something was left" "$(ls "$far/mgit/packs")"
done
ok mgit push -q origin main
ok mgit clone -q "$url" ../two
same_file model.safetensors ../two/model.safetensors

scenario "what is not there is said"
hosted
line="refs/heads/main $(git rev-parse HEAD) refs/heads/main $(printf '0%.0s' $(seq 40))"
fails_with 128 "Connection refused" env GIT_SSH_COMMAND="$GIT_SSH_COMMAND -p 1" sh -c "echo $line | mgit hook pre-push origin $url"
uninstall_far
printf '#!/bin/sh\ncase " $* " in *" -s "*) echo "subsystem request failed on channel 0" >&2; exit 1 ;; esac\nexec %s "$@"\n' "$GIT_SSH_COMMAND" >no-sftp
no_sftp=$PWD/no-sftp
chmod +x "$no_sftp"
without_sftp() { env GIT_SSH_COMMAND="$no_sftp" GIT_SSH_VARIANT=ssh "$@"; }
fails_with 128 "mgit is not installed on $(id -un)@127.0.0.1" without_sftp mgit push origin main
contains "$errors" "no SFTP server answers: subsystem request failed"
contains "$errors" "--manifests-only"
equal "$(git -C "$far" for-each-ref)" ""
install_far
ok without_sftp mgit push -q origin main

scenario "no mgit over there: packs by SFTP, for who comes by ssh, and for the mgit that is installed later"
hosted
uninstall_far
ok mgit push -u origin main
contains "$errors" "sent 4 objects"
ok mgit clone "$url" ../two
same_file model.safetensors ../two/model.safetensors
cd ../two
ADD=0.001 make_checkpoint model.safetensors 1 fc1.weight=200,200 fc1.bias=200 fc2.weight=200,200
make_checkpoint many.safetensors 2 $(seq -f 't%g=4,4' 1000) # an index of more than one answer of the server's
commit_all "tuned"
ok git push -q origin main
ok mgit push origin main
lacks "$errors" "sent "
cd ../one
ok git pull -q origin main
same_file model.safetensors ../two/model.safetensors
same_file many.safetensors ../two/many.safetensors
[ -n "$(find "$far/mgit/indexes" -size +40k)" ] || fail "no large index" "$(ls -l "$far/mgit/indexes")"
equal "$(find "$far/mgit/packs" -type f ! -name '*.pack')" "" "nothing but packs"
for bytes in 3000 150000; do
  make_checkpoint model.safetensors $bytes fc1.weight=200,200 fc1.bias=200 fc2.weight=200,200
  commit_all "$bytes"
  before=$(git -C "$far" for-each-ref)
  fails_with 128 "" env GIT_SSH_COMMAND="$GIT_SSH_COMMAND -o ProxyCommand='python3 $sandbox/cut.py %p $bytes'" mgit push origin main
  equal "$(git -C "$far" for-each-ref)" "$before"
done
ok mgit push -q origin main
install_far
ok env GIT_DIR="$far" mgit fsck
ok mgit clone -q "$url" ../three
same_file model.safetensors ../three/model.safetensors
make_checkpoint model.safetensors 9 fc1.weight=200,200 fc1.bias=200 fc2.weight=200,200
commit_all "by mgit"
ok mgit push -q origin main
ok env GIT_DIR="$far" mgit update-server-info
uninstall_far
ok mgit clone -q "$url" ../four
same_file model.safetensors ../four/model.safetensors

scenario "the story of docs/co-developing.md"
. "$(dirname "$0")/guide.sh"
need_trained
small_story
for installed in yes no; do
  if [ $installed = yes ]; then install_far; else uninstall_far; fi
  mkdir $installed
  (
    cd $installed
    git init -q --bare hub.git
    export HUB=ssh://$(id -un)@127.0.0.1:$port$PWD/hub.git
    together
    [ "$failures" = 0 ]
  ) || fail "with mgit over there: $installed"
done

scenario "neither mgit nor SFTP: the Git LFS server that git-lfs-authenticate names"
need_servers giftless
mkdir -p "$sandbox/root/lab"
sshd_port=$port
git_host "$sandbox/root" --lfs --auth me:let-me-in --log "$sandbox/log"
uninstall_far
far=$sandbox/root/lab/net.git
git init -q --bare "$far"
# Its first token is too old.
cat >"$far_bin/git-lfs-authenticate" <<SCRIPT
#!/bin/sh
echo "\$@" >>$sandbox/asked
token=$(printf me:let-me-in | base64)
[ \$(wc -l <$sandbox/asked) -gt 1 ] || token=$(printf me:yesterday | base64)
printf '{"href": "http://127.0.0.1:$port/lab/net.git/info/lfs", "header": {"Authorization": "Basic %s"}, "expires_in": 600}' \$token
SCRIPT
chmod +x "$far_bin/git-lfs-authenticate"
make_repository one
make_checkpoint model.safetensors 1 fc1.weight=200,200 fc1.bias=200 fc2.weight=200,200
commit_all "one"
url=ssh://$(id -un)@127.0.0.1:$sshd_port$far
git remote add origin "$url"
ok without_sftp mgit push -q origin main
equal "$(sort -u "$sandbox/asked")" "$far download
$far upload"
contains "$(cat "$sandbox/log")" "PUT /lab/net/objects/storage/"
ok without_sftp mgit clone -q "$url" ../two
same_file model.safetensors ../two/model.safetensors
lacks "$(find ../two/.git -type f -size -100k -exec cat {} + | tr -d '\0')" "$(printf me:let-me-in | base64)"
rm "$far_bin/git-lfs-authenticate"
make_checkpoint model.safetensors 2 fc1.weight=200,200 fc1.bias=200 fc2.weight=200,200
commit_all "two"
fails_with 128 "and no Git LFS: " without_sftp mgit push origin main
