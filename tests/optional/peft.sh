#!/usr/bin/env bash
# Adapters that PEFT saved, rebased with their models: what PEFT computes with them stays.
# Needs a Python with torch, transformers and peft:
#   MGIT_TRANSFORMERS_PYTHON=venv/bin/python bash tests/optional/peft.sh
. "$(dirname "$0")/../cli/lib.sh"

python=${MGIT_TRANSFORMERS_PYTHON:-python3}
current="peft"
"$python" -c 'import torch, transformers, peft' 2>/dev/null ||
  skip "no torch, transformers and peft in $python (set MGIT_TRANSFORMERS_PYTHON)"

# net save KIND SEED: a tiny random model in base; net adapt KIND: an adapter of it with random factors;
# net compute KIND: the largest change against ../before, which the first call writes.
cat >"$sandbox/net.py" <<'PYTHON'
import os, sys, torch, transformers
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import (AutoConfig, AutoModelForCausalLM, AutoModelForSequenceClassification, GPT2Config,
                          LlamaConfig, MistralConfig, BertConfig)
transformers.logging.set_verbosity_error()
what, kind, base, adapter = sys.argv[1:5]
small = dict(vocab_size=120, bos_token_id=0, eos_token_id=0)
configs = {
    "gpt2": GPT2Config(n_layer=2, n_embd=32, n_head=4, n_positions=32, **small),
    "dora": GPT2Config(n_layer=2, n_embd=32, n_head=4, n_positions=32, **small),
    "llama": LlamaConfig(hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
                         num_key_value_heads=2, tie_word_embeddings=False, **small),
    "bert": BertConfig(vocab_size=120, hidden_size=32, num_hidden_layers=2, num_attention_heads=4,
                       intermediate_size=48, max_position_embeddings=32),
}
targets = {
    "gpt2": dict(target_modules=["c_attn", "c_proj", "c_fc", "wte"], bias="all"),
    "dora": dict(target_modules=["c_attn", "c_proj", "c_fc"], use_dora=True, fan_in_fan_out=True),
    "llama": dict(target_modules=["q_proj", "k_proj", "v_proj", "o_proj", "down_proj", "gate_proj"],
                  modules_to_save=["lm_head", "norm"]),
    "bert": dict(target_modules=["query", "value", "dense"], modules_to_save=["classifier"], lora_bias=True),
}
auto = AutoModelForSequenceClassification if kind == "bert" else AutoModelForCausalLM
def scramble(model, wanted, scale):
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if wanted(name): parameter.add_(scale * torch.randn_like(parameter))
if what == "save":
    torch.manual_seed(int(sys.argv[5]))
    model = auto.from_config(configs[kind])
    scramble(model, lambda name: True, 0.2)
    model.save_pretrained(base)
elif what == "adapt":
    torch.manual_seed(5)
    model = get_peft_model(auto.from_pretrained(base), LoraConfig(r=4, **targets[kind]))
    scramble(model, lambda name: "lora_" in name or "modules_to_save" in name or name.endswith("bias"), 0.3)
    model.save_pretrained(adapter)
else:
    model = PeftModel.from_pretrained(auto.from_pretrained(base), adapter).double().eval()
    plain = auto.from_pretrained(base).double().eval()
    ids = torch.arange(40).reshape(2, 20)
    with torch.no_grad():
        out, without = model(ids).logits, plain(ids).logits
    assert (out - without).abs().max() > 1e-2 * out.abs().max(), "the adapter does nothing"
    if os.path.exists(sys.argv[5]):
        before = torch.load(sys.argv[5])
        print("%.1e" % ((out - before).abs().max() / before.abs().max()).item())
    else:
        torch.save(out, sys.argv[5])
PYTHON
net() {
  "$python" "$sandbox/net.py" "$1" "$2" base "${4:-adapter}" "${3:-}" 2>"$sandbox/errors" ||
    { cat "$sandbox/errors"; return 1; }
}

for kind in gpt2 dora llama bert; do
  scenario "$kind"
  make_repository repository
  net save $kind 1
  commit_all ours
  git switch -q -c feature
  net save $kind 2
  net adapt $kind
  commit_all theirs
  net compute $kind ../before
  cp -r adapter ../adapter
  ok mgit rebase feature onto main
  contains "$output" "adapter/adapter_model.safetensors: an adapter, which moves with base/model.safetensors"
  change=$(net compute $kind ../before)
  echo "largest change of an output: $change"
  checks=$((checks + 1))
  [ "$(python3 -c "print($change < 1e-5)")" = True ] || fail "the function changed by $change"
  change=$(net compute $kind ../before ../adapter)
  echo "with the adapter as it was: $change"
  [ "$(python3 -c "print($change > 1e-3)")" = True ] || fail "the adapter need not have moved"
done
