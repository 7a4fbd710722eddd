#!/usr/bin/env bash
# Specs from graphs: mgit spec derive, and a graph in .mgitconfig.
. "$(dirname "$0")/lib.sh"

graphs=$MGIT_SOURCE/tests/unit/graph/data

# llama FILE SEED [WRAPPER]: random weights of the network whose graph is llama.pt2: a layer with four queries
# over two keys and rotary positions. WRAPPER stands before the names, "model." if it is not said.
llama() {
  local net=${3-model.}
  local layer=${net}model.layers.0
  make_checkpoint "$1" "$2" "${net}model.embed_tokens.weight=40,16" "${net}lm_head.weight=40,16" \
    "${net}model.norm.weight=16" $layer.input_layernorm.weight=16 $layer.post_attention_layernorm.weight=16 \
    $layer.self_attn.q_proj.weight=16,16 $layer.self_attn.k_proj.weight=8,16 \
    $layer.self_attn.v_proj.weight=8,16 $layer.self_attn.o_proj.weight=16,16 \
    $layer.mlp.gate_proj.weight=24,16 $layer.mlp.up_proj.weight=24,16 $layer.mlp.down_proj.weight=16,24
}

scenario "a derived spec is printed, with what stays as it is and why, and fits"
llama model.safetensors 1
ok mgit spec derive "$graphs/llama.pt2" model.safetensors
contains "$output" ": 5 groups; "
contains "$output" "#   a constant differs along it (aten.mul in model.model.layers.0.self_attn): "
contains "$output" "#   output of the network: model.lm_head.weight"
contains "$output" "perm model.model.layers.0.self_attn.q_proj.units:2 in model.model.layers.0.self_attn.q_proj.blocks"
printf '%s\n' "$output" >printed.perm
ok mgit spec derive "$graphs/llama.pt2" model.safetensors -o net.perm
contains "$output" "proof         algebraic"
same_file net.perm printed.perm
ok mgit spec check net.perm model.safetensors
contains "$output" "groups        5"

scenario "layers that repeat are said once, as a person would, with an equal meaning"
layers=()
for i in $(seq 0 11); do
  layers+=(blocks.$i.up.weight=8,6 blocks.$i.up.bias=8 blocks.$i.down.weight=6,8 blocks.$i.down.bias=6)
done
make_checkpoint deep.safetensors 1 embed.weight=9,6 out.weight=4,6 "${layers[@]}"
ok mgit spec derive "$graphs/deep.pt2" deep.safetensors -o deep.perm
contains "$(<deep.perm)" "perm blocks.{i}.up:8
blocks.{i}.down.bias: embed
blocks.{i}.down.weight: embed, blocks.{i}.up
blocks.{i}.up.bias: blocks.{i}.up
blocks.{i}.up.weight: blocks.{i}.up, embed
embed.weight: _, embed
out.weight: _, embed"
ok mgit spec diff deep.perm "$graphs/deep.pt2" deep.safetensors
contains "$output" "13 groups alike"

scenario "names of a wrapper may stand in the checkpoint, in the graph, or in both"
for wrapper in '' model. module.model.; do
  llama model.safetensors 1 "$wrapper"
  ok mgit spec derive "$graphs/llama.pt2" model.safetensors
  contains "$output" ": 5 groups; "
done

scenario "an ONNX model names the checkpoint's tensors, whatever it calls its own"
cp "$graphs/lstm.safetensors" model.safetensors
cp "$graphs/lstm.onnx" exported.bin
ok mgit spec derive exported.bin model.safetensors -o net.perm
contains "$(<net.perm)" "lstm.weight_hh_l1: _:4*lstm.weight_ih_l1"
contains "$(<net.perm)" "fc.weight: _, lstm.weight_ih_l1"
ok mgit spec check net.perm model.safetensors
contains "$output" "groups        3"
ok mgit spec derive "$graphs/lstm.onnx" "$graphs/lstm.onnx"
contains "$output" '"onnx::MatMul_256": '

