#!/usr/bin/env bash
# Byte for byte: what add took in, checkout gives back; through mgit and through plain git, with the
# same manifests either way.
. "$(dirname "$0")/lib.sh"

# round_trip DIRECTORY: every file in it, added, committed, deleted, checked out, both ways.
round_trip() {
  local files=$1 tool
  for tool in mgit git; do
    make_repository "$tool"
    cp "$files"/*.safetensors .
    ok $tool add -- *.safetensors
    ok $tool commit -q --no-verify -m "by $tool" # random bytes are not all finite
    git ls-files -s >"../$tool.index"
    equal "$(git status --porcelain --untracked-files=no)" "" "status after $tool add"
    rm -- *.safetensors
    ok $tool checkout -- .
    for file in "$files"/*.safetensors; do
      same_file "$(basename "$file")" "$file"
    done
    ok git fsck --strict
    ok mgit fsck
    cd ..
  done
  equal "$(sort git.index)" "$(sort mgit.index)" "manifests of mgit add and of git add"
}

scenario "files of every dtype, written by the safetensors package of Python"
python=$MGIT_BUILD/venv/bin/python
if [ -x "$python" ] && "$python" -c 'import safetensors' 2>/dev/null; then
mkdir files
"$python" - <<'PYTHON'
import ctypes, json, math, random, struct
import safetensors
from safetensors import serialize_file
sizes = {"bool": 1, "uint8": 1, "int8": 1, "int16": 2, "uint16": 2, "float16": 2, "bfloat16": 2,
         "int32": 4, "uint32": 4, "float32": 4, "float64": 8, "int64": 8, "uint64": 8,
         "complex64": 8, "float8_e4m3fn": 1, "float8_e5m2": 1, "float8_e8m0fnu": 1,
         "float4_e2m1fn_x2": 1, "float8_e4m3fnuz": 1, "float8_e5m2fnuz": 1}
random.seed(0)
kept = []  # the package borrows the memory behind a TensorSpec
def tensor(dtype, *shape):
    data = random.randbytes(sizes[dtype] * math.prod(shape))
    if not hasattr(safetensors, "TensorSpec"):
        return {"dtype": dtype, "shape": list(shape), "data": data}
    kept.append(ctypes.create_string_buffer(data, max(1, len(data))))
    return safetensors.TensorSpec(dtype=dtype, shape=list(shape), data_ptr=ctypes.addressof(kept[-1]),
                                  data_len=len(data))
def write(name, tensors, metadata=None):
    serialize_file(tensors, "files/%s.safetensors" % name, metadata)
written = []
for dtype in sizes:
    try:
        shapes = {"matrix": (33, 18), "empty": (0, 4), "vector": (1000,)}
        if dtype != "float4_e2m1fn_x2": shapes["scalar"] = ()
        write(dtype, {name: tensor(dtype, *shape) for name, shape in shapes.items()})
        written.append(dtype)
    except Exception as error:
        print("not writable by this version:", dtype, error)
assert len(written) >= 15, written
write("metadata", {"a": tensor("float32", 3)}, {"format": "pt", "note": "ünïcödé \n \" \\ quoted"})
write("names", {name: tensor("float32", 2, 2) for name in [
    "", " ", "with space", "tab\there", "new\nline", "quo\"te", "back\\slash", "ünïcödé", "日本語",
    "a" * 500, "../../etc/passwd", "__metadata", "tensor"]})
write("nothing", {})
same = tensor("float32", 64, 64)
write("tied", {"one": same, "two": same, "three": same})
# Key order, spacing and padding that the package does not write itself.
header = {"z": {"dtype": "F32", "shape": [2], "data_offsets": [8, 16]},
          "__metadata__": {"k": "v"},
          "a": {"data_offsets": [0, 8], "shape": [2], "dtype": "F32"}}
text = json.dumps(header, indent=1).encode() + b"   "
open("files/order.safetensors", "wb").write(struct.pack("<Q", len(text)) + text + random.randbytes(16))
print(len(written), "dtypes")
PYTHON
round_trip "$PWD/files"
else
  not_run "no safetensors package in $MGIT_BUILD/venv (./dev test installs it)"
fi

scenario "every real model"
if [ -d "$MGIT_DATA/models" ]; then
  mkdir files
  for file in "$MGIT_DATA"/models/*.safetensors; do cp "$file" files/; done
  for file in "$MGIT_DATA"/models/*/*.safetensors; do
    cp "$file" "files/$(basename "$(dirname "$file")").safetensors"
  done
  chmod u+w files/*
  round_trip "$PWD/files"
else
  not_run "no models in $MGIT_DATA (set MGIT_DATA)"
fi

scenario "the same file under another name adds nothing but a manifest"
make_repository
make_checkpoint one.safetensors 1 big.weight=300,300
ok mgit add one.safetensors
before=$(du -sb .git/mgit/packs | cut -f1)
cp one.safetensors two.safetensors
ok mgit add two.safetensors
equal "$(du -sb .git/mgit/packs | cut -f1)" "$before" "bytes in the store"

scenario "trained networks, with their graphs and pictures"
need_trained
mkdir files
cp "$trained"/* files/
round_trip "$PWD/files"
