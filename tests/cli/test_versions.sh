# What a new version of a model costs.
. "$(dirname "$0")/lib.sh"

layers() { # SEED-OF-CHANGED: ten layers of 64 KB, the fourth and the seventh of another seed
  python3 - "$1" <<'PYTHON'
import json, random, struct, sys
header, data = {}, b""
for layer in range(10):
    seed = layer if layer not in (3, 6) else 100 * int(sys.argv[1]) + layer
    normal = random.Random(seed)
    block = struct.pack("<16384f", *[normal.gauss(0, 0.1) for _ in range(16384)])
    header[f"layer{layer}.weight"] = {"dtype": "F32", "shape": [128, 128], "data_offsets": [len(data), len(data) + len(block)]}
    data += block
text = json.dumps(header).encode()
sys.stdout.buffer.write(struct.pack("<Q", len(text)) + text + data)
PYTHON
}
stored() { cat .git/mgit/packs/*.pack | wc -c; }
at_most() { [ "$1" -le "$2" ] && checks=$((checks + 1)) || fail "$1 is more than $2"; }

scenario "two layers of ten cost two layers, a name and a header nearly nothing"
make_repository
layers 1 >model.safetensors
mgit add model.safetensors
git commit -qm "one"
first=$(stored)
layers 2 >model.safetensors
ok mgit add model.safetensors
git commit -qm "two"
second=$(stored)
at_most $((second - first)) $((first / 5 + 2000))
git mv model.safetensors renamed.safetensors
ok git commit -qm "renamed"
python3 - <<'PYTHON'
import json, struct
content = open("renamed.safetensors", "rb").read()
(length,) = struct.unpack("<Q", content[:8])
header = json.loads(content[8:8 + length])
header["__metadata__"] = {"epoch": "2"}
text = json.dumps(header).encode()
open("renamed.safetensors", "wb").write(struct.pack("<Q", len(text)) + text + content[8 + length:])
PYTHON
ok mgit add renamed.safetensors
git commit -qm "header"
at_most $(($(stored) - second)) 2000

scenario "a file of the next step is stored against the one before it"
make_repository
make_checkpoint step-900.safetensors 1 w=200,200 b=200
make_checkpoint other.safetensors 2 w=200,200 b=200
mgit add -A
git commit -qm "900"
mkdir runs
step=1000
for tool in "mgit add" "git add"; do
  for file in step-$step.safetensors runs/step-$step.safetensors; do
    ADD=0.001 ADD_SEED=$((step += 1)) make_checkpoint "$file" 1 w=200,200 b=200
    ok $tool "$file"
    git commit -qm "$file"
    contains "$(mgit ls HEAD "$file" | grep " w ")" "delta"
  done
done
ok mgit fsck