scenario "an ONNX model with folded norms, or of other weights, is refused"
fails_with 128 "no initializer has the contents of b1.bias, " \
  mgit spec derive "$graphs/convolution_folded.onnx" "$graphs/convolution.safetensors"
contains "$errors" "do_constant_folding=False"
make_checkpoint other.safetensors 1 emb.weight=9,6 fc.weight=4,5 fc.bias=4
fails_with 128 "have other contents than the checkpoint's tensors of their names: emb.weight" \
  mgit spec derive "$graphs/lstm.onnx" other.safetensors

scenario "the graph of another network is refused, with the tensors"
make_checkpoint model.safetensors 1
fails_with 128 "the graph reads tensors that the checkpoint lacks: " \
  mgit spec derive "$graphs/llama.pt2" model.safetensors
make_checkpoint part.safetensors 1 w=3,4
fails_with 128 "not a torch.export archive" mgit spec derive model.safetensors part.safetensors
make_checkpoint more.safetensors 1 w=3,4 b=3 e=5,3 l=4 extra=2,2 another=3
fails_with 128 "does not read every tensor of the checkpoint: another, extra" \
  mgit spec derive "$graphs/reference_linear.pt2" more.safetensors

scenario "a network without hidden units is said to have none"
make_checkpoint model.safetensors 1 w=3,4 b=3 e=5,3 l=4
fails_with 1 "warning: nothing in this network can be reordered; " \
  mgit spec derive "$graphs/reference_linear.pt2" model.safetensors

# graph_fork GRAPH MAKE: a repository whose .mgitconfig names the graph; MAKE FILE SEED on main and feature.
graph_fork() {
  make_repository repository
  cp "$graphs/$1" net.pt2
  printf '[model "net"]\n\tpath = model.safetensors\n\tgraph = net.pt2\n' >.mgitconfig
  "$2" model.safetensors 1
  commit_all "Train on main"
  git switch -q -c feature
  "$2" model.safetensors 2
  commit_all "Train on my share"
  git switch -q main
}

scenario "a graph alone is enough for a rebase, and what was permuted comes back bit for bit"
graph_fork llama.pt2 llama
ok mgit spec show feature
contains "$output" "architecture  derived"
contains "$output" "proof         algebraic"
git branch original feature
ok mgit rebase feature onto main
contains "$output" "proof algebraic"
contains "$(git log -1 --format=%B feature)" " proof algebraic"
differ "$(git rev-parse feature:model.safetensors)" "$(git rev-parse original:model.safetensors)"
ok mgit rebase original onto feature
equal "$(git rev-parse original:model.safetensors)" "$(git rev-parse feature:model.safetensors)" \
  "the original, matched with its own permutation"

scenario "the weights in a committed graph are the checkpoint's objects"
make_repository
make_checkpoint model.safetensors 1 w=300,200 b=200
python3 - <<'END'
import json, struct, zipfile
data = open("model.safetensors", "rb").read()
start = 8 + struct.unpack("<Q", data[:8])[0]
with zipfile.ZipFile("net.pt2", "w") as archive:
    archive.writestr("net/models/model.json", "{}")
    for name, tensor in json.loads(data[8:start]).items():
        begin, end = tensor["data_offsets"]
        archive.writestr(f"net/data/weights/{name}", data[start + begin:start + end])
END
cp net.pt2 kept
commit_all "a network and its graph"
equal "$(git cat-file -p HEAD:net.pt2 | head -2)" "mgit checkpoint 1
format zip" "what git has"
ok mgit ls --json HEAD
equal "$(python3 -c '
import json, sys
objects = {m["path"]: {t["object"] for t in m["tensors"]} for m in json.load(sys.stdin)}
print(len(objects["model.safetensors"]), objects["model.safetensors"] < objects["net.pt2"])' <<<"$output")" "2 True" "objects"
rm net.pt2
ok mgit checkout -- net.pt2
same_file net.pt2 kept

