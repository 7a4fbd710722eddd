#!/usr/bin/env bash
# Training states are models: the weights in them are found, rebased and merged; what an optimizer knows of a
# parameter moves with it.
. "$(dirname "$0")/lib.sh"

# state FILE FORM SEED [EPOCH]: a network of three layers and what a training keeps beside it. Each moment is a
# multiple of its parameter, so that it can be told whether it moved along. NOISE in the environment trains it on.
state() {
  PYTHONPATH=$MGIT_SOURCE/tests/support python3 - "$@" <<'PYTHON'
import os, random, sys
from torch_file import Tensor, save
path, form, seed, epoch = sys.argv[1], sys.argv[2], int(sys.argv[3]), int((sys.argv + ["1"])[4])
draw = random.Random(seed)
shapes = {"fc1.weight": (12, 6), "fc1.bias": (12,), "fc2.weight": (12, 12), "fc2.bias": (12,), "fc3.weight": (3, 12),
          "fc3.bias": (3,)}
def size(shape): return shape[0] * (shape[1] if len(shape) > 1 else 1)
noise = random.Random(os.environ.get("NOISE"))
more = 0.01 if "NOISE" in os.environ else 0
net = {name: Tensor(shape, [draw.gauss(0, 1) + more * noise.gauss(0, 1) for _ in range(size(shape))])
       for name, shape in shapes.items()}
def adam(order, step=True):
    state = {i: {"exp_avg": net[name] * 8, "exp_avg_sq": net[name] * 4} for i, name in enumerate(order)}
    for i in state: state[i]["step"] = Tensor((), [epoch])
    return state
names = list(net)
one = [{"lr": 0.001, "betas": (0.9, 0.999), "params": list(range(len(names)))}]
def prefixed(prefix): return {prefix + name: tensor for name, tensor in net.items()}
decay = [n for n in names if n.endswith("weight")] + [n for n in names if n.endswith("bias")]
two = [{"lr": 0.1, "weight_decay": 0.01, "params": [0, 1, 2]}, {"lr": 0.1, "weight_decay": 0.0, "params": [3, 4, 5]}]
tree = {
    "plain": lambda: {"model": net, "optimizer": {"state": adam(names), "param_groups": one}, "epoch": epoch},
    "no-optimizer-yet": lambda: {"model": net, "optimizer": {"state": {}, "param_groups": one}, "epoch": epoch},
    "no-optimizer": lambda: {"epoch": epoch, "model_state_dict": net, "loss": 0.5 / epoch},
    "ddp": lambda: prefixed("module."),
    "compiled": lambda: {"model": prefixed("_orig_mod."), "epoch": epoch},
    "both": lambda: {"state_dict": prefixed("module._orig_mod.")},
    "lightning": lambda: {"epoch": epoch, "global_step": 100 * epoch, "state_dict": prefixed("model."),
                          "optimizer_states": [{"state": adam(names), "param_groups": one}],
                          "lr_schedulers": [{"last_epoch": epoch}]},
    "decay": lambda: {"model": net, "optimizer": {"state": adam(decay), "param_groups": two}},
    "sgd": lambda: {"net": net, "opt": {"state": {i: {"momentum_buffer": net[n] * 2} for i, n in enumerate(names)},
                                        "param_groups": one}},
    "named": lambda: {"model": prefixed("module."), "optimizer": {
        "state": {"module." + n: {"exp_avg": net[n] * 8, "exp_avg_sq": net[n] * 4} for n in names}, "param_groups": []}},
    "given-names": lambda: {"model": net, "optimizer": {"state": adam(names[::-1]), "param_groups": [
        {"params": list(range(6)), "param_names": names[::-1]}]}},
    "factored": lambda: {"model": net, "optimizer": {"state": {i: {"exp_avg_sq_row": Tensor(shapes[n][:1], net[n].values)}
                         for i, n in enumerate(names) if len(shapes[n]) == 2}, "param_groups": one}},
    "average": lambda: {"model": net, "ema": {n: net[n] * 2 for n in names}, "shadow": [net[n] * 4 for n in names]},
    "key": lambda: {"policy": net, "critic": {"q.weight": net["fc2.weight"] * 3}},
    "two": lambda: {"netG": net, "netD": {"fc1.weight": net["fc3.weight"] * 3, "fc1.bias": net["fc3.bias"]},
                    "optG": {"state": adam(names), "param_groups": one},
                    "optD": {"state": {0: {"exp_avg": net["fc3.weight"] * 5}, 1: {"exp_avg": net["fc3.bias"] * 5}},
                             "param_groups": [{"params": [0, 1]}]}},
    "frozen": lambda: {"model": net, "optimizer": {"state": adam(names[2:]), "param_groups": [{"params": [0, 1, 2, 3]}]}},
}[form]()
save(path, tree)
PYTHON
}

