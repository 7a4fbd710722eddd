# Models on hosts with Git LFS: a real LFS server (giftless) beside git http-backend, on loopback.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/hosts.sh"
need_servers giftless

mkdir "$sandbox/root"
git_host "$sandbox/root" --lfs --log "$sandbox/log"
host=http://127.0.0.1:$port
big=(fc1.weight=256,512 fc1.bias=256 fc2.weight=64,256 fc2.bias=64)

scenario "push, clone, push on: the packs lie on the LFS server, the index in a ref"
bare_host "$sandbox/root/lab/net.git"
make_repository alice
make_checkpoint model.safetensors 1 "${big[@]}"
commit_all "Train"
git remote add origin "$host/lab/net.git"
ok mgit push -q origin main
equal "$(git ls-remote origin refs/mgit/packs | wc -l)" 1
contains "$(git -C "$sandbox/root/lab/net.git" ls-tree --name-only refs/mgit/packs)" ".pack"
cd ..
ok mgit clone -q "$host/lab/net.git" bob
same_file alice/model.safetensors bob/model.safetensors
equal "$(git -C bob status --porcelain)" ""
ok git -C bob fsck
cd bob
ADD=0.0001 make_checkpoint model.safetensors 1 "${big[@]}"
commit_all "Train on"
: >"$sandbox/log"
ok mgit push origin main
contains "$errors" "sent "
fine_tuned=$(sent_bytes "$sandbox/log")
size=$(stat -c %s model.safetensors)
echo "   a fine-tune of $size bytes: $fine_tuned bytes on the wire"
holds "$fine_tuned < 0.8 * $size"
: >"$sandbox/log"
ok mgit push origin main
lacks "$(cat "$sandbox/log")" PUT
cd ../alice
ok mgit pull -q origin main
same_file model.safetensors ../bob/model.safetensors
git switch -q --orphan other
git branch -q -D main
git update-ref -d refs/remotes/origin/main
git commit -q --allow-empty -m "Other"
git reflog expire --expire=now --all
ok mgit gc --prune=now
contains "$output$errors" "dropped"

scenario "plain git push brings the objects, too, by its hook"
bare_host "$sandbox/root/lab/hook.git"
make_repository alice
make_checkpoint model.safetensors 2
commit_all "Train"
git remote add origin "$host/lab/hook.git"
ok git push -q origin main
cd ..
ok mgit clone -q "$host/lab/hook.git" bob
same_file alice/model.safetensors bob/model.safetensors

scenario "ten times the tensors, the same number of requests"
requests() { # of a push of a model with so many tensors, and of a clone of it
  bare_host "$sandbox/root/lab/$1.git"
  make_repository "n$1"
  make_checkpoint model.safetensors "$1" $(for i in $(seq "$1"); do echo "layer.$i=8,$i"; done)
  commit_all "Train"
  git remote add origin "$host/lab/$1.git"
  : >"$sandbox/log"
  ok mgit push -q origin main
  cd ..
  ok mgit clone -q "$host/lab/$1.git" "m$1"
  same_file "n$1/model.safetensors" "m$1/model.safetensors"
}
requests 6
few=$(wc -l <"$sandbox/log")
requests 60
equal "$(wc -l <"$sandbox/log")" "$few"

scenario "a rebase travels as views: its bytes are a small part of the checkpoint's"
bare_host "$sandbox/root/lab/rebase.git"
make_repository alice
printf 'mgit-perm 1\nperm H:512\nfc1.weight: H, _\nfc1.bias: H\nfc2.weight: _, H\nfc2.bias: _\n' >net.perm
printf '[model "net"]\n\tpath = model.safetensors\n\tspec = net.perm\n' >.mgitconfig
wide=(fc1.weight=512,512 fc1.bias=512 fc2.weight=512,512 fc2.bias=512)
make_checkpoint model.safetensors 1 "${wide[@]}"
commit_all "Train on main"
git switch -q -c feature
make_checkpoint model.safetensors 2 "${wide[@]}"
commit_all "Train on my share"
git remote add origin "$host/lab/rebase.git"
ok mgit push -q origin main feature
ok mgit rebase main --trust-spec
: >"$sandbox/log"
ok mgit push -q --force origin feature
rebased=$(sent_bytes "$sandbox/log")
size=$(stat -c %s model.safetensors)
echo "   a rebase of $size bytes: $rebased bytes on the wire, git's own among them"
holds "$rebased < 0.02 * $size"
cd ..
ok mgit clone -q -b feature "$host/lab/rebase.git" bob
same_file alice/model.safetensors bob/model.safetensors

scenario "two push at once: both are there"
bare_host "$sandbox/root/lab/two.git"
make_repository alice
git remote add origin "$host/lab/two.git"
commit_all "Begin"
ok git push -q origin main
cd ..
for i in 1 2 3; do
  mgit clone -q "$host/lab/two.git" "c$i"
  (cd "c$i" && git switch -q -c "b$i" && make_checkpoint model.safetensors "$i" && commit_all "Train $i")
done
pushes=()
for i in 1 2 3; do
  (cd "c$i" && mgit push -q origin "b$i" >"$sandbox/two.$i" 2>&1) &
  pushes+=($!)
done
for push in "${pushes[@]}"; do ok wait "$push"; done
ok mgit clone -q "$host/lab/two.git" all
for i in 1 2 3; do
  ok git -C all switch -q "b$i"
  same_file all/model.safetensors "c$i/model.safetensors"
done
stop_servers
