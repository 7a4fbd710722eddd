# docs/co-developing.md as scenarios type it: its blocks run in their order, each in the folder of whom its first line
# names; after lib.sh and need_trained.
guide=$MGIT_SOURCE/docs/co-developing.md

# `train` of the guide: the networks that need_trained made, or from one of those a step further.
mkdir "$sandbox/bin"
cat >"$sandbox/bin/train" <<'SCRIPT'
#!/bin/sh
set -e
[ "$1" = --from ] || exec cp "$SHARES/share-$2.safetensors" model.safetensors
exec python3 - "$2" "$4" <<'PYTHON'
import array, random, struct, sys
path, normal = sys.argv[1], random.Random(sys.argv[2])
whole = open(path, "rb").read()
start = 8 + struct.unpack("<Q", whole[:8])[0]
weights = array.array("f", whole[start:])
step = [normal.gauss(0, 0.001) for _ in range(1000)]
for i in range(len(weights)): weights[i] += step[i % 1000]
open(path, "wb").write(whole[:start] + weights.tobytes())
PYTHON
SCRIPT
chmod +x "$sandbox/bin/train"
PATH=$sandbox/bin:$PATH

# sections: the headings that have blocks. blocks HEADING: how many. block HEADING N: that one.
sections() { awk '/^## / { heading = substr($0, 4) } $0 == "```sh" && !seen[heading]++ { print heading }' "$guide"; }
blocks() { awk -v heading="## $1" '/^## / { inside = $0 == heading } inside && $0 == "```sh"' "$guide" | wc -l; }
block() {
  awk -v heading="## $1" -v wanted="$2" '
    /^## /                { inside = $0 == heading }
    inside && /^```sh$/   { number++; reading = 1; next }
    /^```$/               { reading = 0 }
    inside && reading && number == wanted' "$guide"
}

# typed HEADING [N]: block N of that section (1), by the person that it names; all its lines have to end well.
typed() {
  block "$1" "${2:-1}" >"$sandbox/block"
  person=$(sed -n '1s/^# \([A-Z][a-z]*\).*/\1/p' "$sandbox/block")
  differ "$person" "" "who types block ${2:-1} of '$1'"
  folder=$people/$person
  mkdir -p "$folder"
  cp "$SHARES/network.pt" "$SHARES/test.safetensors" "$folder/"
  [ ! -d "$folder/net" ] || folder=$folder/net
  echo "   $person: $1"
  cd "$folder"
  ok env GIT_AUTHOR_NAME="$person" GIT_COMMITTER_NAME="$person" bash -e "$sandbox/block"
  cd "$people/$person/net"
  typed_blocks=$((typed_blocks + 1))
}

# together: from an empty repository at $HUB to a merged model that everybody has.
together() {
  people=$PWD/people
  typed_blocks=0
  typed "Ada begins"
  lacks "$errors" "warning: net"
  typed "Bea and Carl train"
  contains "$output" "accuracy"
  typed "Bea and Carl train" 2
  typed "Ada looks"
  contains "$output" "worth a rebase"
  typed "Ada combines"
  contains "$output" "Successfully rebased carl onto main: 1 commit rewritten"
  contains "$output" "combined, mean with weights 0.5 : 0.5"
  contains "$output" "rebased onto"
  typed "Everybody has it"
  contains "$output" "merged: mean of 2 models"
  contains "$output" ": 2 proven, 0 failed, 0 unchecked"
  contains "$errors" " 0 problems"
  equal "$(git status --porcelain)" ""
  ok mgit eval --json main origin/bea origin/carl
  echo "   loss: merged $(number "$output" 0 loss), Bea's $(number "$output" 1 loss), Carl's $(number "$output" 2 loss)"
  holds "$(number "$output" 0 loss) < min($(number "$output" 1 loss), $(number "$output" 2 loss))"
}

# small_story: the shares and the network of need_trained, for `train` and for Ada.
small_story() {
  export SHARES=$PWD/shares
  mkdir "$SHARES"
  cp "$trained"/share-?.safetensors "$SHARES/"
  cp "$trained/mlp.torchscript.pt" "$SHARES/network.pt"
  cp "$trained/digits.safetensors" "$SHARES/test.safetensors"
}

# mnist_story: the same with two networks of MNIST, of disjoint, biased shares, that MGIT_DATA has; the small ones
# where it does not.
mnist_story() {
  local name
  for name in models/mlpbias-s10.safetensors models/mlpbias-s11.safetensors graphs/mlp.torchscript.pt data/t10k-images-idx3-ubyte.gz; do
    [ -e "$MGIT_DATA/$name" ] || { small_story; return 0; }
  done
  export SHARES=$PWD/shares
  mkdir "$SHARES"
  cp "$MGIT_DATA/models/mlpbias-s10.safetensors" "$SHARES"/share-1.safetensors
  cp "$MGIT_DATA/models/mlpbias-s11.safetensors" "$SHARES"/share-2.safetensors
  cp "$MGIT_DATA/graphs/mlp.torchscript.pt" "$SHARES"/network.pt
  chmod u+w "$SHARES"/*
  python3 - "$MGIT_DATA/data" "$SHARES"/test.safetensors <<'PYTHON'
import gzip, json, struct, sys
n = 3000
images = gzip.open(sys.argv[1] + "/t10k-images-idx3-ubyte.gz").read(16 + n * 784)[16:]
labels = gzip.open(sys.argv[1] + "/t10k-labels-idx1-ubyte.gz").read(8 + n)[8:]
table = [struct.pack("<f", (v / 255 - 0.1307) / 0.3081) for v in range(256)]
body = b"".join(map(table.__getitem__, images)) + b"".join(struct.pack("<q", v) for v in labels)
cut = n * 784 * 4
header = json.dumps({"input": {"dtype": "F32", "shape": [n, 1, 28, 28], "data_offsets": [0, cut]},
                     "target": {"dtype": "I64", "shape": [n], "data_offsets": [cut, len(body)]}}).encode()
header += b" " * (-len(header) % 8)
open(sys.argv[2], "wb").write(struct.pack("<Q", len(header)) + header + body)
PYTHON
}
