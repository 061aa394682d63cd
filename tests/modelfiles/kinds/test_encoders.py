"""What turns text, pictures and sound into conditioning."""

from __future__ import annotations

import pytest

from tests.modelfiles.heads import below, kind

LANGUAGE = (
    "model.layers.0.self_attn.q_proj.weight model.layers.0.post_attention_layernorm.weight model.embed_tokens.weight"
)
VISION = "vision_model.embeddings.patch_embedding.weight vision_model.encoder.layers.0.self_attn.k_proj.weight"
CLIP = "text_model.encoder.layers.0.mlp.fc1.weight text_model.embeddings.token_embedding.weight"
T5 = "encoder.block.0.layer.0.SelfAttention.k.weight encoder.block.23.layer.1.DenseReluDense.wi_1.weight"

TEXT = {
    "clip l": (CLIP, ""),
    "clip g": (CLIP + " text_model.encoder.layers.30.mlp.fc1.weight", "sdxl"),
    "clip of sd2": (CLIP + " text_model.encoder.layers.22.mlp.fc1.weight", "sd2"),
    "a whole clip": (f"{CLIP} {VISION} logit_scale:1", ""),
    "clip, open_clip's names": ("transformer.resblocks.0.ln_1.weight token_embedding.weight", ""),
    "t5": (T5 + " shared.weight:32128,4096 spiece_model:100", ""),
    "t5 with decoder": (T5 + " decoder.block.0.layer.0.SelfAttention.k.weight", ""),
    "umt5": (T5 + " shared.weight:256384,4096", "wan"),
    "umt5, wan's own names": (
        "token_embedding.weight blocks.0.attn.q.weight blocks.0.pos_embedding.embedding.weight",
        "wan",
    ),
    "llama": (LANGUAGE, ""),
    "gemma 3 with eyes": (
        LANGUAGE + " model.layers.0.post_feedforward_layernorm.weight " + VISION + " multi_modal_projector.mm.weight",
        "",
    ),
    "qwen 2.5 vl": (LANGUAGE + " model.layers.0.self_attn.k_proj.bias visual.blocks.0.attn.qkv.weight", ""),
    "qwen 3 vl": (
        "model.language_model.layers.0.input_layernorm.weight model.visual.deepstack_merger_list.0.norm.weight",
        "",
    ),
    "gpt-oss": ("model.layers.0.self_attn.sinks model.layers.0.mlp.experts.gate_up_proj.weight", ""),
    "a shard": ("model.layers.20.self_attn.q_proj.weight model.layers.20.mlp.up_proj.weight", ""),
    "jina clip": ("model.encoder.layers.0.mixer.Wqkv.weight", ""),
    "t5gemma": ("model.encoder.layers.0.pre_self_attn_layernorm.weight", ""),
    "chatglm": (
        "transformer.encoder.layers.0.self_attention.query_key_value.weight "
        "transformer.embedding.word_embeddings.weight",
        "",
    ),
    "bert of hunyuan dit": (
        "bert.embeddings.word_embeddings.weight:47020,1024 bert.encoder.layer.0.attention.self.key.weight",
        "hunyuan_dit",
    ),
    "llama.cpp's names": ("token_embd.weight blk.0.attn_q.weight", ""),
}


@pytest.mark.parametrize("title", TEXT)
def test_each_is_a_text_encoder(title: str) -> None:
    names, base_model = TEXT[title]
    assert kind(names) == ("text_encoder", base_model)


VISIONS = {
    "clip h": (VISION + " vision_model.encoder.layers.30.layer_norm1.weight visual_projection.weight", ""),
    "clip, open_clip's names": ("visual.transformer.resblocks.0.attn.in_proj_weight visual.conv1.weight", ""),
    "siglip": (VISION + " vision_model.head.attention.in_proj_weight", ""),
    "a whole siglip": (
        f"{VISION} vision_model.head.probe {CLIP} text_model.encoder.layers.22.mlp.fc1.weight text_model.head.weight",
        "",
    ),
    "llava's eyes": (VISION + " multi_modal_projector.linear_1.bias", "hunyuan_video"),
    "dino 2": ("encoder.layer.23.layer_scale2.lambda1 embeddings.patch_embeddings.projection.weight", ""),
    "dino 3": ("layer.23.attention.o_proj.bias embeddings.patch_embeddings.weight naf.x.weight", ""),
}


