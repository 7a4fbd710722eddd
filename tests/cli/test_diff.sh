# mgit diff and git's textconv.
. "$(dirname "$0")/lib.sh"

scenario "a table of tensors"
make_repository
make_checkpoint model.safetensors 1 a=4,4 b=8 gone=2 shape=2,3
echo one >README
commit_all "one"
ADD=0.5 make_checkpoint model.safetensors 1 a=4,4 b=8
python3 - <<'PYTHON'
import json, struct
def read(path):
    data = open(path, "rb").read()
    n = struct.unpack("<Q", data[:8])[0]
    return json.loads(data[8:8 + n]), data[8 + n:]
header, data = read("model.safetensors")
start, end = header["b"]["data_offsets"]
import subprocess
old = subprocess.run(["git", "cat-file", "--filters", "HEAD:model.safetensors"], capture_output=True, check=True).stdout
n = struct.unpack("<Q", old[:8])[0]
old_header, old_data = json.loads(old[8:8 + n]), old[8 + n:]
s, e = old_header["b"]["data_offsets"]
data = data[:start] + old_data[s:e] + data[end:]
for name, shape in (("new", [2]), ("shape", [3, 2])):
    size = 4 * shape[0] * (shape[1] if len(shape) > 1 else 1)
    header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [len(data), len(data) + size]}
    data += b"\0" * size
head = json.dumps(header).encode()
open("model.safetensors", "wb").write(struct.pack("<Q", len(head)) + head + data)
PYTHON
echo two >README
ok mgit diff
contains "$output" "checkpoint model.safetensors"
contains "$output" "1 equal, 1 changed, 1 reshaped, 1 added, 1 gone"
contains "$output" "changed   a"
contains "$output" "cosine 0."
contains "$output" "F32 2,3 -> F32 3,2"
contains "$output" "+two"
lacks "$output" "mgit checkpoint 1"
working=$output

ok mgit diff --json
equal "$(python3 -c '
import json, sys
file, = json.load(sys.stdin)["checkpoints"]
print(file["path"], file["status"], file["equal"], [(t["name"], t["change"]) for t in file["tensors"]])' <"$sandbox/output")" \
  "model.safetensors M 1 [('a', 'changed'), ('gone', 'gone'), ('new', 'added'), ('shape', 'reshaped')]"

git add -A
equal "$(mgit diff)" ""
equal "$(mgit diff --cached)" "$working" "--cached shows the same"
git commit -qm "two"
equal "$(mgit diff HEAD~1 HEAD)" "$working"
equal "$(mgit diff HEAD~1..HEAD)" "$working"
equal "$(mgit diff HEAD~1...HEAD)" "$working"
lacks "$(mgit diff HEAD~1 -- README)" "checkpoint"
lacks "$(mgit diff HEAD~1 HEAD -- model.safetensors)" "+two"
fails_with 1 "checkpoint" mgit diff --exit-code HEAD~1
ok mgit diff --exit-code HEAD
fails_with 1 "" mgit diff --quiet HEAD~1
equal "$(mgit diff --name-only HEAD~1)" "README
model.safetensors"
fails_with 128 "nonsense" mgit diff nonsense

scenario "the numbers are right"
make_repository
make_checkpoint model.safetensors 1 x=4@1
commit_all "one"
make_checkpoint model.safetensors 1 x=4@-2
ok mgit diff
contains "$output" "change 3 "
contains "$output" "cosine -1.000000"

scenario "added, deleted and renamed checkpoints"
make_repository
make_checkpoint old.safetensors 1
commit_all "one"
git mv old.safetensors new.safetensors
ok mgit diff --cached
contains "$output" "old.safetensors -> new.safetensors"
contains "$output" "4 equal"
git commit -qm "two"
git rm -q new.safetensors
ok mgit diff --cached
contains "$output" "4 gone"

scenario "git diff shows one line per tensor"
make_repository
make_checkpoint model.safetensors 1
commit_all "one"
make_checkpoint model.safetensors 2
ok git diff
contains "$output" "-fc1.weight F32 16,8 "
contains "$output" "+fc1.weight F32 16,8 "
contains "$output" " norm "
git cat-file -p HEAD:model.safetensors >manifest.txt
git cat-file --filters HEAD:model.safetensors >file.safetensors
equal "$(mgit textconv manifest.txt)" "$(mgit textconv file.safetensors)"

scenario "resharding shows what moved and what changed, not what is gone and added"
make_repository
layers() { local i; for ((i = $1; i <= $2; i++)); do echo "layer$i.weight=8,8$3"; done; }
make_checkpoint model-00001-of-00002.safetensors 1 $(layers 1 4 @1)
make_checkpoint model-00002-of-00002.safetensors 1 $(layers 5 8 @2)
commit_all "two shards"
git rm -q model-0000*
make_checkpoint model-00001-of-00003.safetensors 1 $(layers 1 2 @1)
make_checkpoint model-00002-of-00003.safetensors 1 $(layers 3 4 @1)
make_checkpoint model-00003-of-00003.safetensors 1 $(layers 5 8 @2)
commit_all "three shards"
ok mgit diff HEAD~1 HEAD
contains "$output" "resharded: "
contains "$output" "moved, 0 changed"
lacks "$output" "gone"
lacks "$output" "added"
lacks "$output" "layer"
make_checkpoint model-00003-of-00003.safetensors 1 $(layers 5 7 @2) layer8.weight=8,8@3
commit_all "one changed"
ok mgit diff HEAD~2 HEAD
contains "$output" "moved, 1 changed"
contains "$output" "layer8.weight"
contains "$output" "change 0.5"
lacks "$output" "gone"
ok mgit diff HEAD~1 HEAD
lacks "$output" "resharded"
