#!/usr/bin/env bash
# Networks that run from .pt2 and ONNX files give what TorchScript gives. Real networks are exported here, by a
# Python with torch (and transformers, for GPT-2), which is too much to install for a test:
#   MGIT_TRANSFORMERS_PYTHON=venv/bin/python bash tests/cli/test_eval_graph.sh
. "$(dirname "$0")/lib.sh"
need_trained

python=${MGIT_TRANSFORMERS_PYTHON:-python3}

# result ARGUMENT…: losses and accuracies of mgit eval, to the digits that float32 leaves.
result() {
  mgit eval --json "$@" 2>&1 | python3 -c 'import json, sys
text = sys.stdin.read()
try:
    found = json.loads(text)
    for each in found if isinstance(found, list) else [found]:
        print("%.4f %.4f %d" % (each["loss"], each["accuracy"], each["samples"]))
except ValueError:
    print(text)'
}

scenario "one clear line for a graph that cannot be run"
make_checkpoint weights.safetensors 1
make_checkpoint data.safetensors 3 input=8,2,6,6 target=8,3
printf 'no archive' >net.pt2
fails_with 128 "net.pt2" mgit eval weights.safetensors --graph net.pt2 --data data.safetensors
printf '\10no model' >net.onnx
fails_with 128 "net.onnx" mgit eval weights.safetensors --graph net.onnx --data data.safetensors
fails_with 128 "there is no such network" mgit eval weights.safetensors --graph absent.pt2 --data data.safetensors

current="exported networks"
"$python" -c 'import torch.export' 2>/dev/null ||
  skip "no torch in $python (set MGIT_TRANSFORMERS_PYTHON)"

# export_net NETWORK SHAPE CHECKPOINT OUT: NETWORK of nets.py with those weights: OUT.pt2, whose batch is open,
# OUT-fixed.pt2, and OUT.onnx where torch can write it, not optimised, as that folds norms into convolutions.
export_net() {
  "$python" - "$@" >"$sandbox/log" 2>&1 <<'PYTHON' || cat "$sandbox/log"
import importlib.util, json, struct, sys, torch
import nets
network, shape, checkpoint, out = sys.argv[1:]
with open(checkpoint, "rb") as file:
    header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
    body = file.read()
types = {"F32": torch.float32, "I64": torch.int64}
state = {}
for name, info in header.items():
    if name != "__metadata__":
        start, end = info["data_offsets"]
        values = torch.frombuffer(bytearray(body[start:end]), dtype=types[info["dtype"]])
        state[name] = values.reshape(info["shape"])
net = eval(network, vars(nets)).eval()
net.load_state_dict(state, strict=False)
example = torch.randn([int(length) for length in shape.split(",")])
batch = ({0: torch.export.Dim("batch")},)
torch.export.save(torch.export.export(net, (example,), dynamic_shapes=batch), out + ".pt2")
torch.export.save(torch.export.export(net, (example,)), out + "-fixed.pt2")
if importlib.util.find_spec("onnxscript"):
    torch.onnx.export(net, (example,), out + ".onnx", dynamo=True, optimize=False, external_data=False,
                      dynamic_shapes=({0: "batch"},))
PYTHON
}

# agree NAME MODEL…: all forms of a network give what its TorchScript gives, on the data of $data.
agree() {
  local wanted form name=$1
  shift
  wanted=$(result "$@" --graph "$script" --data "$data")
  equal "$(grep -cE '^[0-9.]+ [0-9.]+ [0-9]+$' <<<"$wanted")" $# "results of TorchScript"
  for form in "$name.pt2" "$name-fixed.pt2" "$name.onnx"; do
    [ -e "$form" ] || { not_run "no onnxscript in $python"; continue; }
    equal "$(result "$@" --graph "$form" --data "$data")" "$wanted" "$form"
  done
}

scenario "a perceptron and convolutions with batch norm, of drawn digits"
exported=$PWD
cat >nets.py <<'PYTHON'
import torch
from torch import nn


