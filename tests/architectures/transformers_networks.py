"""Small networks of transformers, one for each architecture that a family is for."""

import inspect
import warnings

import torch
import transformers
from safetensors.numpy import save_file

from proof import randomize

warnings.filterwarnings("ignore")
transformers.logging.set_verbosity_error()
transformers.utils.logging.disable_progress_bar()


OUTPUTS = (
    "logits", "prediction_logits", "seq_relationship_logits", "start_logits", "end_logits",
    "logits_per_image", "image_embeds", "text_embeds", "last_hidden_state", "pooler_output",
)


class Selected(torch.nn.Module):
    """A model with those of its outputs alone that a family is for."""

    def __init__(self, model, fields):
        super().__init__()
        self.model = model
        self.fields = fields

    def forward(self, **inputs):
        result = self.model(**inputs)
        return tuple(result[field] for field in self.fields)


class Pretrained:
    """A model with a config, saved and read as transformers does it, so that names and shapes are
    those of a checkpoint."""

    def __init__(self, name, kind, config, **changes):
        self.name = name
        self.kind = getattr(transformers, kind)
        self.config = getattr(transformers, config)(**changes)
        self.config._attn_implementation = "eager"
        self.config._experts_implementation = "eager"
        self.inputs = inputs_for(self.config)
        self.model = None

    def save(self, directory):
        torch.manual_seed(0)
        self.directory = directory
        self.model = self.kind(self.config).double().eval()
        randomize(self.model)
        stacked = self.name.endswith("stacked")  # experts in one tensor, as the model has them
        self.model.save_pretrained(directory, save_original_format=not stacked)

    def exportable(self):
        words = dict(self.inputs)
        if "use_cache" in inspect.signature(self.model.forward).parameters:
            words["use_cache"] = False
        result = self.model(**words)
        fields = [field for field in OUTPUTS if result.get(field) is not None]
        if hasattr(self.model, "set_experts_implementation"):
            self.model.set_experts_implementation("batched_mm")  # the others ask for what was drawn
        return Selected(self.model, fields), "model.", (), words

    def outputs(self, tensors):
        place = self.directory / "changed"
        place.mkdir(exist_ok=True)
        save_file(tensors, place / "model.safetensors", metadata={"format": "pt"})
        (place / "config.json").write_text((self.directory / "config.json").read_text())
        model = self.kind.from_pretrained(
            place, dtype=torch.float64, attn_implementation="eager",
            experts_implementation="eager", use_safetensors=True
        ).eval()
        result = model(**self.inputs)
        found = [result[field] for field in OUTPUTS if result.get(field) is not None]
        if not found:
            raise ValueError(f"{self.name}: no output")
        return found


def inputs_for(config):
    random = torch.Generator().manual_seed(5)
    draw = lambda *shape: torch.randn(shape, generator=random, dtype=torch.float64)
    words = lambda n, size: torch.randint(3, size - 1, (2, n), generator=random)
    kind = config.model_type
    if kind == "clip":
        size = config.vision_config.image_size
        end = torch.full((2, 1), config.text_config.eos_token_id)
        return {"input_ids": torch.cat([words(9, 38), end], 1),
                "pixel_values": draw(2, 3, size, size)}
    if kind == "whisper":
        frames = 2 * config.max_source_positions
        return {"input_features": draw(2, config.num_mel_bins, frames),
                "decoder_input_ids": words(5, config.vocab_size)}
    if hasattr(config, "image_size"):
        return {"pixel_values": draw(2, 3, config.image_size, config.image_size)}
    inputs = {"input_ids": words(9, config.vocab_size)}
    if kind == "bart":
        inputs["input_ids"][:, -1] = config.eos_token_id
    if config.is_encoder_decoder and not (kind == "bart" and config.num_labels == 3):
        inputs["decoder_input_ids"] = words(5, config.vocab_size)
    return inputs


BERT = dict(
    vocab_size=40, hidden_size=20, num_hidden_layers=2, num_attention_heads=4, intermediate_size=28,
    max_position_embeddings=24,
)

LLAMA = dict(
    vocab_size=40, hidden_size=24, num_hidden_layers=2, num_attention_heads=6,
    num_key_value_heads=3, intermediate_size=28, max_position_embeddings=24, pad_token_id=0,
    bos_token_id=1, eos_token_id=2,
)


