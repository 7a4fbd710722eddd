#!/usr/bin/env bash
# The main job on networks trained on MNIST and CIFAR-10 (test_trained.sh has it on small ones that
# every build makes): barrier, rebase, barrier, merge, evaluation.
. "$(dirname "$0")/lib.sh"

scenario "real models"
need_data models/mlp-s1.safetensors graphs/mlp.torchscript.pt data/t10k-images-idx3-ubyte.gz
ls "$(dirname "$MGIT_BIN")"/../lib/libmgit_torch.so >/dev/null 2>&1 || skip "built without LibTorch"
python3 - "$MGIT_DATA/data" <<'PYTHON'
import gzip, json, struct, sys
images = gzip.open(sys.argv[1] + "/t10k-images-idx3-ubyte.gz").read()[16:]
labels = gzip.open(sys.argv[1] + "/t10k-labels-idx1-ubyte.gz").read()[8:]
table = [struct.pack("<f", (v / 255 - 0.1307) / 0.3081) for v in range(256)]
for name, n in (("mnist-test", len(labels)), ("mnist-3000", 3000)):
    body = b"".join(map(table.__getitem__, images[:n * 784])) + b"".join(struct.pack("<q", v) for v in labels[:n])
    cut = n * 784 * 4
    header = json.dumps({"input": {"dtype": "F32", "shape": [n, 1, 28, 28], "data_offsets": [0, cut]},
                         "target": {"dtype": "I64", "shape": [n], "data_offsets": [cut, len(body)]}}).encode()
    header += b" " * (-len(header) % 8)
    open(name + ".safetensors", "wb").write(struct.pack("<Q", len(header)) + header + body)
PYTHON
test_data=$PWD/mnist-test.safetensors
few_data=$PWD/mnist-3000.safetensors  # for networks that take long

# bytes_of_files DIRECTORY: without the directories, whose own size is the file system's affair.
bytes_of_files() {
  find "$1" -type f -printf '%s\n' | awk '{ sum += $1 } END { print sum }'
}

# pair NAME A B: a repository with A on main and B on feature, forked from main.
pair() {
  make_repository "$1"
  cp "$MGIT_DATA/models/$2.safetensors" model.safetensors
  mgit add model.safetensors .gitattributes && git commit -q -m "$2"
  git switch -q -c feature
  cp "$MGIT_DATA/models/$3.safetensors" model.safetensors
  mgit add model.safetensors && git commit -q -m "$3"
  git switch -q main
}

scenario "two MLPs, independently trained: no barrier after the rebase; merged as good as its parents"
pair mlp mlp-s1 mlp-s2
network="--graph $MGIT_DATA/graphs/mlp.torchscript.pt --data $test_data"
ok mgit barrier main feature $network --json
before=$(number "$output" barrier)
size=$(bytes_of_files .git)
ok mgit rebase feature onto main
grown=$(($(bytes_of_files .git) - size))
echo "repository grew by $grown bytes"
holds "$grown < 0.01 * 3730064"
ok mgit barrier main feature $network --json
after=$(number "$output" barrier)
echo "barrier before $before, after $after"
holds "0.7 < $before < 0.8"
holds "$after <= 0.01"
ok mgit merge feature
ok mgit eval HEAD $network --json
echo "merged accuracy $(number "$output" accuracy)"
holds "$(number "$output" accuracy) >= 0.983"
origin=$(git for-each-ref --format='%(refname)' refs/mgit/origin)
ok mgit eval feature --against "$origin" $network --json
echo "largest change of a logit $(number "$output" largest_output_change)"
holds "$(number "$output" largest_output_change) < 1e-4"

scenario "two MLPs trained on disjoint, biased shares: the merge is better than both"
pair mlpbias mlpbias-s10 mlpbias-s11
ok mgit eval main $network --json; main=$(number "$output" accuracy)
ok mgit eval feature $network --json; feature=$(number "$output" accuracy)
ok mgit rebase feature onto main
ok mgit merge feature
ok mgit eval HEAD $network --json; merged=$(number "$output" accuracy)
echo "accuracy: main $main, feature $feature, merged $merged"
holds "$merged > max($main, $feature)"

