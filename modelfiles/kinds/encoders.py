"""What turns text, pictures and sound into conditioning. Source: comfy/sd.py, comfy/clip_vision.py and
comfy/audio_encoders of ComfyUI (autumn 2026).
"""

from __future__ import annotations

from modelfiles.kinds.names import Names
from modelfiles.kinds.rules import Kind, first_that_fits, rules_of

PREFIXES = (
    *("", "text_encoder.", "text_encoders.", "model.", "transformer.", "cond_stage_model.transformer.", "module."),
    *("wav2vec2.", "hubert."),
)

# Some diffusion models are built from the blocks of a language model.
_TIMES = ("time_embedder", "t_embedder", "time_embed", "vae2llm", "time_token")
# And language models hold what sees for them.
_LANGUAGE = ("text_model.layers", "language_model", "qformer", "connector")
_text, _vision, _audio = rules_of("text_encoder"), rules_of("clip_vision"), rules_of("audio_encoder")

# Those with a mark that others have too stand first.
RULES = (
    _audio("", "encoder.feature_extractor.mel_mean"),
    _audio("", "encoder.embed_positions", "encoder.layers.*.self_attn.k_proj", "encoder.conv1"),
    _audio("", "feature_extractor.conv_layers.*", "encoder.layers.*"),
    _audio("", "wav2vec2.encoder.layer_norm"),
    # SigLIP's text half is trained with its picture half alone and is of no use here.
    _vision("", "vision_model.head", "vision_model.encoder.layers.*"),
    _text("", "thinker.layers.*"),
    _text("sdxl", "text_model.encoder.layers.30.mlp.fc1", but_not=("vision_model",)),
    _text("sd2", "text_model.encoder.layers.22.mlp.fc1", but_not=("vision_model",)),
    _text("", "text_model.encoder.layers.*.mlp.fc1"),
    _text("", "encoder.layers.*.mixer.Wqkv"),
    _text("wan", "encoder.block.*.layer.*.SelfAttention.k", length=("shared.weight", 0, 256384)),
    _text("aura_flow", "encoder.block.*.layer.*.DenseReluDense.wi_1", length=("shared.weight", 1, 2048)),
    _text("", "encoder.block.*.layer.*.SelfAttention.k"),
    _text("", "encoder.layers.*.pre_self_attn_layernorm"),
    _text("wan", "token_embedding", "blocks.*.pos_embedding", "blocks.*.attn.q"),
    _text("hunyuan_dit", "bert.encoder.layer.*", length=("bert.embeddings.word_embeddings.weight", 0, 47020)),
    _text("", "layers.*.self_attn.sinks"),
    _text("", "model.layers.*.post_attention_layernorm", but_not=_TIMES),
    _text("", "model.layers.*.mlp.gate_proj", but_not=_TIMES),
    _text("", "model.layers.*.self_attn.q_proj", but_not=_TIMES),
    _text("", "layers.*.post_attention_layernorm", "embed_tokens", but_not=_TIMES),
    _text("", "language_model.layers.*.input_layernorm"),
    _text("", "language_model.model.layers.*.input_layernorm"),
    _text("", "llm.model.layers.*.input_layernorm"),
    _text("", "transformer.resblocks.0.ln_1", "token_embedding"),
    _text("", "encoder.layers.*.self_attention.query_key_value", "embedding.word_embeddings"),
    _vision("", "visual.transformer.resblocks.*"),
    _vision(
        "hunyuan_video", "vision_model.encoder.layers.*.self_attn.k_proj", "multi_modal_projector", but_not=_LANGUAGE
    ),
    _vision("", "vision_model.encoder.layers.*.self_attn.k_proj", "vision_model.embeddings", but_not=_LANGUAGE),
    _vision("", "encoder.layer.*.layer_scale2.lambda1", "embeddings.patch_embeddings"),
    _vision("", "layer.*.attention.o_proj", "embeddings.patch_embeddings"),
    _vision("", "layer.*.mlp.gate_proj", "layer.*.norm1"),
    # Names that llama.cpp gives the parts of language models, and of what sees for them.
    _text("", "blk.*.attn_q", "token_embd", but_not=("token_types",)),
    _text("", "blk.*.attn_qkv", "token_embd", but_not=("token_types",)),
    _text("", "enc.blk.*.attn_q"),
)


def find(names: Names) -> Kind | None:
    # A model of sound or speech may hold a whole text encoder as one of its parts.
    present = [prefix for prefix in PREFIXES if names.most_begin(prefix)]
    return first_that_fits(RULES, names, present)