# follows FILE FORM: does everything beside the weights still belong to the unit it belonged to?
follows() {
  PYTHONPATH=$MGIT_SOURCE/tests/support python3 - "$@" <<'PYTHON'
import sys
from torch_file import Tensor, load
tree, form = load(sys.argv[1]), sys.argv[2]
def check(what, moved, factor, weight):
    assert moved == weight * factor, "%s stayed behind" % what
def strip(names): return {n.replace("module.", "").replace("_orig_mod.", "").replace("model.", ""): t for n, t in names.items()}
net = strip(next((tree[k] for k in ("model", "state_dict", "model_state_dict", "net", "policy", "netG") if k in tree), tree))
order = list(net)
optimizer = tree.get("optimizer") or tree.get("opt") or tree.get("optG") or (tree.get("optimizer_states") or [{"state": {}}])[0]
if form == "decay": order = [n for n in order if n.endswith("weight")] + [n for n in order if n.endswith("bias")]
if form == "given-names": order.reverse()
for key, state in optimizer["state"].items():
    name = order[key] if isinstance(key, int) else key.replace("module.", "")
    for kind, factor in ("exp_avg", 8), ("exp_avg_sq", 4), ("momentum_buffer", 2):
        if kind in state: check("%s of %s" % (kind, name), state[kind], factor, net[name])
if form == "average":
    for name in order: check("ema." + name, tree["ema"][name], 2, net[name])
    for i, name in enumerate(order): check("shadow.%d" % i, tree["shadow"][i], 4, net[name])
PYTHON
}

# are_means FILE OURS THEIRS: weights that are the mean of both, in a file that otherwise is ours.
are_means() {
  PYTHONPATH=$MGIT_SOURCE/tests/support python3 - "$@" <<'PYTHON'
import sys
from torch_file import Tensor, float32, load
def weights(tree):
    tree = next((tree[k] for k in ("model", "state_dict", "model_state_dict", "net") if k in tree), tree)
    return {n.replace("module.", "").replace("model.", ""): t for n, t in tree.items()}
merged, ours, theirs = map(load, sys.argv[1:4])
assert list(merged) == list(ours)
a, b = weights(ours), weights(theirs)
for name, tensor in weights(merged).items():
    assert tensor.values == [float32((x + y) / 2) for x, y in zip(a[name].values, b[name].values)], name
for key in ours:
    if key in ("optimizer", "opt", "epoch"): assert merged[key] == ours[key], key
PYTHON
}

# fork_of FORM [CONFIG]: two independent trainings; the second one is rebased onto main.
fork_of() {
  make_repository "$1"
  mgit track '*.pt' >/dev/null
  [ -z "${2:-}" ] || printf '[model "net"]\n\tpath = state.pt\n\t%s\n' "$2" >.mgitconfig
  state state.pt "$1" 1 1
  cp state.pt ../ours.pt
  commit_all "train on main"
  git switch -q -c feature
  state state.pt "$1" 2 3
  cp state.pt ../theirs.pt
  commit_all "train on a branch"
  git switch -q main
}

# value FILE PATH…: a number of a saved state; tensors print their values.
value() {
  PYTHONPATH=$MGIT_SOURCE/tests/support python3 -c 'import sys
from torch_file import load
found = load(sys.argv[1])
for key in sys.argv[2:]: found = found[int(key) if key.isdigit() else key]
show = lambda each: {k: show(v) for k, v in each.items()} if isinstance(each, dict) else getattr(each, "values", each)
print(show(found))' "$@"
}

scenario "the weights of a training state are found and rebased, and moments move with them"
for form in plain decay sgd named given-names lightning average; do
  fork_of "$form"
  ok follows ../theirs.pt "$form"
  ok mgit rebase feature onto main
  contains "$output" "Successfully rebased"
  contains "$output" "weights in '"
  git switch -q feature
  ok follows state.pt "$form"
  differ "$(digest state.pt)" "$(digest ../theirs.pt)" "$form: nothing moved"
  ok mgit fsck
  cd ..
done

