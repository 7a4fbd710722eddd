#!/usr/bin/env bash
# Training goes on after a rebase as it would have gone on before: Adam's moments move with their parameters.
# Needs a Python with torch and transformers, which is too much to install for a test:
#   MGIT_TRANSFORMERS_PYTHON=venv/bin/python bash tests/cli/test_resumed_training.sh
. "$(dirname "$0")/lib.sh"

python=${MGIT_TRANSFORMERS_PYTHON:-python3}
current="training resumed after a rebase"
"$python" -c 'import torch, transformers' 2>/dev/null ||
  skip "no torch and transformers in $python (set MGIT_TRANSFORMERS_PYTHON)"

# resume KIND LIMIT: two trainings of 100 steps on main and feature, feature rebased onto main; then the
# losses of 50 more steps, from the state of before and from the rebased one, may differ by LIMIT.
resume() {
  make_repository "$1"
  cat >../train.py <<'PYTHON'
import json, sys, torch, transformers
kind, command, *rest = sys.argv[1:]

def network():
    if kind == "mlp":
        nn = torch.nn
        return nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 48), nn.ReLU(), nn.Linear(48, 5)).double()
    config = transformers.GPT2Config(n_layer=2, n_embd=32, n_head=4, n_positions=32, vocab_size=40, bos_token_id=0,
                                     eos_token_id=0, resid_pdrop=0, embd_pdrop=0, attn_pdrop=0)
    return transformers.GPT2LMHeadModel(config)

def loss(net, step):
    random = torch.Generator().manual_seed(1000 + step)
    if kind == "mlp":
        x = torch.randn(32, 20, generator=random).double()
        return torch.nn.functional.cross_entropy(net(x), (x[:, :5] + x[:, 5:10]).argmax(1))
    x = torch.randint(0, 40, (8, 24), generator=random)
    return torch.nn.functional.cross_entropy(net(x).logits[:, :-1].reshape(-1, 40), (x[:, 1:] // 2).reshape(-1))

def train(net, adam, steps):
    losses = []
    for step in steps:
        value = loss(net, step)
        adam.zero_grad()
        value.backward()
        adam.step()
        losses.append(value.item())
    return losses

def start(seed=0):
    torch.manual_seed(seed)
    net = network()
    return net, torch.optim.Adam(net.parameters(), lr=1e-3)

if command == "begin":
    net, adam = start(int(rest[0]))
    train(net, adam, range(100))
    torch.save({"model": net.state_dict(), "optimizer": adam.state_dict(), "step": 100}, "state.pt")
else:
    net, adam = start()
    state = torch.load("state.pt", weights_only=False)
    net.load_state_dict(state["model"])
    adam.load_state_dict(state["optimizer"])
    print(json.dumps(train(net, adam, range(100, 150))))
PYTHON
  if [ "$1" = gpt2 ]; then echo '{"model_type": "gpt2", "n_head": 4}' >config.json; fi
  ok "$python" ../train.py "$1" begin 1
  mgit add . && git commit -q -m "Train on main"
  git switch -q -c feature
  ok "$python" ../train.py "$1" begin 2
  mgit add . && git commit -q -m "Train on my share"
  ok "$python" ../train.py "$1" go_on
  before=$output
  git switch -q main
  ok mgit rebase feature onto main
  git switch -q feature
  ok "$python" ../train.py "$1" go_on
  change=$(python3 -c 'import json, sys
a, b = map(json.loads, sys.argv[1:])
print(max(abs(x - y) / x for x, y in zip(a, b)))' "$before" "$output")
  echo "$1: the losses of 50 steps differ by $change at most, relative"
  holds "$change < $2"
}

scenario "a perceptron, in float64"
resume mlp 1e-12

scenario "a GPT-2, in float32"
resume gpt2 1e-5
