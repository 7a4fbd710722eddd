#!/usr/bin/env bash
# PyTorch files: out again byte for byte, and their models are rebased and merged as any other.
. "$(dirname "$0")/lib.sh"

data=$MGIT_SOURCE/tests/data

scenario "what torch.save wrote comes out again, through mgit and through git"
make_repository
mgit track '*.pt' >/dev/null
cp "$data"/torch-*.pt .
cp torch-2.13-training.pt again.pt
ok mgit add .
lacks "$errors" "stored whole"
ok git commit -q -m "PyTorch files"
contains "$(git show HEAD:torch-2.13-views.pt)" "format pytorch"
contains "$(git show HEAD:torch-1.13-legacy.pt)" "format pytorch-legacy"
contains "$(git show HEAD:torch-1.13-views.pt)" " of 48 at 5 strides 4,1"
contains "$(mgit ls HEAD torch-2.13-training.pt)" "optimizer.state.0.exp_avg"
for checkout in "mgit checkout" "git checkout"; do
  rm ./*.pt
  ok $checkout -- .
  for file in "$data"/torch-*.pt; do same_file "$file" "$(basename "$file")"; done
done
git rm -q --cached again.pt && rm again.pt && cp "$data/torch-2.13-training.pt" other.pt
ok git add other.pt
equal "$(git show :other.pt)" "$(git show HEAD:torch-2.13-training.pt)" "manifest through git's filter"
contains "$(mgit textconv torch-2.13-views.pt)" "turned F32 4,3"
equal "$(git show HEAD:torch-2.13-views.pt >views.manifest && mgit textconv views.manifest)" \
  "$(mgit textconv torch-2.13-views.pt)" "text of manifest and file"
ok mgit fsck

scenario "an archive that is no checkpoint is kept, and is no model"
make_repository
mgit track '*.pt' >/dev/null
python3 -c 'import zipfile
with zipfile.ZipFile("net.pt", "w") as z: z.writestr("net/data.pkl", b"no pickle"); z.writestr("net/constants.pkl", b"x" * 300)'
cp net.pt ../net.pt
ok mgit add net.pt
git commit -q -m archive
contains "$(git show HEAD:net.pt)" "format zip"
rm net.pt
git checkout -q -- net.pt
same_file net.pt ../net.pt

# as_pt SAFETENSORS FILE: the same tensors as torch.save would write them, without torch.
as_pt() {
  python3 - "$@" <<'PYTHON'
import json, struct, sys, zipfile
raw = open(sys.argv[1], "rb").read()
length = struct.unpack("<Q", raw[:8])[0]
tensors = json.loads(raw[8:8 + length])
def text(value): return b"X" + struct.pack("<I", len(value)) + value.encode()
def number(value): return b"J" + struct.pack("<i", value)
def numbers(values): return b"(" + b"".join(map(number, values)) + b"t"
pickle, storages = b"\x80\x02}(", []
for name, entry in tensors.items():
    if name == "__metadata__": continue
    begin, end = entry["data_offsets"]
    strides, stride = [], 1
    for size in reversed(entry["shape"]): strides.insert(0, stride); stride *= size
    pickle += text(name) + b"ctorch._utils\n_rebuild_tensor_v2\n((" + text("storage") + \
        b"ctorch\nFloatStorage\n" + text(str(len(storages))) + text("cpu") + number((end - begin) // 4) + \
        b"tQK\x00" + numbers(entry["shape"]) + numbers(strides) + b"\x89ccollections\nOrderedDict\n)RtR"
    storages.append(raw[8 + length + begin:8 + length + end])
with zipfile.ZipFile(sys.argv[2], "w") as z:
    z.writestr(zipfile.ZipInfo("net/data.pkl"), pickle + b"u.")
    for i, data in enumerate(storages): z.writestr(zipfile.ZipInfo(f"net/data/{i}"), data)
    z.writestr(zipfile.ZipInfo("net/version"), "3\n")
PYTHON
}

# good_archive FILE: every checksum in it is right.
good_archive() {
  ok python3 -c 'import sys, zipfile; sys.exit(zipfile.ZipFile(sys.argv[1]).testzip() is not None)' "$1"
}

# objects REV PATH: name, dtype, shape and object of each tensor.
objects() { git show "$1:$2" | sed -n '/^tensor /,$p'; }

# commit_both FILE MESSAGE: the checkpoint in both repositories, as model.safetensors and as model.pt.
commit_both() {
  cp "$1" safetensors/model.safetensors
  as_pt "$1" pt/model.pt
  for kind in safetensors pt; do
    (cd "$kind" && git add -A && git commit -q -m "$2")
  done
}

# compare_kinds ONE TWO: rebase and merge of two models are the same in both containers.
compare_kinds() {
  for kind in safetensors pt; do
    mkdir "$kind"
    (cd "$kind" && mgit init -q >/dev/null && mgit track '*.pt' >/dev/null)
  done
  commit_both "$1" "Train on main"
  for kind in safetensors pt; do git -C "$kind" switch -q -c feature; done
  commit_both "$2" "Train on a branch"
  for kind in safetensors pt; do
    git -C "$kind" switch -q main
    cd "$kind"
    ok mgit rebase feature onto main
    contains "$output" "Successfully rebased"
    cd ..
  done
  equal "$(cd pt && objects feature model.pt)" "$(cd safetensors && objects feature model.safetensors)" \
    "rebased tensors"
  git -C pt switch -q feature
  good_archive pt/model.pt
  git -C pt switch -q main
  for kind in safetensors pt; do
    cd "$kind"
    ok mgit merge feature
    cd ..
  done
  equal "$(cd pt && objects main model.pt)" "$(cd safetensors && objects main model.safetensors)" \
    "merged tensors"
  good_archive pt/model.pt
  equal "$(git -C pt status --porcelain)" "" "working tree"
  ok git -C pt fsck
  (cd pt && ok mgit fsck)
}

scenario "rebase and merge of small networks as .pt equal those as .safetensors"
make_checkpoint one.safetensors 1
make_checkpoint two.safetensors 2
compare_kinds "$PWD/one.safetensors" "$PWD/two.safetensors"

scenario "a cherry-pick of another tensor writes the checksums anew"
make_repository
mgit track '*.pt' >/dev/null
make_checkpoint base.safetensors 1
as_pt base.safetensors model.pt && rm base.safetensors
git add -A && git commit -q -m base
change() {
  python3 - "$@" <<'PYTHON'
import sys, zipfile
path, name = sys.argv[1:3]
entries = {e.filename: zipfile.ZipFile(path).read(e) for e in zipfile.ZipFile(path).infolist()}
entries[name] = b"\0\0\0\0" + entries[name][4:]
with zipfile.ZipFile(path, "w") as z:
    for entry, data in entries.items(): z.writestr(zipfile.ZipInfo(entry), data)
PYTHON
}
git switch -q -c side
change model.pt net/data/0
git commit -q -a -m "first tensor"
git switch -q main
change model.pt net/data/2
git commit -q -a -m "third tensor"
ok git cherry-pick side
good_archive model.pt
equal "$(git diff --stat HEAD~1 HEAD --no-textconv --no-ext-diff -- model.pt | tail -1 | grep -c changed)" 1
ok python3 -c 'import zipfile
for name in "0", "2": assert zipfile.ZipFile("model.pt").read("net/data/" + name)[:4] == bytes(4)'

scenario "the program that wrote it reads what was checked out"
found=
for python in ${MGIT_TORCH_PYTHONS:-python3}; do
  version=$("$python" -c 'import torch; print(".".join(torch.__version__.split(".")[:2]))' 2>/dev/null) || continue
  [ -e "$data/torch-$version-views.pt" ] || continue
  found=1
  make_repository "with-$version"
  mgit track '*.pt' >/dev/null
  ok "$python" "$data/make_torch.py" write "torch-$version"
  cp ./*.pt ..
  ok mgit add .
  git commit -q -m files
  rm ./*.pt
  ok git checkout -q -- .
  for file in *.pt; do same_file "$file" "../$file"; done
  ok "$python" "$data/make_torch.py" check "torch-$version" .
  cd ..
done
[ "$found" ] || not_run "no torch 1.13 or 2.13 (MGIT_TORCH_PYTHONS names Pythons that have them)"

scenario "rebase and merge of trained networks as .pt equal those as .safetensors"
need_trained
compare_kinds "$trained/mlp-1.safetensors" "$trained/mlp-2.safetensors"
for python in ${MGIT_TORCH_PYTHONS:-}; do
  ok "$python" -c 'import torch; assert torch.load("pt/model.pt")["fc1.weight"].shape == (256, 256)'
done
