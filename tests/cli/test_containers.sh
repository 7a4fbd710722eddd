#!/usr/bin/env bash
# Checkpoints of other programs: NumPy, gguf, onnx; and files that no parser knows.
. "$(dirname "$0")/lib.sh"

data=$MGIT_SOURCE/tests/data/containers
patterns='*.npy *.npz *.gguf *.onnx *.bin *.safetensors'
size_of_store() { cat .git/mgit/packs/*.pack | wc -c; }
repository() {
  make_repository "$@"
  set -f
  mgit track $patterns >/dev/null
  set +f
}

scenario "in by mgit and by git, out by both, byte for byte"
for tool in mgit git; do
  repository $tool
  cp "$data"/*.npy "$data"/*.npz "$data"/*.gguf "$data"/*.onnx .
  ok $tool add -- *.npy *.npz *.gguf *.onnx
  lacks "$errors" "stored whole"
  ok git commit -q -m "by $tool"
  git ls-files -s -- '*.npy' '*.npz' '*.gguf' '*.onnx' >"../$tool.index"
  rm -- *.npy *.npz *.gguf *.onnx
  ok $tool checkout -- .
  for file in *.npy *.npz *.gguf *.onnx; do
    same_file "$file" "$data/$file"
    contains "$(git cat-file -p "HEAD:$file")" "format ${file##*.}"
  done
  ok mgit fsck
  cd ..
done
same_file git.index mgit.index
cd mgit
ok mgit ls HEAD model.gguf
contains "$output" "Q4_0"
ok mgit textconv model.onnx
contains "$output" "z.then_branch/nested F32 2,32"

scenario "the same tensor in five containers is stored once"
repository
python3 - "$data/c_order.npy" <<'PYTHON'
import struct, sys
data = open(sys.argv[1], "rb").read()[-2048:]
head = b'{"w":{"dtype":"F32","shape":[16,32],"data_offsets":[0,2048]}}'
open("model.safetensors", "wb").write(struct.pack("<Q", len(head)) + head + data)
PYTHON
cp "$data/c_order.npy" "$data/stored.npz" "$data/model.gguf" "$data/model.onnx" .
ok mgit add model.safetensors c_order.npy stored.npz model.gguf model.onnx
git commit -q -m all
objects=$(for file in model.safetensors c_order.npy stored.npz model.gguf model.onnx; do
  git cat-file -p "HEAD:$file" | grep "F32 16,32"
done | sort -u)
equal "$(wc -l <<<"$objects")" 1 "objects of the weight"
before=$(size_of_store)
cp model.gguf copy.gguf
ok mgit add copy.gguf
equal "$(size_of_store)" "$before" "bytes in the store after a copy"

scenario "an insertion into an unknown file stores the neighbourhood anew"
repository
head -c 8000000 /dev/urandom >unknown.bin
ok mgit add .gitattributes unknown.bin
contains "$errors" "note: unknown.bin"
git commit -q -m before
before=$(size_of_store)
{ head -c 4000000 unknown.bin; head -c 1024 /dev/urandom; tail -c +4000001 unknown.bin; } >longer
mv longer unknown.bin
cp unknown.bin ../kept
ok mgit diff
contains "$output" "chunks changed"
ok mgit add unknown.bin
grown=$(($(size_of_store) - before))
checks=$((checks + 1))
[ "$grown" -lt 2000000 ] || fail "the store grew by $grown bytes"
git commit -q -m after
rm unknown.bin
ok mgit checkout -- unknown.bin
same_file unknown.bin ../kept
ok mgit clone -q . ../clone
same_file ../clone/unknown.bin ../kept

scenario "changed values in an unknown file are stored as differences from the chunks they stood in"
repository
head -c 4000000 /dev/urandom >unknown.bin
ok mgit add .gitattributes unknown.bin
git commit -q -m before
before=$(size_of_store)
for place in 1000003 2500000; do
  printf changed | dd of=unknown.bin bs=1 seek=$place conv=notrunc status=none
done
cp unknown.bin ../kept
ok mgit add unknown.bin
grown=$(($(size_of_store) - before))
checks=$((checks + 1))
[ "$grown" -lt 10000 ] || fail "the store grew by $grown bytes"
git commit -q -m after
rm unknown.bin
ok mgit checkout -- unknown.bin
same_file unknown.bin ../kept

scenario "truncated files are kept whole, with a note"
repository
for file in stored.npz model.gguf model.onnx c_order.npy; do
  head -c -1000 "$data/$file" >"$file"
  cp "$file" "../kept.$file"
  ok mgit add "$file"
  contains "$errors" "note: $file"
done
git commit -q -m truncated
rm -- *.npz *.gguf *.onnx *.npy
ok mgit checkout -- .
for file in stored.npz model.gguf model.onnx c_order.npy; do same_file "$file" "../kept.$file"; done

scenario "what a merge cannot write correctly is a conflict"
for file in stored.npz model.gguf unknown.bin; do
  repository "merge-$file"
  if [ $file = unknown.bin ]; then head -c 3000 /dev/urandom >$file; else cp "$data/$file" $file; fi
  chmod u+w $file
  commit_all base
  for branch in ours theirs; do
    git checkout -q -b $branch main
    # A byte of one tensor in each: of the npz's weight, of the GGUF's Q8_0 blocks.
    python3 - $file $branch <<'PYTHON'
import sys
path, branch = sys.argv[1:]
data = bytearray(open(path, "rb").read())
place = {"stored.npz": 300, "model.gguf": len(data) - 1100, "unknown.bin": 100}[path]
data[place] ^= 1 if branch == "ours" else 2
open(path, "wb").write(data)
PYTHON
    commit_all $branch
  done
  git checkout -q ours
  run mgit merge -m merged theirs
  differ "$status" 0 "merging $file"
  contains "$(git status --porcelain)" "UU $file"
  cd ..
done

scenario "the programs that wrote them read them again"
python=$MGIT_BUILD/venv/bin/python
if [ -x "$python" ] && "$python" -c 'import numpy, gguf, onnx' 2>/dev/null; then
  mkdir files
  "$python" "$data/make.py" files
  repository tree
  cp ../files/* .
  ok mgit add .
  git commit -q -m real
  rm -- *.npy *.npz *.gguf *.onnx
  ok git checkout -- .
  for file in ../files/*; do same_file "$(basename "$file")" "$file"; done
  ok "$python" "$data/make.py" load .
else
  not_run "no numpy, gguf and onnx in $MGIT_BUILD/venv (./dev test installs them)"
fi
