# Remotes over HTTP when servers fail, connections end, and passwords are asked for.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/hosts.sh"
need_servers giftless

mkdir "$sandbox/root"

scenario "errors and cut connections are got over, or the push is refused whole"
# The faults hit the packs alone: what git does about its own connections is git's.
git_host "$sandbox/root" --lfs --only objects --seed 5 --fault 500=0.1 --fault 503=0.1 --fault 429=0.1 --fault cut=0.2 \
  --log "$sandbox/log"
bare_host "$sandbox/root/lab/net.git"
make_repository alice
git remote add origin "http://127.0.0.1:$port/lab/net.git"
for i in 1 2 3 4 5 6; do
  make_checkpoint model.safetensors "$i"
  commit_all "Train $i"
  ok mgit push -q origin main
done
cd ..
for i in 1 2 3; do
  ok mgit clone -q "http://127.0.0.1:$port/lab/net.git" "bob$i"
  same_file alice/model.safetensors "bob$i/model.safetensors"
done
ok mgit -C bob1 fetch -q --all
ok mgit -C bob1 fsck
holds "$(grep -cE ' (500|503|429|0) ' "$sandbox/log") > 5"
stop_servers

scenario "a server that never recovers: one line, and no ref moved"
git_host "$sandbox/root" --lfs --only objects --fault 503=1
bare_host "$sandbox/root/lab/down.git"
make_repository alice
make_checkpoint model.safetensors 1
commit_all "Train"
git remote add origin "http://127.0.0.1:$port/lab/down.git"
fails_with 128 "HTTP 503" mgit push -q origin main
equal "$(git ls-remote origin)" ""
stop_servers

scenario "users and passwords: from git's helpers and ~/.netrc, never shown"
git_host "$sandbox/root" --lfs --auth 'me:pass-word'
bare_host "$sandbox/root/lab/secret.git"
make_repository alice
make_checkpoint model.safetensors 1
commit_all "Train"
git remote add origin "http://127.0.0.1:$port/lab/secret.git"
fails_with 128 "" mgit push -q origin main
printf '#!/bin/sh\necho "$1" >>"%s"\n[ "$1" != get ] || printf "username=me\\npassword=pass-word\\n"\n' "$sandbox/asked" >"$sandbox/helper"
chmod +x "$sandbox/helper"
git config credential.helper "$sandbox/helper"
ok mgit push origin main
lacks "$output$errors" "pass-word"
contains "$(cat "$sandbox/asked")" store
cd ..
printf 'machine 127.0.0.1\n  login me\n  password pass-word\n' >"$HOME/.netrc"
ok mgit clone -q "http://127.0.0.1:$port/lab/secret.git" bob
same_file alice/model.safetensors bob/model.safetensors
rm "$HOME/.netrc"
ok mgit clone -q "http://me:pass-word@127.0.0.1:$port/lab/secret.git" carol
same_file alice/model.safetensors carol/model.safetensors
(cd carol && make_checkpoint model.safetensors 2 && commit_all "Carol's")
ok mgit -C carol push -v origin main
contains "$errors" "sent "
lacks "$output$errors" "pass-word"
git -C alice config --unset credential.helper
git -C alice commit -q --allow-empty -m "On"
git -C alice remote set-url origin "http://me:wrong-word@127.0.0.1:$port/lab/secret.git"
run mgit -C alice push origin main
differ "$status" 0
lacks "$output$errors" "wrong-word"
stop_servers

scenario "a redirect to another host does not carry credentials along"
mkdir elsewhere
git_host elsewhere --static --log "$sandbox/there"
git_host "$sandbox/root" --lfs --auth me:word --redirect "http://127.0.0.1:$port" --log "$sandbox/here"
bare_host "$sandbox/root/lab/away.git"
make_repository alice
make_checkpoint model.safetensors 1
commit_all "Train"
git remote add origin "http://me:word@127.0.0.1:$port/lab/away.git"
ok mgit push -q origin main
cd ..
mkdir -p elsewhere/lab/away/objects
cp -r "$sandbox/root/lfs/lab/away" elsewhere/lab/away/objects/storage
ok mgit clone -q "http://me:word@127.0.0.1:$port/lab/away.git" bob
same_file alice/model.safetensors bob/model.safetensors
contains "$(grep " 302 " "$sandbox/here")" " auth"
contains "$(cat "$sandbox/there")" " 206 "
lacks "$(cat "$sandbox/there")" " auth"
stop_servers

scenario "certificates are verified"
unset GIT_SSL_CAINFO CURL_CA_BUNDLE SSL_CERT_FILE
openssl req -x509 -newkey rsa:2048 -nodes -keyout key -out cert -days 2 -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1 2>/dev/null
mkdir site
git init -q --bare site/net.git
make_repository alice
make_checkpoint model.safetensors 1
commit_all "Train"
git remote add origin ../site/net.git
ok mgit push -q origin main
(cd ../site/net.git && mgit update-server-info)
cd ..
git_host site --static --tls cert key
ok git -c http.sslVerify=false clone -q "https://127.0.0.1:$port/net.git" bob
run mgit -C bob fetch --all
contains "$errors" "certificate"
git config --global http.sslCAInfo "$PWD/cert"
ok mgit clone -q "https://127.0.0.1:$port/net.git" carol
git config --global --unset http.sslCAInfo
same_file alice/model.safetensors carol/model.safetensors
stop_servers