class Perceptron(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1, self.fc2, self.fc3 = nn.Linear(256, 256), nn.Linear(256, 256), nn.Linear(256, 10)

    def forward(self, x):
        return self.fc3(torch.relu(self.fc2(torch.relu(self.fc1(x.flatten(1))))))


class Pictures(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(16, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2))
        self.classifier = nn.Sequential(nn.Linear(512, 64), nn.ReLU(), nn.Linear(64, 10))

    def forward(self, x):
        return self.classifier(self.features(x).flatten(1))
PYTHON
data=$trained/digits.safetensors
script=$trained/mlp.torchscript.pt
export_net "Perceptron()" 3,1,16,16 "$trained/mlp-1.safetensors" mlp
agree mlp "$trained/mlp-1.safetensors" "$trained/mlp-2.safetensors"
script=$trained/vgg.torchscript.pt
export_net "Pictures()" 7,1,16,16 "$trained/vgg-1.safetensors" pictures
agree pictures "$trained/vgg-1.safetensors" "$trained/vgg-2.safetensors"
barrier() {
  mgit barrier --json --points 3 "$trained/vgg-1.safetensors" "$trained/vgg-2.safetensors" --graph "$1" --data "$data" >curve
  python3 -c 'import json; print("%.4f" % json.load(open("curve"))["barrier"])'
}
equal "$(barrier pictures.pt2)" "$(barrier "$script")" "barriers"

scenario "in a repository: what .mgitconfig names runs once it is trusted, and gives the spec, too"
cp "$exported/pictures.pt2" .
make_repository
cp "$data" eval.safetensors
printf '[model "net"]\n\tpath = model.safetensors\n\tgraph = pictures.pt2\n\tdata = eval.safetensors\n' >.mgitconfig
cp "$trained/vgg-1.safetensors" model.safetensors
commit_all one
git switch -q -c feature
cp "$trained/vgg-2.safetensors" model.safetensors
commit_all two
git switch -q main
fails_with 128 "mgit trust" mgit eval main
ok mgit trust
ok mgit eval main feature
contains "$output" "2000 samples of eval.safetensors"
ok mgit rebase feature onto main
contains "$output" "proof algebraic"
ok mgit eval feature --against feature@{1} --json
holds "$(number "$output" largest_output_change) < 1e-3"
ok mgit merge feature
contains "$output" "merged"

scenario "what does not fit is said in one line"
cp "$exported/pictures.pt2" .
make_checkpoint small.safetensors 3 input=8,1,12,12
fails_with 128 "the network takes ?,1,16,16, the data's \"input\" is 8,1,12,12" \
  mgit eval "$trained/vgg-1.safetensors" --graph pictures.pt2 --data small.safetensors
fails_with 128 "is pictures.pt2 the network of this checkpoint?" \
  mgit eval "$trained/mlp-1.safetensors" --graph pictures.pt2 --data "$data"

scenario "GPT-2 and a residual network"
need_data models/gpt2-s1/model.safetensors models/nets.py graphs/gpt2.torchscript.pt
"$python" -c 'import transformers' 2>/dev/null || skip "no transformers in $python"
cp "$MGIT_DATA/models/nets.py" .
"$python" - "$MGIT_DATA/models/gpt2-s1" >"$sandbox/log" 2>&1 <<'PYTHON' || cat "$sandbox/log"
import sys, torch
from transformers import GPT2LMHeadModel
for attention in ("eager", "sdpa"):
    model = GPT2LMHeadModel.from_pretrained(sys.argv[1], attn_implementation=attention).eval()
    model.config.use_cache = False
    class Logits(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.m = model
        def forward(self, x):
            return self.m(input_ids=x).logits
    program = torch.export.export(Logits(), (torch.arange(256).reshape(2, 128) % 65,), strict=False,
                                  dynamic_shapes=({0: torch.export.Dim("batch")},))
    torch.export.save(program, attention + ".pt2")
PYTHON
python3 - <<'PYTHON'
import json, struct
tokens = [(7 * i + i // 5) % 65 for i in range(10 * 128)]
body = struct.pack("<1280q", *tokens) + struct.pack("<1280q", *tokens[1:], 0)
header = json.dumps({"input": {"dtype": "I64", "shape": [10, 128], "data_offsets": [0, 10240]},
                     "target": {"dtype": "I64", "shape": [10, 128], "data_offsets": [10240, 20480]}}).encode()
header += b" " * (-len(header) % 8)
open("text.safetensors", "wb").write(struct.pack("<Q", len(header)) + header + body)
PYTHON
for model in "$MGIT_DATA"/models/gpt2-s{1,2}/model.safetensors; do
  wanted=$(result "$model" --graph "$MGIT_DATA/graphs/gpt2.torchscript.pt" --data text.safetensors)
  contains "$wanted" " 1280"
  for form in eager sdpa; do
    equal "$(result "$model" --graph $form.pt2 --data text.safetensors --batch 4)" "$wanted" "$form"
  done
done
script=$MGIT_DATA/graphs/mnistresnet.torchscript.pt
data=pictures.safetensors
make_checkpoint pictures.safetensors 4 input=20,1,28,28 target=20:I64@0.03
resnet=$MGIT_DATA/models/mnistresnet-s
export_net "ResNet20(w=16, cin=1, n=1)" 3,1,28,28 "${resnet}1.safetensors" resnet
agree resnet "${resnet}1.safetensors" "${resnet}2.safetensors"
