#!/usr/bin/env bash
# The story of docs/co-developing.md again, on the hosts that its last section names.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/hosts.sh"
. "$(dirname "$0")/guide.sh"
need_trained

scenario "a host with Git LFS over HTTP"
need_servers giftless
mkdir root
git_host "$PWD/root" --lfs
bare_host root/lab/net.git
export HUB=http://127.0.0.1:$port/lab/net.git
small_story
together
checks=$((checks + 1))
[ ! -e "$people/../root/lab/net.git/mgit" ] || fail "weights lie beside the repository" ""

scenario "a bucket for the weights, of networks of MNIST where they are there"
need_servers moto botocore
export AWS_ACCESS_KEY_ID=AKIDEXAMPLE AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY
"$server_python" "$MGIT_SOURCE/tests/support/s3_host.py" lab --log "$sandbox/s3.log" >"$sandbox/s3" 2>"$sandbox/s3.errors" &
servers+=($!)
wait_for_line "$sandbox/s3"
export AWS_ENDPOINT_URL=http://127.0.0.1:$line
git init -q --bare hub.git
export HUB=$PWD/hub.git
git config --global remote.origin.mgitObjects s3://lab/net
mnist_story
together
checks=$((checks + 1))
[ ! -e "$HUB/mgit" ] || fail "weights lie beside the repository" ""
lacks "$(cat "$sandbox/s3.log")" " 403 "