WIDE = dict(
    vocab_size=40, hidden_size=24, num_hidden_layers=2, num_attention_heads=3, intermediate_size=28,
    bos_token_id=1, eos_token_id=2,
)
OPT = dict(
    vocab_size=40, hidden_size=24, num_hidden_layers=2, num_attention_heads=4, ffn_dim=28,
    max_position_embeddings=24,
)
FALCON = dict(
    vocab_size=40, hidden_size=24, num_hidden_layers=2, num_attention_heads=6, ffn_hidden_size=28,
    new_decoder_architecture=False, alibi=False,
)
T5 = dict(vocab_size=40, d_model=20, d_kv=7, num_layers=2, num_heads=4, d_ff=28)
VIT = dict(
    hidden_size=20, num_hidden_layers=2, num_attention_heads=4, intermediate_size=28, image_size=16,
    patch_size=4,
)
WHISPER = dict(
    vocab_size=40, d_model=20, encoder_layers=2, decoder_layers=2, encoder_attention_heads=4,
    decoder_attention_heads=4, encoder_ffn_dim=28, decoder_ffn_dim=30, num_mel_bins=6,
    max_source_positions=8, max_target_positions=16, pad_token_id=0, bos_token_id=1, eos_token_id=2,
    decoder_start_token_id=1,
)
BART = dict(
    vocab_size=40, d_model=20, encoder_layers=2, decoder_layers=2, encoder_attention_heads=4,
    decoder_attention_heads=4, encoder_ffn_dim=28, decoder_ffn_dim=30, max_position_embeddings=24,
    pad_token_id=1, bos_token_id=0, eos_token_id=2, decoder_start_token_id=2,
)
EXPERTS = dict(moe_intermediate_size=14, num_experts=5, num_experts_per_tok=2)
DEEPSEEK = dict(
    vocab_size=40, hidden_size=24, num_hidden_layers=2, num_attention_heads=4,
    num_key_value_heads=4, intermediate_size=28, moe_intermediate_size=14, n_routed_experts=6, n_group=3,
    topk_group=2, num_experts_per_tok=3, first_k_dense_replace=1, q_lora_rank=10, kv_lora_rank=8,
    qk_nope_head_dim=6, qk_rope_head_dim=4, v_head_dim=7,
)
MAMBA = dict(vocab_size=40, hidden_size=12, num_hidden_layers=2, state_size=5, time_step_rank=3)
DISTIL = dict(
    vocab_size=40, dim=20, n_layers=2, n_heads=4, hidden_dim=28, max_position_embeddings=24,
)


