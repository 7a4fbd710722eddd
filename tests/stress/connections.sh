#!/usr/bin/env bash
# connections.sh [TIMES [KIND…]]: over each kind of remote, TIMES pushes and as many fetches (default: 100) whose
# connections, git's own included, end at random. Each succeeds, or is refused with an error; what refs over there
# name can always be had in full, and the next attempt goes on from there.
. "$(dirname "$0")/../cli/lib.sh"
. "$(dirname "$0")/../cli/hosts.sh"
times=${1:-100}
shift || true
kinds=("$@")
[ ${#kinds[@]} -gt 0 ] || kinds=(ssh sftp lfs s3 web)
support=$MGIT_SOURCE/tests/support
export MGIT_CUT=$sandbox/cut AWS_ACCESS_KEY_ID=AKIDEXAMPLE AWS_SECRET_ACCESS_KEY=secret
: >"$MGIT_CUT.log"

# proxied PORT: sets $line to the port of a proxy in front of it.
proxied() {
  local said
  said=$(mktemp -p "$sandbox")
  python3 "$support/cutting_proxy.py" listen "$1" >"$said" 2>"$said.errors" &
  servers+=($!)
  wait_for_line "$said"
}

cut_some() { echo "0.5 $1" >"$MGIT_CUT"; }
cut_none() { rm -f "$MGIT_CUT"; }
cuts() { wc -l <"$MGIT_CUT.log"; }

# For each kind: an empty repository, its address through the proxy, what git configures to reach it, and what is to be
# done once something was pushed.
published() { :; }
host_ssh() {
  git init -q --bare far.git
  url=host:$PWD/far.git settings=()
  printf '#!/bin/sh\nshift\nexec python3 "%s" run "$*"\n' "$support/cutting_proxy.py" >ssh
  chmod +x ssh
  export GIT_SSH=$PWD/ssh GIT_SSH_VARIANT=simple
}
host_sftp() {  # where no mgit is
  [ -x /usr/lib/openssh/sftp-server ] || skip "no sftp-server (openssh-sftp-server)"
  host_ssh
  cat >ssh <<SSH
#!/bin/sh
while :; do
  case \$1 in
  -s) sftp=yes && shift ;;
  -o | -p) shift 2 ;;
  -*) shift ;;
  *) break ;;
  esac
done
shift
case \$* in mgit\ *) exit 127 ;; esac
[ -z "\${sftp:-}" ] || set -- /usr/lib/openssh/sftp-server
exec python3 "$support/cutting_proxy.py" run "\$*"
SSH
  export GIT_SSH_VARIANT=ssh
}
host_lfs() {
  need_servers giftless
  mkdir root
  git_host root --lfs
  bare_host root/lab/net.git
  proxied "$port"
  url=http://127.0.0.1:$line/lab/net.git settings=()
}
host_s3() {
  need_servers moto botocore
  git init -q --bare far.git
  local said
  said=$(mktemp -p "$sandbox")
  "$server_python" "$support/s3_host.py" lab >"$said" 2>"$said.errors" &
  servers+=($!)
  wait_for_line "$said"
  proxied "$line"
  export AWS_ENDPOINT_URL=http://127.0.0.1:$line
  url=$PWD/far.git settings=(-c remote.origin.mgitObjects=s3://lab/net)
}
host_web() {
  git init -q --bare root.git
  mkdir root
  mv root.git root/net.git
  git_host root --static
  proxied "$port"
  far=$PWD/root/net.git url=http://127.0.0.1:$line/net.git settings=()
  published() { (cd "$far" && git update-server-info && mgit update-server-info); }
}

# whole DIRECTORY: its model is what the message of its commit says.
whole() { equal "$(digest "$1/model.safetensors")" "$(git -C "$1" log -1 --format=%s)" "the model of $1"; }

# refused: the command before said why it failed. (The last is what git pull says to a list of refs that ends early.)
refused() {
  checks=$((checks + 1))
  case "$errors" in *error:* | *fatal:* | *"no such ref was fetched"*) ;; *) fail "status $status without an error" "$errors" ;; esac
}

# try COMMAND…: cut, perhaps; counts how it went.
try() {
  local before
  before=$(cuts)
  cut_some "$bytes"
  run timeout 120 "$@"
  cut_none
  [ "$(cuts)" = "$before" ] || cut=$((cut + 1))
  differ "$status" 124 "hangs: $*"
  [ "$status" = 0 ] || { failed=$((failed + 1)) && refused; }
}

for kind in "${kinds[@]}"; do
  scenario "$kind: $times pushes and fetches"
  cut_none
  "host_$kind"
  make_repository alice
  make_checkpoint model.safetensors 0 fc1.weight=100,200 fc1.bias=100 fc2.weight=100,100
  git add -A
  git commit -q -m "$(digest model.safetensors)"
  git remote add origin "${far:-$url}"
  [ ${#settings[@]} = 0 ] || git config "${settings[1]%%=*}" "${settings[1]#*=}"
  ok mgit push -q origin main
  published
  cd ..
  for clone in bob witness; do ok mgit clone -q "${settings[@]}" "$url" $clone; done
  cut=0 failed=0 pushes=$times
  bytes=120000
  [ "$kind" != web ] || pushes=0  # to be read only
  for i in $(seq "$pushes"); do
    cd alice
    ADD=0.$i make_checkpoint model.safetensors 0 fc1.weight=100,200 fc1.bias=100 fc2.weight=100,100
    git commit -q -am "$(digest model.safetensors)"
    try mgit push -q origin main
    cd ../witness
    ok mgit pull -q --ff-only
    cd ..
    whole witness
  done
  [ "$pushes" = 0 ] || echo "   $pushes pushes: $cut had a connection cut, $failed were refused"
  cut=0 failed=0
  for i in $(seq "$times"); do
    cd alice
    ADD=0.$i ADD_SEED=8 make_checkpoint model.safetensors 0 fc1.weight=100,200 fc1.bias=100 fc2.weight=100,100
    git commit -q -am "$(digest model.safetensors)"
    ok mgit push -q origin main
    published
    cd ../bob
    try mgit pull -q --ff-only
    [ "$status" = 0 ] || ok mgit pull -q --ff-only
    ok mgit fetch -q
    cd ..
    whole bob
  done
  echo "   $times fetches: $cut had a connection cut, $failed were refused"
  ok git -C bob fsck
  ok mgit -C bob fsck
  ok mgit -C witness pull -q --ff-only
  whole witness
  stop_servers
  unset far GIT_SSH GIT_SSH_VARIANT AWS_ENDPOINT_URL
done
