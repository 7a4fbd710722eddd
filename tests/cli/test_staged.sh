# What the pre-commit hook says of staged files: values that are not finite, weights that git would
# keep whole, attributes that other lines spoil.
. "$(dirname "$0")/lib.sh"

scenario "masks of -inf belong to the network; ruined weights do not"
make_repository
python3 - <<'PYTHON'
import json, struct
inf, nan = float("inf"), float("nan")
causal = [0.0 if j <= i else -inf for i in range(4) for j in range(4)]
tensors = {"causal.table": ("F32", [4, 4], causal), "h.0.attn.bias": ("F32", [1, 1, 2, 2], [1, -inf, 1, 1]),
           "encoder.src_mask": ("F64", [2, 2], [inf, 1, 1, 1]), "triangle": ("F16", [2, 2], [0, -inf, 0, 0]),
           "fc.weight": ("F32", [2], [1, 2])}
head, data = {}, b""
for name, (dtype, shape, values) in tensors.items():
    part = struct.pack("<%d%s" % (len(values), {"F32": "f", "F64": "d", "F16": "e"}[dtype]), *values)
    head[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(part)]}
    data += part
head = json.dumps(head).encode()
head += b" " * (-len(head) % 8)
open("model.safetensors", "wb").write(struct.pack("<Q", len(head)) + head + data)
PYTHON
mgit add model.safetensors
ok git commit -q -m masks
make_checkpoint mask.safetensors 1 attn_mask=4@nan
make_checkpoint bias.safetensors 1 layer.attn.bias=4@inf
make_checkpoint allneg.safetensors 1 table=4@-inf
make_checkpoint double.safetensors 1 big=4:F64@1e300
git add -A
fails_with 1 "mask.safetensors: attn_mask: 4 values are not finite (4 NaN)" git commit -m nan
contains "$errors" "bias.safetensors: layer.attn.bias: 4 values are not finite (4 infinite)"
contains "$errors" "allneg.safetensors: table: 4 values"
lacks "$errors" "double"
contains "$errors" "hint: if such values belong to the network, .mgitconfig excepts them"
contains "$errors" 'nonfinite = '

scenario ".mgitconfig excepts tensors by patterns, of its model alone"
make_repository
make_checkpoint net.safetensors 1 rel.position=2@inf a.scale=3@nan b.scale=1@nan other=1@nan
cp net.safetensors second.safetensors
cat >.mgitconfig <<'CONFIG'
[model "net"]
	path = net.safetensors
	nonfinite = rel.*
	nonFinite = *.scale
CONFIG
git add net.safetensors .mgitconfig
fails_with 1 "net.safetensors: other: 1 value is not finite (1 NaN)" git commit -m one
lacks "$errors" "rel."
lacks "$errors" "scale"
printf '\tnonfinite = other\n' >>.mgitconfig
git add .
fails_with 1 "second.safetensors: a.scale" git commit -m one
lacks "$errors" "net.safetensors: "
git rm -q --cached second.safetensors
ok git commit -q -m one

scenario "shards are their index's"
make_repository
for part in 1 2; do make_checkpoint "model-0000$part-of-00002.safetensors" $part "t$part=2@inf"; done
echo '{"metadata": {"total_size": 16}, "weight_map": {"t1": "model-00001-of-00002.safetensors", "t2": "model-00002-of-00002.safetensors"}}' >model.safetensors.index.json
git add .
fails_with 1 "t1: 2 values" git commit -m one
printf '[model "big"]\npath = model.safetensors.index.json\nnonfinite = t?\n' >.mgitconfig
git add .
ok git commit -q -m one

scenario "what was not finite in HEAD already may stay so, kind for kind"
make_repository
make_checkpoint model.safetensors 1 odd=3@inf w=2
git add model.safetensors
ok git commit -q --no-verify -m one
make_checkpoint model.safetensors 2 odd=3@-inf w=2
git add model.safetensors
ok git commit -q -m two
make_checkpoint model.safetensors 3 odd=3@nan w=2
git add model.safetensors
fails_with 1 "odd: 3 values are not finite (3 NaN)" git commit -m three

# big FILE: two megabytes of what no parser knows.
big() { head -c "${2:-2000000}" /dev/urandom >"$1"; }

scenario "weights that git would keep whole"
make_repository
mgit untrack '*.ckpt'
for ending in h5 keras msgpack tflite pb joblib pkl ckpt; do big model.$ending; done
make_checkpoint tensors 1 big=2000
cp tensors small-torch.bin
mv tensors README.txt
big huge.bin 10000001
big small.bin
big film.mp4 11000000
big little.h5 5000
big lfs.h5
printf 'lfs.h5 filter=lfs\n' >>.gitattributes
git add .
ok git commit -q -m whole
for ending in h5 keras msgpack tflite pb joblib pkl ckpt; do
  contains "$errors" "warning: model.$ending: 2.0 MB that git keeps whole"
  contains "$errors" "mgit track '*.$ending'"