scenario "two GPT-2: heads, and what is inside of them, move; the function stays"
need_data models/gpt2-s1/model.safetensors graphs/gpt2.torchscript.pt data/tinyshakespeare.txt
make_repository gpt2
cp "$MGIT_DATA"/models/gpt2-s1/{model.safetensors,config.json} .
mgit add . && git commit -q -m s1
git switch -q -c feature
cp "$MGIT_DATA"/models/gpt2-s2/model.safetensors .
mgit add . && git commit -q -m s2
git switch -q main
python3 - "$MGIT_DATA/data/tinyshakespeare.txt" <<'PYTHON'
import json, struct, sys
text = open(sys.argv[1]).read()
number = {c: i for i, c in enumerate(sorted(set(text)))}
tokens = [number[c] for c in text[-16 * 129:]]
rows = [tokens[i * 129:(i + 1) * 129] for i in range(16)]
body = b"".join(struct.pack("<128q", *row[:-1]) for row in rows)
body += b"".join(struct.pack("<128q", *row[1:]) for row in rows)
half = len(body) // 2
header = json.dumps({"input": {"dtype": "I64", "shape": [16, 128], "data_offsets": [0, half]},
                     "target": {"dtype": "I64", "shape": [16, 128], "data_offsets": [half, 2 * half]}}).encode()
header += b" " * (-len(header) % 8)
open("../text.safetensors", "wb").write(struct.pack("<Q", len(header)) + header + body)
PYTHON
ok mgit rebase feature onto main
case $output in *"spec gpt2, proof family"*) ;; *) fail "no family was found" "$output" ;; esac
origin=$(git for-each-ref --format='%(refname)' refs/mgit/origin)
ok mgit eval feature --against "$origin" --graph "$MGIT_DATA/graphs/gpt2.torchscript.pt" --data ../text.safetensors --json
echo "gpt2: largest change of a logit $(number "$output" largest_output_change)"
holds "$(number "$output" largest_output_change) < 1e-4"
ok mgit spec show feature --json
holds "$(number "$output" movable) == $(number "$output" parameters)"

scenario "the function of every network is unchanged by a rebase"
for name in vgg mnistresnet mnistresnet64; do
  need_data "graphs/$name.torchscript.pt"
  pair "$name" "$name-s1" "$name-s2"
  ok mgit rebase feature onto main
  data=$few_data
  [ "$name" != vgg ] || data=$(python3 - <<'PYTHON'
import json, random, struct
random.seed(1)
n = 64
body = b"".join(struct.pack("<f", random.gauss(0, 1)) for _ in range(n * 3 * 32 * 32)) + b"".join(struct.pack("<q", i % 10) for i in range(n))
cut = n * 3 * 32 * 32 * 4
header = json.dumps({"input": {"dtype": "F32", "shape": [n, 3, 32, 32], "data_offsets": [0, cut]},
                     "target": {"dtype": "I64", "shape": [n], "data_offsets": [cut, len(body)]}}).encode()
header += b" " * (-len(header) % 8)
open("../random-images.safetensors", "wb").write(struct.pack("<Q", len(header)) + header + body)
print("../random-images.safetensors")
PYTHON
)
  origin=$(git for-each-ref --format='%(refname)' refs/mgit/origin)
  ok mgit eval feature --against "$origin" --graph "$MGIT_DATA/graphs/$name.torchscript.pt" \
    --data "$data" --json
  echo "$name: largest change of a logit $(number "$output" largest_output_change)"
  holds "$(number "$output" largest_output_change) < 1e-4"
  cd ..
done

