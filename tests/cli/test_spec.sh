#!/usr/bin/env bash
# Specs with families: what the config beside a checkpoint tells, what two specs have in common, and a
# rebase by one.
. "$(dirname "$0")/lib.sh"

# gpt2 FILE SEED [permuted]: a GPT-2 of one layer, 2 heads of 3, as transformers names it; permuted: with
# its heads, the insides of each and the hidden units in another order.
gpt2() {
  python3 - "$@" <<'PYTHON'
import json, random, struct, sys
path, seed, permuted = sys.argv[1], int(sys.argv[2]), len(sys.argv) > 3
random.seed(seed)
d, heads, inner, hidden = 6, 2, 3, 10
h = "transformer.h.0."
shapes = {"transformer.wte.weight": (7, d), "transformer.wpe.weight": (4, d)}
for norm in ("transformer.ln_f", h + "ln_1", h + "ln_2"):
    shapes.update({norm + ".weight": (1, d), norm + ".bias": (1, d)})
shapes.update({h + "attn.c_attn.weight": (d, 3 * d), h + "attn.c_attn.bias": (1, 3 * d),
               h + "attn.c_proj.weight": (d, d), h + "attn.c_proj.bias": (1, d),
               h + "mlp.c_fc.weight": (d, hidden), h + "mlp.c_fc.bias": (1, hidden),
               h + "mlp.c_proj.weight": (hidden, d), h + "mlp.c_proj.bias": (1, d)})
model = {name: [[random.gauss(0, 1) for _ in range(shape[1])] for _ in range(shape[0])]
         for name, shape in shapes.items()}

def rows(name, order): model[name] = [model[name][i] for i in order]
def columns(name, order): model[name] = [[row[i] for i in order] for row in model[name]]
if permuted:
    def of_heads(inside): return [head * inner + i for head in (1, 0) for i in inside[head]]
    query, value = of_heads([(2, 0, 1), (1, 0, 2)]), of_heads([(0, 2, 1), (1, 2, 0)])
    fused = query + [d + i for i in query] + [2 * d + i for i in value]
    stream, units = [3, 5, 0, 4, 1, 2], [7, 3, 9, 0, 1, 8, 2, 6, 5, 4]
    for name, shape in shapes.items():
        if name.endswith(("wte.weight", "wpe.weight", "c_proj.weight", "c_proj.bias")) or ".ln_" in name:
            columns(name, stream)
    for part in ("weight", "bias"):
        columns(h + "attn.c_attn." + part, fused)
        columns(h + "mlp.c_fc." + part, units)
    rows(h + "attn.c_attn.weight", stream)
    rows(h + "mlp.c_fc.weight", stream)
    rows(h + "attn.c_proj.weight", value)
    rows(h + "mlp.c_proj.weight", units)
body, header = b"", {}
for name in sorted(model):
    values = [v for row in model[name] for v in row]
    shape = list(shapes[name]) if shapes[name][0] > 1 else [shapes[name][1]]
    header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [len(body), len(body) + 4 * len(values)]}
    body += struct.pack(f"<{len(values)}f", *values)
text = json.dumps(header).encode()
text += b" " * (-len(text) % 8)
open(path, "wb").write(struct.pack("<Q", len(text)) + text + body)
PYTHON
}

# heads: a repository with such a model, its config, and its spec beside.
heads() {
  make_repository heads
  gpt2 model.safetensors 1
  echo '{"model_type": "gpt2", "n_head": 2}' > config.json
  mgit add . && git commit -q -m first
  mgit spec show HEAD --text > ../bound.perm
}

scenario "a family asks the config beside the checkpoint, in the commit as in the folder"
make_repository heads
gpt2 model.safetensors 1
fails_with 1 "gpt2: no config.json beside it says model_type" mgit spec check auto model.safetensors
fails_with 128 "the nearest family is gpt2, but no config.json beside it says model_type" \
  mgit spec show model.safetensors
echo '{"model_type": "gpt2", "n_head": 4}' > config.json
fails_with 1 "which the layout cannot fill" mgit spec check auto model.safetensors
echo '{"model_type": "gpt2", "n_head": 2}' > config.json
ok mgit spec check auto model.safetensors
mgit add . && git commit -q -m first
rm config.json
ok mgit spec show HEAD
contains "$output" "in each of H0"

