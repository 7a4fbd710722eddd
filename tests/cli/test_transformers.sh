#!/usr/bin/env bash
# Models that transformers saves in shards: out again byte for byte, loaded again by transformers.
# Needs a Python with torch and transformers, which is too much to install for a test:
#   MGIT_TRANSFORMERS_PYTHON=venv/bin/python bash tests/cli/test_transformers.sh
. "$(dirname "$0")/lib.sh"

python=${MGIT_TRANSFORMERS_PYTHON:-python3}
current="transformers"
"$python" -c 'import torch, transformers' 2>/dev/null ||
  skip "no torch and transformers in $python (set MGIT_TRANSFORMERS_PYTHON)"

# save FOLDER SEED [TYPE]: a tiny random GPT-2 (or Llama in bfloat16) in shards. What is printed: whether
# this transformers still writes .bin.
save() {
  "$python" - "$@" 2>/dev/null <<'PYTHON'
import os, sys, torch
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM
folder, seed, kind = sys.argv[1], int(sys.argv[2]), (sys.argv + ["gpt2"])[3]
torch.manual_seed(seed)
small = dict(vocab_size=500, bos_token_id=0, eos_token_id=0)
if kind == "llama":
    model = LlamaForCausalLM(LlamaConfig(hidden_size=64, intermediate_size=128, num_hidden_layers=2,
                                         num_attention_heads=4, num_key_value_heads=2, **small)).to(torch.bfloat16)
else:
    model = GPT2LMHeadModel(GPT2Config(n_layer=2, n_embd=64, n_head=4, n_positions=64, **small))
model.save_pretrained(folder, max_shard_size="150KB", safe_serialization=kind != "bin")
print(any(name.endswith(".bin") for name in os.listdir(folder)))
PYTHON
}

# logits FOLDER: a digest of what the network computes.
logits() {
  "$python" - "$1" 2>/dev/null <<'PYTHON'
import hashlib, sys, torch
from transformers import AutoModelForCausalLM
model = AutoModelForCausalLM.from_pretrained(sys.argv[1], torch_dtype="auto").eval()
with torch.no_grad():
    out = model(torch.arange(40).reshape(2, 20)).logits
print(model.dtype, hashlib.sha256(out.float().numpy().tobytes()).hexdigest())
PYTHON
}

# round_trip KIND INDEX SHARDS: added, committed and checked out in a clone, by mgit and by git.
round_trip() {
  make_repository repository
  mgit track '*.bin' >/dev/null
  save net 1 "$1" >/dev/null
  wanted=$(logits net)
  cp -r net ../original
  ok mgit add -A
  git commit -q -m "Saved by transformers"
  is_manifest <(git show HEAD:"net/$(ls net | grep -m1 00001)")
  ok mgit ls
  contains "$output" "net/$2  $3 shards"
  rm -rf net && ok mgit checkout -- net
  ok diff -r net ../original
  rm -rf net && ok git checkout -q -- net
  ok diff -r net ../original
  equal "$(logits net)" "$wanted" "what the network computes"
  git switch -q -c other
  save net 2 "$1" >/dev/null
  ok mgit add -A
  git commit -q -m "Another training"
  git switch -q main
  ok diff -r net ../original
  save net 3 "$1" >/dev/null
  ok mgit add -A
  git commit -q -m "A third training"
  ok mgit merge --no-rebase other
  contains "$output" "net/$2: combined"
  equal "$(git status --porcelain)" ""
  differ "$(logits net)" "" "the merged network loads"
  cd .. && ok mgit clone -q repository clone
  git -C clone checkout -q HEAD~2
  ok diff -r clone/net original
  cd clone && ok mgit fsck
}

scenario "GPT-2 in float32, tied embeddings"
round_trip gpt2 model.safetensors.index.json 4

scenario "Llama in bfloat16"
round_trip llama model.safetensors.index.json 2

scenario "GPT-2 as .bin"
if [ "$(save "$sandbox/probe" 1 bin)" = True ]; then
  round_trip bin pytorch_model.bin.index.json 4
else
  not_run "this transformers writes no .bin any more (use one below 5)"
fi
