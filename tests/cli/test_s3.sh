# Objects in a bucket: a real S3 server (moto), on loopback, behind a proxy that computes each signature again.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/hosts.sh"
need_servers moto botocore

export AWS_ACCESS_KEY_ID=AKIDEXAMPLE AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY
said=$sandbox/s3
"$server_python" "$MGIT_SOURCE/tests/support/s3_host.py" lab --log "$sandbox/log" >"$said" 2>"$said.errors" &
servers+=($!)
wait_for_line "$said"
export AWS_ENDPOINT_URL=http://127.0.0.1:$line

scenario "a path for git, a bucket for the objects"
git init -q --bare remote.git
make_repository alice
make_checkpoint model.safetensors 1
commit_all "Train"
git remote add origin ../remote.git
git config remote.origin.mgitObjects s3://lab/models/net
ok mgit push origin main
contains "$errors" "s3://lab/models/net"
checks=$((checks + 1))
[ ! -e ../remote.git/mgit ] || fail "objects went to the path"
cd ..
ok mgit clone -q -c remote.origin.mgitObjects=s3://lab/models/net remote.git bob
cd bob
same_file model.safetensors ../alice/model.safetensors
ADD=0.001 make_checkpoint model.safetensors 1
commit_all "On"
ok git push -q origin main
cd ../alice
ok mgit pull -q origin main
same_file model.safetensors ../bob/model.safetensors
lacks "$(cat "$sandbox/log")" " 403 "

scenario "wrong keys: one line that names them, and nothing moves"
git init -q --bare remote.git
make_repository alice
make_checkpoint model.safetensors 1
commit_all "Train"
git remote add origin ../remote.git
git config remote.origin.mgitObjects s3://lab/other
fails_with 128 "SignatureDoesNotMatch" env AWS_SECRET_ACCESS_KEY=wrong-secret mgit push origin main
lacks "$output$errors" "wrong-secret"
contains "$errors" "AWS_ACCESS_KEY_ID"
equal "$(git ls-remote origin)" ""
fails_with 128 "no keys were found" env -u AWS_ACCESS_KEY_ID mgit push origin main
mkdir -p "$HOME/.aws"
printf '[lab]\naws_access_key_id = %s\naws_secret_access_key = %s\n' "$AWS_ACCESS_KEY_ID" "$AWS_SECRET_ACCESS_KEY" >"$HOME/.aws/credentials"
ok env -u AWS_ACCESS_KEY_ID -u AWS_SECRET_ACCESS_KEY AWS_PROFILE=lab mgit push -q origin main

scenario ".mgitconfig names a bucket: read without keys, written after mgit trust"
git init -q --bare remote.git
make_repository alice
make_checkpoint model.safetensors 4
printf '[objects]\n\turl = s3://lab/public\n' >.mgitconfig
commit_all "Train"
git remote add origin ../remote.git
fails_with 128 "mgit trust" mgit push -q origin main
ok mgit trust
contains "$output" "s3://lab/public"
ok mgit push -q origin main
cd ..
: >"$sandbox/log"
ok mgit clone -q remote.git bob
same_file alice/model.safetensors bob/model.safetensors
lacks "$(cat "$sandbox/log")" signed

scenario "a large pack goes in parts"
git init -q --bare remote.git
make_repository alice
head -c 90000000 /dev/urandom >part
python3 - part model.safetensors <<'PYTHON'
import json, struct, sys
data = open(sys.argv[1], "rb").read()
head = json.dumps({"w": {"dtype": "U8", "shape": [len(data)], "data_offsets": [0, len(data)]}}).encode()
open(sys.argv[2], "wb").write(struct.pack("<Q", len(head)) + head + data)
PYTHON
rm part
commit_all "Train"
git remote add origin ../remote.git
git config remote.origin.mgitObjects s3://lab/large
: >"$sandbox/log"
ok mgit push -q origin main
holds "$(grep -c partNumber "$sandbox/log") == 3"
cd ..
ok mgit clone -q -c remote.origin.mgitObjects=s3://lab/large remote.git bob
same_file alice/model.safetensors bob/model.safetensors
stop_servers