@pytest.mark.parametrize("title", VISIONS)
def test_each_is_a_clip_vision(title: str) -> None:
    names, base_model = VISIONS[title]
    assert kind(names) == ("clip_vision", base_model)


@pytest.mark.parametrize(
    "names",
    [
        "feature_extractor.conv_layers.0.conv.weight encoder.layers.0.attention.k_proj.weight encoder.layer_norm.bias",
        below("wav2vec2.", "feature_extractor.conv_layers.0.conv.weight encoder.layers.0.attention.k_proj.weight"),
        below(
            "model.",
            "encoder.embed_positions.weight encoder.conv1.weight encoder.layers.0.self_attn.k_proj.weight "
            "decoder.layers.0.encoder_attn.k_proj.weight",
        ),
        "encoder.feature_extractor.mel_mean:1",
    ],
)
def test_wav2vec_whisper_and_sheetsage_are_audio_encoders(names: str) -> None:
    assert kind(names)[0] == "audio_encoder"


OTHERS = {
    "bert": "bert.embeddings.word_embeddings.weight:30522,768 bert.encoder.layer.0.attention.self.key.weight",
    "bert, bare": "embeddings.word_embeddings.weight encoder.layer.0.attention.self.key.weight",
    "gpt-2": "transformer.h.0.attn.c_attn.weight transformer.wte.weight",
    "blip": "vision_model.embeddings.patch_embedding.weight vision_model.encoder.layers.0.self_attn.qkv.weight",
    "segment anything": "image_encoder.blocks.0.attn.qkv.weight mask_decoder.iou_token.weight",
    "depth anything 2": (
        "backbone.embeddings.patch_embeddings.projection.weight backbone.encoder.layer.0.layer_scale1.lambda1 "
        "neck.convs.0.weight head.conv1.weight"
    ),
    "florence 2": "language_model.model.encoder.layers.0.fc1.weight vision_tower.blocks.0.0.weight",
    "a decoder of sound tokens": "layers.0.post_attention_layernorm.weight layers.0.attn.to_q.weight projection.weight",
    "a model of music": (
        "text_encoder.encoder.block.0.layer.0.SelfAttention.k.weight decoder.model.decoder.layers.0.fc1.weight "
        "audio_encoder.decoder.layers.0.conv.weight audio_encoder.quantizer.layers.0.codebook.embed"
    ),
    "a codec of sound": "encoder.block.0.snake1.alpha decoder.block.0.snake1.alpha quantizer.quantizers.0.in_proj.bias",
    "a language model that sees": (
        "model.text_model.layers.0.self_attn.q_proj.weight model.connector.modality_projection.proj.weight "
        "model.vision_model.embeddings.patch_embedding.weight model.vision_model.encoder.layers.0.self_attn.k_proj.bias"
    ),
    "a voice": (
        "transformer.transformer_blocks.0.attn.to_q.weight transformer.time_embed.time_mlp.0.weight "
        "transformer.proj_out.weight transformer.text_embed.text_embed.weight"
    ),
    "bart": "model.encoder.embed_positions.weight model.encoder.layers.0.self_attn.k_proj.weight model.shared.weight",
    "grounding dino": "transformer.encoder.layers.0.self_attn.q.weight backbone.0.norm0.weight bert.encoder.layer.0.x",
    "what checks for safety": "vision_model.vision_model.encoder.layers.0.self_attn.k_proj.weight concept_embeds",
    "sentences in gguf": "token_embd.weight token_types.weight blk.0.attn_qkv.weight",
    "clipseg": "clip.vision_model.encoder.layers.0.self_attn.k_proj.weight decoder.film_mul.weight",
}


@pytest.mark.parametrize("title", OTHERS)
def test_networks_that_comfyui_loads_as_none_of_them_are_unknown(title: str) -> None:
    assert kind(OTHERS[title])[0] == "unknown"
