"""Health, version and device; the page itself."""

from __future__ import annotations

from typing import Any

from tests.fakecomfy.question import File, Question

RAM, FREE = 25_276_514_304, 24_470_106_112


def page(ask: Question) -> File:
    return File(b"<!doctype html><title>ComfyUI</title>", "text/html")


def system_stats(ask: Question) -> dict[str, Any]:
    fake = ask.fake
    system: dict[str, Any] = {
        "os": "linux" if ask.is_modern else "posix",
        "ram_total": RAM,
        "ram_free": FREE,
        "comfyui_version": fake.comfyui_version,
        "required_frontend_version": fake.frontend_version,
        "installed_templates_version": "0.11.44" if ask.is_modern else "0.1.95",
        "required_templates_version": "0.11.44" if ask.is_modern else "0.1.95",
        "python_version": "3.11.7 (main)",
        "pytorch_version": "2.13.0+cpu",
        "embedded_python": False,
        "argv": ["main.py", "--listen", "127.0.0.1", "--secret-flag"],
    }
    if ask.is_modern:
        package = {"name": "comfyui-frontend-package", "installed": fake.frontend_version, "required": "1.0"}
        system |= {"comfy_package_versions": [package], "deploy_environment": "local-git"}
    return {"system": system, "devices": [_device(fake.gpu)]}


def _device(gpu: bool) -> dict[str, Any]:
    """On the CPU the memory of the device is that of the machine."""
    return {
        "name": "cuda:0 NVIDIA GeForce RTX 4090 : cudaMallocAsync" if gpu else "cpu",
        "type": "cuda" if gpu else "cpu",
        "index": 0 if gpu else None,
        "vram_total": RAM,
        "vram_free": FREE,
        "torch_vram_total": RAM,
        "torch_vram_free": FREE,
    }


def remaining(ask: Question) -> dict[str, Any]:
    return {"exec_info": {"queue_remaining": ask.jobs.remaining}}