scenario "two specs are compared by meaning"
heads
ok mgit spec diff auto ../bound.perm HEAD
equal "$output" "5 groups alike"
sed 's/perm Q0:3 in H0/perm Q0:3/' ../bound.perm > ../shared.perm
fails_with 1 "" mgit spec diff auto ../shared.perm HEAD
equal "$output" "4 groups alike
Q0 (3 units in each of H0) of auto is not Q0 (3 units) of ../shared.perm"
sed 's/H0\*V0/H0*_:3/' ../bound.perm > ../fixed.perm
fails_with 128 "../fixed.perm: does not fit model.safetensors" mgit spec diff ../fixed.perm auto HEAD

scenario "a known permutation of heads and of what is in them comes back, bit for bit"
heads
git switch -q -c feature
gpt2 model.safetensors 1 permuted
mgit add model.safetensors && git commit -q -m permuted
git switch -q main
ok mgit rebase feature onto main
equal "$(git rev-parse feature:model.safetensors)" "$(git rev-parse main:model.safetensors)" "the manifest"

scenario "a spec of one's own with families is taken by --trust-spec, and its text is recorded"
heads
git switch -q -c other main
gpt2 model.safetensors 2
cp ../bound.perm net.perm
printf '[model "net"]\n\tpath = model.safetensors\n\tspec = net.perm\n' > .mgitconfig
mgit add . && git commit -q -m other
fails_with 128 "--trust-spec" mgit rebase other onto main
ok mgit rebase other onto main --trust-spec
ok mgit undo
ok mgit rebase other onto main --trust-spec
ok mgit merge main
ok mgit fsck

scenario "a picture: a row for each tensor that carries a group, a line for each group, the same each time"
make_repository pictures
make_checkpoint model.safetensors 1 'a<&b".weight=8,3' 'a<&b".bias=8' c.weight=5,8 c.bias=5 d.weight=6,5 d.bias=6
cat >net.perm <<'PERM'
mgit-perm 1
perm H:4
perm Q:2 in H
perm R
"a<&b\".weight": H*Q, _
"a<&b\".bias": H*Q
c.weight: R, H*Q
c.bias: R
d.weight: _, R
d.bias: _
PERM
printf '[model "net"]\n\tpath = model.safetensors\n\tspec = net.perm\n' >.mgitconfig
commit_all "A network"
ok mgit spec show --svg
printf '%s\n' "$output" >picture.svg
python3 - picture.svg <<'EOF' >counted
import sys, xml.etree.ElementTree as tree
root = tree.parse(sys.argv[1]).getroot()
of = lambda tag: list(root.iter("{http://www.w3.org/2000/svg}" + tag))
texts = ["".join(each.itertext()) for each in of("text")]
print(len(of("line")), len(of("circle")), len([each for each in of("line") if "stroke-dasharray" in each.attrib]))
print("\n".join(texts))
inside = lambda each, x, y: 0 <= float(each.get(x)) <= float(root.get("width")) and 0 <= float(each.get(y)) <= float(root.get("height"))
print(all(inside(each, "cx", "cy") for each in of("circle")) and all(inside(each, "x", "y") for each in of("text")))
EOF
equal "$(<counted)" '3 9 1
custom: 3 groups, 107 of 113 parameters can move
"a<&b\".bias"
H:4*Q:2
"a<&b\".weight"
H*Q, _
c.bias
R:5
c.weight
R, H*Q
d.weight
_, R
1 tensor keeps its order
True'
ok mgit spec show --svg
same_text=$output
equal "$same_text" "$(<picture.svg)"
ok mgit spec show --dot
contains "$output" '[shape=ellipse, color="#d62728", penwidth=2, label="Q\n2 units in each of H", style=dashed]'
contains "$output" 'label="\"a<&b\\\".weight\"\nH*Q, _"'
equal "$(grep -c ' -> ' <<<"$output")" 10 "lines, and one from H to its family"
if command -v dot >/dev/null; then ok dot -Tsvg <<<"$output"; fi
fails_with 129 "one of --text, --dot, --svg and --json at a time" mgit spec show --svg --json

scenario "a file without tensors is of no family"
printf 'nothing' >empty.bin
fails_with 1 "it holds no tensors" mgit spec check auto empty.bin
fails_with 128 "no permutation spec fits this network" mgit spec show empty.bin
