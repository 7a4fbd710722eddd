# A copy of a repository behind a plain web server: read-only, by ranges where the server can do that.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/hosts.sh"
server_python=python3

scenario "clone and fetch from plain files; what comes later is listed, too"
mkdir site
git init -q --bare site/net.git
make_repository alice
make_checkpoint model.safetensors 1 w=64,1024 b=64
commit_all "Train"
git remote add origin ../site/net.git
ok mgit push -q origin main
(cd ../site/net.git && ok mgit update-server-info)
printf '#!/bin/sh\nexec git update-server-info\n' >../site/net.git/hooks/post-update
chmod +x ../site/net.git/hooks/post-update
ADD=0.001 make_checkpoint model.safetensors 1 w=64,1024 b=64
commit_all "On"
ok mgit push -q origin main
cd ..
git_host site --static --log "$sandbox/log"
ok mgit clone -q "http://127.0.0.1:$port/net.git" bob
same_file alice/model.safetensors bob/model.safetensors
contains "$(cat "$sandbox/log")" "/mgit/packs/"
lacks "$(grep '/mgit/packs/' "$sandbox/log")" " 200 "
ok git -C bob fsck
cd alice
make_checkpoint model.safetensors 2 w=64,1024 b=64
commit_all "Anew"
ok mgit push -q origin main
cd ../bob
ok mgit pull -q
same_file model.safetensors ../alice/model.safetensors
make_checkpoint model.safetensors 3 w=64,1024 b=64
commit_all "Mine"
run mgit push -q origin main
differ "$status" 0
stop_servers

scenario "a server without ranges, and one that cuts connections"
mkdir site
git init -q --bare site/net.git
make_repository alice
git remote add origin ../site/net.git
for i in 1 2 3; do
  make_checkpoint model.safetensors $i w=64,1024 b=64
  commit_all "Train $i"
  ok mgit push -q origin main
done
(cd ../site/net.git && ok mgit update-server-info)
cd ..
git_host site --static --no-ranges
ok mgit clone -q "http://127.0.0.1:$port/net.git" bob
same_file alice/model.safetensors bob/model.safetensors
git_host site --static --only packs/ --fault cut=0.4 --fault 503=0.2 --seed 3
ok mgit clone -q "http://127.0.0.1:$port/net.git" carol
same_file alice/model.safetensors carol/model.safetensors
ok git -C carol switch -q --detach HEAD~2
ok mgit -C carol fsck

scenario "what arrives damaged is refused"
git init -q --bare damaged/net.git
make_repository alice
make_checkpoint model.safetensors 1
commit_all "Train"
git remote add origin ../damaged/net.git
git push -q -f origin main
(cd ../damaged/net.git && mgit update-server-info)
python3 - ../damaged/net.git/mgit/packs/*.pack <<'PYTHON'
import sys
for path in sys.argv[1:]:
    data = bytearray(open(path, "rb").read())
    data[-20] ^= 1
    import os; os.chmod(path, 0o644)
    open(path, "wb").write(data)
PYTHON
cd ..
git_host damaged --static
run mgit clone -q "http://127.0.0.1:$port/net.git" bob
contains "$errors" "damaged"
is_manifest bob/model.safetensors
ok git -C bob rev-parse HEAD
stop_servers