scenario "prefixes of wrappers, and states without an optimizer"
for form in no-optimizer ddp compiled both factored; do
  fork_of "$form"
  ok mgit rebase feature onto main
  contains "$output" "Successfully rebased"
  ok mgit merge --no-edit feature
  contains "$output" "combined"
  cd ..
done

scenario "a merge averages the weights; the optimizer's state is ours, and it is said"
fork_of plain
ok mgit rebase feature onto main
ok mgit merge --no-edit feature
contains "$output" "ours, not averaged: 18 tensors of the training's state"
equal "$(value state.pt optimizer state 0 exp_avg)" "$(value ../ours.pt optimizer state 0 exp_avg)"
equal "$(value state.pt optimizer state 4 exp_avg_sq)" "$(value ../ours.pt optimizer state 4 exp_avg_sq)"
differ "$(value state.pt model fc1.weight)" "$(value ../ours.pt model fc1.weight)"
equal "$(value state.pt epoch)" "$(value ../ours.pt epoch)"
contains "$output" "values beside tensors are ours: epoch is 1, 3 there"

scenario "a merge that rebases on the way does so, too"
fork_of lightning
ok mgit merge --no-edit --combine feature
contains "$output" "brought into our basin first"
contains "$output" "ours, not averaged: 18 tensors of the training's state"
equal "$(value state.pt optimizer_states 0 state 3 exp_avg)" "$(value ../ours.pt optimizer_states 0 state 3 exp_avg)"

scenario "the weights are one network's, whatever stands around them on either side"
for forms in "plain no-optimizer-yet" "no-optimizer-yet plain" "plain ddp" "ddp no-optimizer" "sgd lightning"; do
  read -r mine theirs <<<"$forms"
  make_repository "$mine-$theirs"
  mgit track '*.pt' >/dev/null
  state state.pt "$mine" 1 1
  cp state.pt ../ours.pt
  commit_all "train on main"
  git switch -q -c feature
  state state.pt "$theirs" 2 3
  commit_all "train on a branch"
  git switch -q main
  ok mgit rebase feature onto main
  contains "$output" "Successfully rebased"
  git switch -q feature
  ok follows state.pt "$theirs"
  cp state.pt ../theirs.pt
  git switch -q main
  ok mgit merge --no-edit feature
  contains "$output" "only the weights are feature's, all else in the file is ours"
  ok are_means state.pt ../ours.pt ../theirs.pt
  ok mgit fsck
  equal "$(git status --porcelain)" ""
  cd ..
done

scenario "two that were trained on from one state, in other forms, merge three-way"
make_repository three-way
mgit track '*.pt' >/dev/null
state state.pt no-optimizer-yet 1 1 && commit_all base
git switch -q -c feature && NOISE=1 state state.pt ddp 1 1 && cp state.pt ../theirs.pt && commit_all theirs
git switch -q main && NOISE=2 state state.pt plain 1 2 && cp state.pt ../ours.pt && commit_all ours
ok mgit merge --no-edit feature
contains "$output" "only the weights are feature's, all else in the file is ours"
contains "$(git log -1 --format=%B)" "Mgit-Base: $(git merge-base HEAD~1 feature)"
ok are_means state.pt ../ours.pt ../theirs.pt

scenario "a spec of one's own speaks of the weights"
make_repository own
mgit track '*.pt' >/dev/null
printf 'mgit-perm 1\narch mine\nperm A\nperm B\nfc1.weight: A, _\nfc1.bias: A\nfc2.weight: B, A\nfc2.bias: B\nfc3.weight: _, B\nfc3.bias: _\n' >mine.perm
printf '[model "net"]\n\tpath = state.pt\n\tspec = mine.perm\n' >.mgitconfig
state state.pt lightning 1 1
ok mgit spec check mine.perm state.pt
ok mgit spec check auto state.pt
commit_all one
git switch -q -c feature
state state.pt lightning 2 3
commit_all two
git switch -q main
ok mgit rebase feature onto main --trust-spec
contains "$output" "spec mine, proof static, weights in 'state_dict.model'"
git switch -q feature
ok follows state.pt lightning
sed -i 's/fc3.weight: _, B/fc3.weight: B, _/' mine.perm
fails_with 1 "axis" mgit spec check mine.perm state.pt