done
contains "$errors" "small-torch.bin: a checkpoint that mgit does not track"
contains "$errors" "huge.bin: 10.0 MB that git keeps whole"
for name in small film little lfs README; do lacks "$errors" "$name."; done
ok mgit track '*.h5'
contains "$errors" "model.h5: in git as"
git add --renormalize .
ok git commit -q -m tracked
lacks "$errors" "model.h5"
[ "$(git cat-file -s HEAD:model.h5)" -lt 10000 ] || fail "git still keeps it whole"
for name in model.ckpt pytorch_model.bin pytorch_model-00001-of-00002.bin adapter_model.bin m.onnx_data; do
  mgit init -q . >/dev/null 2>&1
  equal "$(git check-attr filter $name)" "$name: filter: mgit"
done

scenario "other lines decide, as in git, and it is said"
make_repository
mkdir sub plain
make_checkpoint model.safetensors 1
make_checkpoint sub/model.safetensors 2
make_checkpoint plain/model.safetensors 3
make_checkpoint lfs.safetensors 4
echo '*.safetensors -filter' >sub/.gitattributes
printf '[attr]opaque -diff merge=binary\nmodel.safetensors opaque text=auto\nlfs.safetensors filter=lfs\n' >>.gitattributes
echo 'model.safetensors diff merge=mgit diff=mgit -text' >plain/.gitattributes
ln -s model.safetensors link.safetensors
git add .
fails_with 0 "sub/model.safetensors: a pattern of mgit's covers it, but another line of .gitattributes says -filter" git commit -m one
contains "$errors" "lfs.safetensors: a pattern of mgit's covers it, but another line of .gitattributes says filter=lfs"
contains "$errors" "warning: model.safetensors: another line of .gitattributes says merge=binary: plain git merges it as a whole"
contains "$errors" "model.safetensors: another line of .gitattributes says -diff"
contains "$errors" "model.safetensors: another line of .gitattributes says text=auto"
contains "$errors" "link.safetensors: a symbolic link"
lacks "$errors" "plain/"
equal "$(git cat-file -s HEAD:sub/model.safetensors)" "$(stat -c %s sub/model.safetensors)"
equal "$(git cat-file -p HEAD:link.safetensors)" "model.safetensors"
contains "$(git cat-file -p HEAD:model.safetensors)" "mgit checkpoint 1"

# onnx FILE LOCATION: a model with one tensor whose bytes lie elsewhere.
onnx() {
  python3 - "$@" <<'PYTHON'
import sys
def varint(n):
    out = b""
    while n > 127: out += bytes([n & 127 | 128]); n >>= 7
    return out + bytes([n])
field = lambda i, b: varint(i << 3 | 2) + varint(len(b)) + b
number = lambda i, x: varint(i << 3) + varint(x)
pair = lambda k, v: field(13, field(1, k) + field(2, v))
tensor = number(1, 4) + number(2, 1) + field(8, b"w") + pair(b"location", sys.argv[2].encode()) + pair(b"length", b"16") + number(14, 1)
graph = field(1, field(1, b"w") + field(2, b"y") + field(4, b"Identity")) + field(2, b"g") + field(5, tensor)
open(sys.argv[1], "wb").write(number(1, 9) + field(8, field(1, b"") + number(2, 17)) + field(7, graph))
PYTHON
}

scenario "an ONNX model and the weights beside it"
make_repository
mkdir -p sub
onnx model.onnx model.onnx.data
onnx sub/other.onnx weights/w.raw
onnx away.onnx ../elsewhere
onnx gone.onnx gone.raw
mkdir sub/weights
big model.onnx.data
big sub/weights/w.raw
git add model.onnx
ok git commit -q -m one
contains "$errors" "model.onnx: its weights lie in model.onnx.data, which is not staged (mgit add model.onnx.data)"
git add .
ok git commit -q -m two
lacks "$errors" "model.onnx:"
contains "$errors" "sub/other.onnx: its weights lie in sub/weights/w.raw, which mgit does not track: git keeps it whole (mgit track 'sub/weights/w.raw', then git add --renormalize sub/weights/w.raw)"
contains "$errors" "away.onnx: some of its weights lie outside this repository: ../elsewhere"
contains "$errors" "gone.onnx: its weights should lie in gone.raw, which is not there"
[ "$(git cat-file -s HEAD:model.onnx.data)" -lt 10000 ] || fail "git keeps model.onnx.data whole"

scenario "modes stay: an executable checkpoint"
make_repository
make_checkpoint model.safetensors 1
chmod +x model.safetensors
mgit add .
git commit -q -m one
rm model.safetensors
ok mgit checkout -- .
[ -x model.safetensors ] || fail "not executable any more"
contains "$(git ls-files -s model.safetensors)" 100755