scenario "a spec in .mgitconfig comes before the graph, and a graph that allows nothing is no reason to go on"
graph_fork llama.pt2 llama
printf 'mgit-perm 1\narch mine\nskip *\n' >net.perm
git config --file .mgitconfig model.net.spec net.perm
commit_all "A spec of my own"
ok mgit spec show HEAD
contains "$output" "architecture  mine"
small() { make_checkpoint "$1" "$2" w=3,4 b=3 e=5,3 l=4; }
cd .. && rm -rf repository
graph_fork reference_linear.pt2 small
fails_with 128 "nothing in this network can be reordered; " mgit rebase feature onto main
contains "$errors" "mgit spec derive net.pt2 model.safetensors"

scenario "what a committed graph allows is kept, and believed only as long as it is whole and fits"
graph_fork llama.pt2 llama
rm -rf .git/mgit/derived
ok mgit spec show HEAD --text
fresh=$output
entry=$(echo .git/mgit/derived/*)
cp "$entry" whole
# derived_again [WHAT]: the entry is not believed, and written anew.
derived_again() {
  ok mgit spec show HEAD --text
  equal "$output" "$fresh" "the spec"
  same_file "$entry" whole
}
derived_again
printf 'mgit-perm 1\narch derived\nskip *\n' >other.perm
# lying BODY: an entry of this name with its digest.
lying() {
  python3 - "$entry" "$1" <<'EOF'
import hashlib, sys
name, body = sys.argv[1].rsplit("/", 1)[1], sys.argv[2].encode()
open(sys.argv[1], "wb").write(f"mgit derived 1 {name} {hashlib.sha256(body).hexdigest()}\n".encode() + body)
EOF
}
lying '0 0 mgit-perm 1
perm F
other.weight: F, _
'
derived_again
for bad in '' '0' '0 99999999999999999999 x' '7 a' '0 0 '; do
  lying "$bad"
  derived_again
done
for size in 0 1 40 100 150 $(($(stat -c %s whole) - 1)); do
  head -c "$size" whole >"$entry"
  derived_again
done
sed 's/^perm /perm x/' whole >"$entry"
derived_again
lying '0 0 mgit-perm 1
skip *
'
fails_with 128 "nothing in this network can be reordered; " mgit spec show HEAD
cp whole "$entry"
git commit -q --allow-empty -m "The same graph"
derived_again
equal "$(ls .git/mgit/derived | wc -l)" 1 "entries"
for number in $(seq 80); do : >.git/mgit/derived/$number; done
touch -d '1 hour ago' .git/mgit/derived/[0-9] .git/mgit/derived/[0-9][0-9]
git config -f .mgitconfig model.net.input 1x2
commit_all "Another input"
ok mgit spec show HEAD
equal "$(ls .git/mgit/derived | wc -l)" 64 "entries"
rm -rf .git/mgit/derived
: >.git/mgit/derived
ok mgit spec show HEAD~ --text
equal "$output" "$fresh" "where nothing can be kept"
cd ..

scenario "an ONNX model is its own graph, named as one or not"
# onnx_mlp FILE SEED [running]: y = w2 relu(w1 x + b1) + b2, or, for seed 0, w2 x; with "running" the sum over the
# hidden units is the last of their running sums.
onnx_mlp() {
  python3 - "$@" <<'EOF'
import random, struct, sys

path, seed = sys.argv[1], int(sys.argv[2])
generator = random.Random(seed)

def varint(number):
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes(out) + bytes([number])

def number(field, value): return varint(field << 3) + varint(value)
def text(field, value):
    value = value.encode() if isinstance(value, str) else value
    return varint(field << 3 | 2) + varint(len(value)) + value

def weight(name, *shape):
    count = 1
    for length in shape: count *= length
    raw = b"".join(struct.pack("<f", generator.gauss(0, 1)) for _ in range(count))
    return text(5, b"".join(number(1, length) for length in shape) + number(2, 1) + text(8, name) + text(9, raw))

def node(op, inputs, output):
    transposed = text(5, text(1, "transB") + number(3, 1) + number(20, 2)) if op == "Gemm" else b""
    return text(1, b"".join(text(1, name) for name in inputs) + text(2, output) + text(4, op) + transposed)

def value(field, name, *shape):
    dims = b"".join(text(1, number(1, length)) for length in shape)
    return text(field, text(1, name) + text(2, text(1, number(1, 1) + text(2, dims))))

def longs(name, *numbers):
    shape = number(1, len(numbers)) if name != "axis" else b""
    return text(5, shape + number(2, 7) + text(8, name) + text(9, struct.pack("<%dq" % len(numbers), *numbers)))

if sys.argv[3:]:
    graph = node("Gemm", ["x", "w1", "b1"], "h") + node("Relu", ["h"], "a") + node("Unsqueeze", ["a", "two"], "u")
    graph += node("Transpose", ["w2"], "t") + node("Mul", ["u", "t"], "m") + node("CumSum", ["m", "axis"], "c")
    graph += node("Slice", ["c", "last", "end", "one"], "s") + node("Squeeze", ["s", "one"], "y")
    graph += weight("w1", 16, 3) + weight("b1", 16) + weight("w2", 2, 16)
    graph += longs("two", 2) + longs("axis", 1) + longs("last", 15) + longs("end", 16) + longs("one", 1)
elif seed:
    graph = node("Gemm", ["x", "w1", "b1"], "h") + node("Relu", ["h"], "a") + node("Gemm", ["a", "w2", "b2"], "y")
    graph += weight("w1", 16, 3) + weight("b1", 16) + weight("w2", 2, 16) + weight("b2", 2)
else:
    graph = node("Gemm", ["x", "w2"], "y") + weight("w2", 2, 3)
graph = text(2, "mlp") + graph + value(11, "x", 5, 3) + value(12, "y", 5, 2)
open(path, "wb").write(number(1, 8) + text(8, text(1, "") + number(2, 17)) + text(7, graph))
EOF
}
for named in "" graph; do
  rm -rf own && make_repository own
  [ -z "$named" ] || printf '[model "net"]\n\tpath = net.onnx\n\tgraph = net.onnx\n' >.mgitconfig
  onnx_mlp net.onnx 1
  commit_all "A network"
  git switch -q -c feature
  onnx_mlp net.onnx 2
  commit_all "Trained apart"
  git branch original
  git switch -q main
  ok mgit spec show net.onnx
  contains "$output" "proof         algebraic"
  contains "$output" "b1:0 w1:0 w2:1"
  ok mgit rebase feature onto main
  contains "$output" "hidden units move"
  contains "$output" "proof algebraic"
  differ "$(git rev-parse feature:net.onnx)" "$(git rev-parse original:net.onnx)"
  ok mgit rebase original onto feature
  equal "$(git rev-parse original:net.onnx)" "$(git rev-parse feature:net.onnx)" "matched with its own permutation"
  onnx_mlp net.onnx 0
  fails_with 128 "nothing in this network can be reordered; " mgit spec show net.onnx
  cd ..
done

scenario "an ONNX model is no graph of another checkpoint in .mgitconfig: its spec is"
make_repository repository
cp "$graphs/lstm.onnx" net.onnx
cp "$graphs/lstm.safetensors" model.safetensors
printf '[model "net"]\n\tpath = model.safetensors\n\tgraph = net.onnx\n' >.mgitconfig
commit_all "A network and its graph"
fails_with 128 "an ONNX model tells weights by their contents, which change" mgit spec show HEAD
contains "$errors" "mgit spec derive net.onnx model.safetensors -o net.perm"
ok mgit spec derive net.onnx HEAD:model.safetensors -o net.perm
git config --file .mgitconfig model.net.spec net.perm
commit_all "A spec"
ok mgit spec show HEAD
contains "$output" "groups        3"

scenario "a spec of one's own is held against the graph: proved by it, or refused, with the group"
graph_fork llama.pt2 llama
layer=model.model.layers.0
cat >net.perm <<PERM
mgit-perm 1
perm F
$layer.mlp.{gate,up}_proj.weight: F, _
$layer.mlp.down_proj.weight: _, F
*weight: _, _
*weight: _
PERM
git config --file .mgitconfig model.net.spec net.perm
commit_all "A spec of my own"
git switch -q feature && git cherry-pick main >/dev/null
git switch -q main
ok mgit spec show feature
contains "$output" "proof         algebraic"
ok mgit rebase feature onto main
sed -i 's/^perm F/perm F\nperm K:2\nperm X:4 in K/; s/^\*weight: _, _/model*k_proj.weight: K*X, _\nmodel*q_proj.weight: K*_:2*X, _\nmodel*v_proj.weight: K*_, _\nmodel*o_proj.weight: _, K*_\n&/' net.perm
commit_all "Rotary positions move"
fails_with 128 "net.perm: group X may not be reordered like that, as net.pt2 says" mgit spec show HEAD

scenario "the graph proves a spec by its own words, and by being run"
llama model.safetensors 1
ok mgit spec derive "$graphs/llama.pt2" model.safetensors -o net.perm
ok mgit spec check net.perm model.safetensors --graph "$graphs/llama.pt2"
contains "$output" "proof         numeric"
lacks "$output" "allows more"
ok mgit spec check net.perm model.safetensors --graph "$graphs/llama.pt2" --json
holds "$(number "$output" largest_change) < 1e-9"
holds "$(number "$output" controls) >= 10"
ok mgit spec diff net.perm "$graphs/llama.pt2" model.safetensors
equal "$output" "5 groups alike"
printf 'mgit-perm 1\nperm F\nmodel*{gate,up}_proj.weight: F, _\nmodel*down_proj.weight: _, F\nskip *\n' >less.perm
ok mgit spec check less.perm model.safetensors --graph "$graphs/llama.pt2"
contains "$output" "proof         numeric"
contains "$output" "allows more"
printf 'mgit-perm 1\nperm K:2\nmodel*v_proj.weight: K*_, _\nmodel*o_proj.weight: _, K*_\nskip *\n' >wrong.perm
fails_with 1 "group K may not be reordered like that" mgit spec check wrong.perm model.safetensors --graph "$graphs/llama.pt2"
contains "$output" "nor by its numbers: all groups at once change the outputs"

scenario "a spec that goes beyond what the graph says is borne out by its numbers, but not for a rebase"
onnx_mlp net.onnx 3 running
fails_with 1 "its result depends on the order of positions (aten.cumsum in c)" mgit spec derive net.onnx net.onnx
printf 'mgit-perm 1\nperm H\nw1: H, _\nb1: H\nw2: _, H\nskip *\n' >mine.perm
ok mgit spec check mine.perm net.onnx --graph net.onnx
contains "$output" "proof         numeric"
contains "$output" "not algebraic group H may not be reordered like that, as net.onnx says: by its numbers alone"
ok mgit spec check mine.perm net.onnx --graph net.onnx --json
equal "$(number "$output" entailed)" False
equal "$(number "$output" proof)" numeric
make_repository borne
cp ../net.onnx ../mine.perm .
printf '[model "net"]\n\tpath = net.onnx\n\tgraph = net.onnx\n\tspec = mine.perm\n' >.mgitconfig
commit_all "A network"
git switch -q -c feature
onnx_mlp net.onnx 4 running
commit_all "Trained apart"
git switch -q main
fails_with 128 "mine.perm: group H may not be reordered like that, as net.onnx says" mgit rebase feature onto main
cd ..
