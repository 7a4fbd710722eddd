#!/usr/bin/env bash
# examples/export_graph.py: the graph of a network of one's own, and a rebase by it. Needs a Python with
# torch, which is too much to install for a test:
#   MGIT_TRANSFORMERS_PYTHON=venv/bin/python bash tests/cli/test_export_graph.sh
. "$(dirname "$0")/lib.sh"

python=${MGIT_TRANSFORMERS_PYTHON:-python3}
current="the graph of a network of one's own"
"$python" -c 'import torch.export' 2>/dev/null ||
  skip "no torch in $python (set MGIT_TRANSFORMERS_PYTHON)"

scenario "a network that no family knows is exported, derived, proved and rebased"
make_repository mine
cat >net.py <<'PYTHON'
import torch
from torch import nn


class Gated(nn.Module):
    """Gates, a residual stream, a norm, and a convolution that is flattened."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(1, 6, 3, padding=1)
        self.widen = nn.Linear(6 * 16, 20)
        self.gate = nn.Linear(20, 14)
        self.up = nn.Linear(20, 14)
        self.down = nn.Linear(14, 20)
        self.norm = nn.LayerNorm(20)
        self.head = nn.Linear(20, 3)

    def forward(self, x):
        x = self.widen(torch.relu(self.stem(x)).flatten(1))
        x = self.norm(x + self.down(torch.sigmoid(self.gate(x)) * self.up(x)))
        return self.head(x)
PYTHON
ok "$python" "$MGIT_SOURCE/examples/export_graph.py" net.py:Gated 1,1,4,4 net.pt2
save() {
  "$python" - "$1" "$2" <<'PYTHON'
import json, struct, sys, torch
from net import Gated
torch.manual_seed(int(sys.argv[2]))
header, body = {}, b""
for name, value in sorted(Gated().state_dict().items()):
    data = struct.pack(f"<{value.numel()}f", *value.flatten().tolist())
    header[name] = {"dtype": "F32", "shape": list(value.shape), "data_offsets": [len(body), len(body) + len(data)]}
    body += data
text = json.dumps(header).encode()
text += b" " * (-len(text) % 8)
open(sys.argv[1], "wb").write(struct.pack("<Q", len(text)) + text + body)
PYTHON
}
save model.safetensors 1
ok mgit spec derive net.pt2 model.safetensors -o derived.perm
ok mgit spec check derived.perm model.safetensors --graph net.pt2
contains "$output" "proof         numeric"
rm derived.perm
printf '[model "net"]\n\tpath = model.safetensors\n\tgraph = net.pt2\n' >.mgitconfig
mgit add . && git commit -q -m one
git switch -q -c feature
save model.safetensors 2
mgit add . && git commit -q -m two
git switch -q main
ok mgit rebase feature onto main
contains "$output" "proof algebraic"
ok mgit merge feature