scenario "an optimizer in a file of its own"
apart() {
  make_checkpoint model.safetensors "$1"
  PYTHONPATH=$MGIT_SOURCE/tests/support python3 -c 'import sys
from torch_file import Tensor, save
seed = int(sys.argv[1])
save("optimizer.pt", {"state": {0: {"exp_avg": Tensor((16, 8), [seed] * 128)}}, "param_groups": [{"params": [0]}]})' "$1"
}
for config in "" "[model \"opt\"] path = optimizer.pt
  optimizer = leave"; do
  make_repository "apart${#config}"
  mgit track '*.pt' >/dev/null
  [ -z "$config" ] || echo "$config" >.mgitconfig
  apart 1 && commit_all one
  git switch -q -c feature && apart 2 && commit_all two
  git switch -q main
  if [ -z "$config" ]; then
    fails_with 128 "state.0.exp_avg: which parameter it belongs to cannot be known: the weights are in another file" \
      mgit rebase feature onto main
    contains "$errors" "optimizer = leave"
  else
    ok mgit rebase feature onto main
    contains "$output" "Successfully rebased"
  fi
  cd ..
done

scenario "diff shows numbers that are no tensors"
fork_of plain
ok mgit diff main feature
contains "$output" "epoch  1 -> 3"
lacks "$output" "betas"
ok mgit diff --json main feature
contains "$output" '"before": "1"'
git switch -q feature
state state.pt plain 2 7
ok mgit diff
contains "$output" "epoch  3 -> 7"
contains "$(git diff)" "+value epoch 7"
git commit -q -a -m "epoch 7"
contains "$(git blame state.pt)" "value epoch 7"
equal "$(git status --porcelain)" ""

scenario "where the weights are can be said"
fork_of key
fails_with 128 "no permutation spec fits this network" mgit rebase feature onto main
cd ..
rm -rf key
fork_of key "key = policy"
ok mgit rebase feature onto main
contains "$output" "weights in 'policy'"
ok mgit spec show main
cd ..
fork_of two
fails_with 128 "no permutation spec fits this network" mgit rebase feature onto main
contains "$errors" "key = netD"
cd .. && rm -rf two
fork_of two "key = netG"
ok mgit rebase feature onto main
git switch -q feature
ok follows state.pt two
for network in netD optD; do
  equal "$(value state.pt "$network")" "$(value ../theirs.pt "$network")" "$network"
done
cd .. && rm -rf key
fork_of key "key = polciy"
fails_with 128 "no tensors under the key" mgit rebase feature onto main

scenario "which parameter a moment belongs to is known, or nothing moves"
fork_of frozen
before=$(git rev-parse feature)
fails_with 128 "cannot be known: the optimizer has 4 parameters, the network 6" mgit rebase feature onto main
contains "$errors" "optimizer = leave"
equal "$(git rev-parse feature)" "$before"
cd .. && rm -rf frozen
fork_of frozen "optimizer = leave"
ok mgit rebase feature onto main
git switch -q feature
equal "$(value state.pt optimizer state 0 exp_avg)" "$(value ../theirs.pt optimizer state 0 exp_avg)"
cd .. && rm -rf frozen
fork_of frozen "optimizer = perhaps"
fails_with 128 "optimizer is 'move' or 'leave', not 'perhaps'" mgit rebase feature onto main

scenario "a training state is evaluated, with a graph of its weights"
need_trained
PYTHONPATH=$MGIT_SOURCE/tests/support python3 - "$trained/share-1.safetensors" <<'PYTHON'
import json, struct, sys
from torch_file import Tensor, save
raw = open(sys.argv[1], "rb").read()
length = struct.unpack("<Q", raw[:8])[0]
net = {}
for name, entry in json.loads(raw[8:8 + length]).items():
    if name == "__metadata__": continue
    begin, end = entry["data_offsets"]
    net[name] = Tensor(entry["shape"], struct.unpack("<%df" % ((end - begin) // 4), raw[8 + length + begin:8 + length + end]))
save("state.pt", {"model": {"module." + n: t for n, t in net.items()}, "epoch": 4,
                  "optimizer": {"state": {0: {"momentum_buffer": net["fc1.weight"]}}, "param_groups": []}})
PYTHON
evaluate() { mgit eval --json --graph "$trained/mlp.torchscript.pt" --data "$trained/digits.safetensors" "$1" | grep '"loss"'; }
ok mgit eval --graph "$trained/mlp.torchscript.pt" --data "$trained/digits.safetensors" state.pt
contains "$output" "weights in 'model.module'"
ok evaluate state.pt
of_state=$output
ok evaluate "$trained/share-1.safetensors"
equal "$of_state" "$output" "loss"