scenario "merged networks with batch norm work, without data and by the defaults"
python3 - "$MGIT_DATA/data" <<'PYTHON'
import gzip, json, struct, sys
rows = gzip.open(sys.argv[1] + "/cifar10-test-1k.bin.gz").read()
n = len(rows) // 3073
mean, deviation = (0.4914, 0.4822, 0.4465), (0.247, 0.2435, 0.2616)
tables = [[struct.pack("<f", (v / 255 - m) / s) for v in range(256)] for m, s in zip(mean, deviation)]
body = b""
for i in range(n):
    for c in range(3):
        body += b"".join(map(tables[c].__getitem__, rows[i * 3073 + 1 + c * 1024:][:1024]))
cut = len(body)
body += b"".join(struct.pack("<q", rows[i * 3073]) for i in range(n))
header = json.dumps({"input": {"dtype": "F32", "shape": [n, 3, 32, 32], "data_offsets": [0, cut]},
                     "target": {"dtype": "I64", "shape": [n], "data_offsets": [cut, len(body)]}}).encode()
header += b" " * (-len(header) % 8)
open("cifar-test.safetensors", "wb").write(struct.pack("<Q", len(header)) + header + body)
PYTHON
cifar=$PWD/cifar-test.safetensors
# Training inputs without labels: what merges are repaired with.
python3 - "$MGIT_DATA/data" <<'PYTHON'
import gzip, json, struct, sys
def write(name, shape, body):
    header = json.dumps({"input": {"dtype": "F32", "shape": shape, "data_offsets": [0, len(body)]}}).encode()
    header += b" " * (-len(header) % 8)
    open(name, "wb").write(struct.pack("<Q", len(header)) + header + body)
n = 2000
table = [struct.pack("<f", (v / 255 - 0.1307) / 0.3081) for v in range(256)]
images = gzip.open(sys.argv[1] + "/train-images-idx3-ubyte.gz").read(16 + n * 784)[16:]
write("mnist-train.safetensors", [n, 1, 28, 28], b"".join(map(table.__getitem__, images)))
mean, deviation = (0.4914, 0.4822, 0.4465), (0.247, 0.2435, 0.2616)
tables = [[struct.pack("<f", (v / 255 - m) / s) for v in range(256)] for m, s in zip(mean, deviation)]
rows = gzip.open(sys.argv[1] + "/cifar10-train-8k.bin.gz").read(n * 3073)
write("cifar-train.safetensors", [n, 3, 32, 32], b"".join(
    b"".join(map(tables[c].__getitem__, rows[i * 3073 + 1 + c * 1024:][:1024])) for i in range(n) for c in range(3)))
PYTHON
mnist_inputs=$PWD/mnist-train.safetensors
cifar_inputs=$PWD/cifar-train.safetensors
# merged NAME DATA LOWEST INPUTS REPAIRED: the merge of a pair has at least this accuracy, and that one
# once it is repaired with these inputs.
merged() {
  pair "merged-$1" "$1-s1" "$1-s2"
  ok mgit merge --combine feature
  contains "$output" "repaired without data"
  ok mgit eval HEAD --graph "$MGIT_DATA/graphs/$1.torchscript.pt" --data "$2" --json
  echo "$1: merged accuracy $(number "$output" accuracy)"
  holds "$(number "$output" accuracy) > $3"
  ok mgit repair --graph "$MGIT_DATA/graphs/$1.torchscript.pt" --data "$4"
  ok mgit eval HEAD --graph "$MGIT_DATA/graphs/$1.torchscript.pt" --data "$2" --json
  echo "$1: repaired accuracy $(number "$output" accuracy)"
  holds "$(number "$output" accuracy) > $5"
  cd ..
}
need_data data/train-images-idx3-ubyte.gz data/cifar10-train-8k.bin.gz
merged mnistresnet64 "$few_data" 0.98 "$mnist_inputs" 0.984
merged vgg "$cifar" 0.69 "$cifar_inputs" 0.75
merged mnistresnet "$few_data" 0.65 "$mnist_inputs" 0.96