def rows():
    """(title, class, config's class, changes of the config)."""
    for title, head in [
        ("", "ForMaskedLM"), (" pretraining", "ForPreTraining"), (" bare", "Model"),
        (" classifier", "ForSequenceClassification"), (" tokens", "ForTokenClassification"),
        (" answers", "ForQuestionAnswering"),
    ]:
        yield "BERT" + title, "Bert" + head, "BertConfig", BERT
    yield "RoBERTa", "RobertaForMaskedLM", "RobertaConfig", BERT
    yield "RoBERTa classifier", "RobertaForSequenceClassification", "RobertaConfig", BERT
    yield "DistilBERT", "DistilBertForMaskedLM", "DistilBertConfig", DISTIL
    yield "DistilBERT classifier", "DistilBertForSequenceClassification", "DistilBertConfig", DISTIL
    yield "GPT-2", "GPT2LMHeadModel", "GPT2Config", dict(
        vocab_size=40, n_embd=20, n_layer=2, n_head=4, n_inner=28, n_positions=24)
    yield "Llama", "LlamaForCausalLM", "LlamaConfig", LLAMA
    heads = dict(head_dim=4)
    for name, more in [
        ("Mistral", {}), ("Ministral", heads), ("Qwen2", {}), ("Qwen3", heads), ("Gemma", heads),
        ("Gemma2", heads), ("SmolLM3", {}), ("Granite", {}), ("StableLm", {}), ("Starcoder2", {}),
        ("Cohere", dict(use_qk_norm=True)), ("Cohere2", {}), ("Olmo", {}), ("Nemotron", {}),
        ("Helium", heads), ("Arcee", {}), ("Exaone4", {}), ("SeedOss", heads),
    ]:
        yield name, name + "ForCausalLM", name + "Config", {**LLAMA, **more}
    yield "Gemma3", "Gemma3ForCausalLM", "Gemma3TextConfig", {**LLAMA, "head_dim": 4}
    yield "Llama bare", "LlamaModel", "LlamaConfig", LLAMA
    yield "Llama classifier", "LlamaForSequenceClassification", "LlamaConfig", LLAMA
    yield "GPT-NeoX", "GPTNeoXForCausalLM", "GPTNeoXConfig", WIDE
    yield "GPT-J", "GPTJForCausalLM", "GPTJConfig", dict(
        vocab_size=40, n_embd=24, n_layer=2, n_head=3, n_inner=28, rotary_dim=4)
    yield "OPT", "OPTForCausalLM", "OPTConfig", {**OPT, "word_embed_proj_dim": 24}
    yield "OPT narrow words", "OPTForCausalLM", "OPTConfig", {
        **OPT, "word_embed_proj_dim": 10, "do_layer_norm_before": False}
    yield "BLOOM", "BloomForCausalLM", "BloomConfig", dict(
        vocab_size=40, hidden_size=20, n_layer=2, n_head=4)
    yield "Falcon grouped", "FalconForCausalLM", "FalconConfig", {
        **FALCON, "new_decoder_architecture": True, "num_kv_heads": 3}
    yield "Falcon multi-query", "FalconForCausalLM", "FalconConfig", {**FALCON, "multi_query": True}
    yield "Falcon ALiBi", "FalconForCausalLM", "FalconConfig", {
        **FALCON, "multi_query": False, "alibi": True, "parallel_attn": False, "bias": True}
    yield "Phi", "PhiForCausalLM", "PhiConfig", WIDE
    yield "Phi-3", "Phi3ForCausalLM", "Phi3Config", LLAMA
    yield "T5", "T5ForConditionalGeneration", "T5Config", T5
    yield "T5 1.1", "T5ForConditionalGeneration", "T5Config", {
        **T5, "feed_forward_proj": "gated-gelu", "tie_word_embeddings": False}
    yield "mT5", "MT5ForConditionalGeneration", "MT5Config", T5
    yield "T5 encoder", "T5EncoderModel", "T5Config", T5
    yield "ViT", "ViTForImageClassification", "ViTConfig", VIT
    yield "ViT bare", "ViTModel", "ViTConfig", VIT
    yield "DeiT", "DeiTForImageClassificationWithTeacher", "DeiTConfig", VIT
    yield "CLIP", "CLIPModel", "CLIPConfig", dict(
        projection_dim=12,
        text_config=dict(vocab_size=40, hidden_size=20, num_hidden_layers=2, num_attention_heads=4,
                         intermediate_size=28, max_position_embeddings=16, eos_token_id=39),
        vision_config=dict(hidden_size=24, num_hidden_layers=2, num_attention_heads=3,
                           intermediate_size=30, image_size=16, patch_size=4))
    yield "CLIP, text alone", "CLIPTextModel", "CLIPTextConfig", {**BERT, "eos_token_id": 2}
    yield "Swin", "SwinForImageClassification", "SwinConfig", dict(
        embed_dim=12, depths=[2, 2], num_heads=[2, 4], image_size=32, patch_size=4, window_size=4)
    yield "ConvNeXt", "ConvNextForImageClassification", "ConvNextConfig", dict(
        hidden_sizes=[6, 8], depths=[2, 1], num_stages=2, image_size=32)
    yield "ConvNeXt V2", "ConvNextV2ForImageClassification", "ConvNextV2Config", dict(
        hidden_sizes=[6, 8], depths=[2, 1], num_stages=2, image_size=32)
    yield "Whisper", "WhisperForConditionalGeneration", "WhisperConfig", WHISPER
    yield "Mixtral", "MixtralForCausalLM", "MixtralConfig", {**LLAMA, "num_local_experts": 5}
    yield "Qwen2-MoE", "Qwen2MoeForCausalLM", "Qwen2MoeConfig", {
        **LLAMA, **EXPERTS, "shared_expert_intermediate_size": 18, "mlp_only_layers": [0]}
    yield "Qwen3-MoE", "Qwen3MoeForCausalLM", "Qwen3MoeConfig", {**LLAMA, **EXPERTS, "head_dim": 4}
    yield "Qwen3-MoE, stacked", "Qwen3MoeForCausalLM", "Qwen3MoeConfig", {
        **LLAMA, **EXPERTS, "head_dim": 4}
    yield "DeepSeek V3", "DeepseekV3ForCausalLM", "DeepseekV3Config", DEEPSEEK
    yield "DeepSeek V2", "DeepseekV2ForCausalLM", "DeepseekV2Config", {
        **{k: v for k, v in DEEPSEEK.items() if k != "num_key_value_heads"}, "q_lora_rank": None,
        "topk_method": "greedy"}
    yield "Mamba", "MambaForCausalLM", "MambaConfig", MAMBA
    yield "Falcon-Mamba", "FalconMambaForCausalLM", "FalconMambaConfig", MAMBA
    yield "BART", "BartForConditionalGeneration", "BartConfig", BART
    yield "BART classifier", "BartForSequenceClassification", "BartConfig", BART
    yield "mBART", "MBartForConditionalGeneration", "MBartConfig", BART
    yield "OLMo 2", "Olmo2ForCausalLM", "Olmo2Config", LLAMA
    yield "DINOv2", "Dinov2ForImageClassification", "Dinov2Config", VIT
    yield "DINOv2 with a gate", "Dinov2ForImageClassification", "Dinov2Config", {
        **VIT, "use_swiglu_ffn": True}
    yield "GPT-Neo", "GPTNeoForCausalLM", "GPTNeoConfig", dict(
        vocab_size=40, hidden_size=20, num_layers=2, attention_types=[[["global", "local"], 1]],
        num_heads=4, intermediate_size=28, max_position_embeddings=24)
    yield "ModernBERT", "ModernBertForMaskedLM", "ModernBertConfig", {
        **WIDE, "num_attention_heads": 3, "pad_token_id": 0}
    yield "GPT-OSS", "GptOssForCausalLM", "GptOssConfig", {
        **LLAMA, "head_dim": 4, "num_local_experts": 5, "num_experts_per_tok": 2}


def networks():
    """{title: builder}; builders are called when the row is made."""
    make = lambda title, kind, config, changes: lambda: Pretrained(title, kind, config, **changes)
    return {row[0]: make(*row) for row in rows()}
