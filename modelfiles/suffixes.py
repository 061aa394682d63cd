"""How the names of model files end."""

from __future__ import annotations

# What ComfyUI and common node packs list for a person to choose from, so what a workflow's text may name.
CHOOSABLE = (".safetensors", ".sft", ".ckpt", ".pt", ".pt2", ".pth", ".bin", ".pkl", ".gguf", ".onnx")
# And what node packs load beside or behind those.
LOADABLE = (
    *CHOOSABLE,
    *(".engine", ".trt", ".npz", ".npy", ".model", ".msgpack", ".h5", ".tflite", ".onnx_data", ".onnx.data"),
)
