# Git LFS servers that lose packs, refuse refs, lie elsewhere, or are not there.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/hosts.sh"
need_servers giftless

mkdir "$sandbox/root"
git_host "$sandbox/root" --lfs --log "$sandbox/log"
host=http://127.0.0.1:$port

scenario "a pack that the server lost is sent again; what a mirror's index claims is not believed"
bare_host "$sandbox/root/lab/lost.git"
make_repository alice
make_checkpoint model.safetensors 3
commit_all "Train"
git remote add origin "$host/lab/lost.git"
ok mgit push -q origin main
rm -r "$sandbox/root/lfs/lab/lost"
cd ..
ok mgit clone -q "$host/lab/lost.git" bob
contains "$errors" "a pack that its index names is not on the Git LFS server"
cd alice
git commit -q --allow-empty -m "On"
ok mgit push -q origin main
cd ../bob
ok mgit fetch --all -q
same_file model.safetensors ../alice/model.safetensors

scenario "an index that cannot be published stops the push; its packs are not sent again"
bare_host "$sandbox/root/lab/closed.git"
printf '#!/bin/sh\nexit 1\n' >"$sandbox/root/lab/closed.git/hooks/pre-receive"
chmod +x "$sandbox/root/lab/closed.git/hooks/pre-receive"
make_repository alice
make_checkpoint model.safetensors 6
commit_all "Train"
git remote add origin "$host/lab/closed.git"
fails_with 128 "could not be published" mgit push -q origin main
equal "$(git ls-remote origin)" ""
rm "$sandbox/root/lab/closed.git/hooks/pre-receive"
: >"$sandbox/log"
ok mgit push -q origin main
lacks "$(cat "$sandbox/log")" PUT

scenario "a host that takes branches alone gets the branch mgit-packs"
bare_host "$sandbox/root/lab/strict.git"
printf '#!/bin/sh\ncase $1 in refs/heads/*|refs/tags/*) exit 0 ;; *) exit 1 ;; esac\n' >"$sandbox/root/lab/strict.git/hooks/update"
chmod +x "$sandbox/root/lab/strict.git/hooks/update"
make_repository alice
git remote add origin "$host/lab/strict.git"
for i in 1 2; do
  make_checkpoint model.safetensors $i
  commit_all "Train $i"
  ok mgit push -q origin main
done
equal "$(git -C "$sandbox/root/lab/strict.git" for-each-ref --format='%(refname)')" "refs/heads/main
refs/heads/mgit-packs"
equal "$(git -C "$sandbox/root/lab/strict.git" rev-list --count mgit-packs)" 2
cd ..
ok mgit clone -q "$host/lab/strict.git" bob
same_file alice/model.safetensors bob/model.safetensors
ok mgit -C bob fetch -q --all

scenario "a Git LFS server elsewhere, named by the configuration; .lfsconfig alone is not believed"
bare_host elsewhere.git
git_host "$PWD"
make_repository alice
git config -f .lfsconfig lfs.url "$host/lab/elsewhere.git/info/lfs"
make_checkpoint model.safetensors 5
commit_all "Train"
git remote add origin "http://127.0.0.1:$port/elsewhere.git"
fails_with 128 ".lfsconfig names another host" mgit push -q origin main
ok mgit -c lfs.url="$host/lab/elsewhere.git/info/lfs" push -q origin main
cd ..
ok mgit clone -q -c lfs.url="$host/lab/elsewhere.git/info/lfs" "http://127.0.0.1:$port/elsewhere.git" bob
same_file alice/model.safetensors bob/model.safetensors

scenario "without Git LFS a push is refused, and nothing moves"
mkdir "$sandbox/plain"
bare_host "$sandbox/plain/net.git"
git_host "$sandbox/plain"
make_repository alice
make_checkpoint model.safetensors 1
commit_all "Train"
git remote add origin "http://127.0.0.1:$port/net.git"
fails_with 128 "no Git LFS server is there" mgit push -q origin main
contains "$errors" "mgitObjects"
run git push -q origin main
differ "$status" 0
equal "$(git ls-remote origin)" ""
ok mgit push -q --manifests-only origin main
cd ..
make_repository code
echo text >file
commit_all "No model"
git remote add origin "http://127.0.0.1:$port/net.git"
ok git push -q origin main:code
stop_servers
