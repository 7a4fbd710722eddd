#!/usr/bin/env bash
# LoRA adapters move with the model that they adapt, or are refused with a word.
. "$(dirname "$0")/lib.sh"

# What the MLP in FILE computes with the factors of ADAPTER added to its weights; and whether it is
# what it is in FILE2 with ADAPTER2, to rounding.
same_function() {
  python3 - "$@" <<'PYTHON'
import json, struct, sys
def tensors(path):
    with open(path, "rb") as file: data = file.read()
    (length,) = struct.unpack("<Q", data[:8])
    result = {}
    for name, entry in json.loads(data[8:8 + length]).items():
        if name == "__metadata__": continue
        begin, end = entry["data_offsets"]
        values = struct.unpack("<%df" % ((end - begin) // 4), data[8 + length + begin:8 + length + end])
        result[name] = (entry["shape"], values)
    return result
def matrix(tensor):
    (rows, columns), values = tensor
    return [values[i * columns:(i + 1) * columns] for i in range(rows)]
PAIRS = [("lora_A", "lora_B"), ("lora_down", "lora_up")]
def outputs(model, adapter):
    model, adapter = tensors(model), tensors(adapter)
    x = [0.1 * i - 0.3 for i in range(model["fc1.weight"][0][1])]
    for layer in "fc1", "fc2":
        weight = [list(row) for row in matrix(model[layer + ".weight"])]
        bias = model[layer + ".bias"][1]
        for name, tensor in adapter.items():
            if layer not in name: continue
            if not any(p in name for pair in PAIRS for p in pair) and tensor[0] == model[layer + ".weight"][0]:
                weight = [list(row) for row in matrix(tensor)]
        for name, tensor in adapter.items():
            for down, up in PAIRS:
                if layer in name and down in name:
                    a, b = matrix(tensor), matrix(adapter[name.replace(down, up)])
                    for i in range(len(weight)):
                        for j in range(len(weight[0])):
                            weight[i][j] += sum(b[i][k] * a[k][j] for k in range(len(a)))
        x = [b + sum(w * v for w, v in zip(row, x)) for row, b in zip(weight, bias)]
        if layer == "fc1": x = [max(v, 0) for v in x]
    return x
first, second = outputs(*sys.argv[1:3]), outputs(*sys.argv[3:5])
difference = max(abs(a - b) for a, b in zip(first, second))
sys.exit(difference > 1e-5 * max(abs(a) for a in first))
PYTHON
}

peft="base_model.model.fc1.lora_A.weight=2,8 base_model.model.fc1.lora_B.weight=16,2
  base_model.model.fc2.lora_A.weight=2,16 base_model.model.fc2.lora_B.weight=4,2"
infix=$(echo "$peft" | sed 's/\.weight=/.default.weight=/g')
kohya="lora_unet_fc1.lora_down.weight=2,8 lora_unet_fc1.lora_up.weight=16,2 lora_unet_fc1.alpha=
  lora_unet_fc2.lora_down.weight=2,16 lora_unet_fc2.lora_up.weight=4,2 lora_unet_fc2.alpha="
whole="base_model.model.fc1.lora_A.weight=2,8 base_model.model.fc1.lora_B.weight=16,2
  base_model.model.fc2.weight=4,16 base_model.model.fc2.bias=4"

# independent [NAME=SHAPE]…: main and feature hold models that were trained apart; feature, checked out,
# has an adapter of its own, which is kept in ../adapter and its model in ../model.
independent() {
  make_repository repository
  mkdir base adapter
  make_checkpoint base/model.safetensors 1
  commit_all ours
  git switch -q -c feature
  make_checkpoint base/model.safetensors 2
  # shellcheck disable=SC2086
  make_checkpoint adapter/adapter_model.safetensors 3 ${*:-$peft}
  echo '{"base_model_name_or_path": "somebody/base", "r": 2}' >adapter/adapter_config.json
  commit_all theirs
  cp base/model.safetensors ../model
  cp adapter/adapter_model.safetensors ../adapter
}

for names in "$peft" "$infix" "$kohya" "$whole"; do
  scenario "an adapter moves with its model: ${names%%=*}"
  # shellcheck disable=SC2086
  independent $names
  ok mgit rebase feature onto main
  contains "$output" "adapter/adapter_model.safetensors: an adapter, which moves with base/model.safetensors"
  ok same_function ../model ../adapter base/model.safetensors adapter/adapter_model.safetensors
  fails_with 1 "" same_function ../model ../adapter base/model.safetensors ../adapter
  ok mgit fsck
  git switch -q main
  ok mgit merge --no-edit feature
  ok mgit undo
  ok mgit undo
  git switch -q feature
  same_file adapter/adapter_model.safetensors ../adapter
done

scenario "in every commit in which its model moves, and what was built on the old branch follows"
independent
git switch -q -c more
# shellcheck disable=SC2086
ADD=0.01 make_checkpoint adapter/adapter_model.safetensors 3 $peft
commit_all "trained further"
cp adapter/adapter_model.safetensors ../further
git switch -q feature
ADD=0.01 make_checkpoint base/model.safetensors 2
commit_all "the model, too"
cp base/model.safetensors ../model2
ok mgit rebase feature onto main
ok same_function ../model2 ../adapter base/model.safetensors adapter/adapter_model.safetensors
git switch -q --detach feature~1
ok same_function ../model ../adapter base/model.safetensors adapter/adapter_model.safetensors
git switch -q feature
ok git cherry-pick more
ok same_function ../model2 ../further base/model.safetensors adapter/adapter_model.safetensors
lacks "$errors" "does not count"

scenario "--leave-adapters leaves it, and says so"
independent
ok mgit rebase --leave-adapters feature onto main
contains "$output" "adapter/adapter_model.safetensors: an adapter, which stays as it is"
same_file adapter/adapter_model.safetensors ../adapter

scenario "what is not understood is refused, and nothing has changed"
for tensors in base_model.model.fc1.hada_w1_a=16,2 base_model.model.fc1.lora_A.weight=2,9 \
    base_model.model.fc3.lora_A.weight=2,16 base_model.model.head.weight=3,16 prompt_embeddings=5,16; do
  cd "$sandbox" && rm -rf refused && mkdir refused && cd refused
  independent "$tensors"
  before=$(git rev-parse HEAD)
  fails_with 128 "--leave-adapters" mgit rebase feature onto main
  contains "$errors" "${tensors%%=*}"
  equal "$(git rev-parse HEAD)" "$before"
  equal "$(git status --porcelain)" ""
done

scenario "one that is the same on both sides fits one of their models alone"
make_repository repository
mkdir base
# shellcheck disable=SC2086
make_checkpoint adapter_model.safetensors 3 $peft
make_checkpoint base/model.safetensors 1
commit_all ours
git switch -q -c feature
make_checkpoint base/model.safetensors 2
commit_all theirs
fails_with 128 "the same on both sides" mgit rebase feature onto main
contains "$errors" "--leave-adapters"

scenario "of two models that it fits, its configuration says which"
make_repository repository
mkdir one two adapter
make_checkpoint one/model.safetensors 1
make_checkpoint two/model.safetensors 11
commit_all ours
git switch -q -c feature
make_checkpoint one/model.safetensors 2
# shellcheck disable=SC2086
make_checkpoint adapter/adapter_model.safetensors 3 $peft
commit_all theirs
fails_with 128 "fits one/model.safetensors and two/model.safetensors" mgit rebase feature onto main
contains "$errors" "base_model_name_or_path"
echo '{"base_model_name_or_path": "../two"}' >adapter/adapter_config.json
commit_all "of the one that does not move"
cp adapter/adapter_model.safetensors ../adapter
ok mgit rebase feature onto main
lacks "$output" "an adapter"
same_file adapter/adapter_model.safetensors ../adapter
ok mgit undo
echo '{"base_model_name_or_path": "one/"}' >adapter/adapter_config.json
commit_all "of the one that moves"
ok mgit rebase feature onto main
contains "$output" "an adapter, which moves with one/model.safetensors"

scenario "a merge that would put its model into another order is refused"
independent
git switch -q main
ADD=0.01 make_checkpoint base/model.safetensors 1
commit_all "trained further"
fails_with 2 "mgit rebase feature" mgit merge --no-edit feature
contains "$errors$output" "adapter/adapter_model.safetensors"
equal "$(git status --porcelain)" ""
ok mgit rebase feature onto main
ok mgit merge --no-edit feature

scenario "adapters alone: they lie where their model lies"
make_repository repository
mkdir base adapter
make_checkpoint base/model.safetensors 1
commit_all base
git switch -q -c feature
# shellcheck disable=SC2086
make_checkpoint adapter/adapter_model.safetensors 3 $peft
commit_all theirs
git switch -q main
mkdir -p adapter
# shellcheck disable=SC2086
make_checkpoint adapter/adapter_model.safetensors 4 $peft
commit_all ours
ok mgit rebase feature onto main
contains "$output" "already in the basin"
contains "$output" "it lies in the basin of the model that it adapts"
fails_with 2 "the mean of their factors" mgit merge --no-edit feature
contains "$errors$output" "--no-rebase"
equal "$(git status --porcelain)" ""
ok mgit merge --no-edit --no-rebase feature
contains "$output" "LoRA factors were averaged one by one"
fails_with 1 "an adapter has no units of its own" mgit spec check auto adapter/adapter_model.safetensors
fails_with 128 "an adapter has no units of its own" mgit spec show HEAD:adapter/adapter_model.safetensors

scenario "adapters that go on from one are averaged, with a word; kohya's names, too"
make_repository repository
# shellcheck disable=SC2086
make_checkpoint lora.safetensors 3 $kohya
commit_all base
git switch -q -c feature
# shellcheck disable=SC2086
ADD=0.01 make_checkpoint lora.safetensors 3 $kohya
commit_all theirs
git switch -q main
# shellcheck disable=SC2086
ADD=0.01 ADD_SEED=8 make_checkpoint lora.safetensors 3 $kohya
commit_all ours
ok mgit merge --no-edit feature
contains "$output" "LoRA factors were averaged one by one"
