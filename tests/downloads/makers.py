"""Rows with sensible defaults."""

from __future__ import annotations

import itertools
from typing import Any

from downloads.models import DownloadFile, DownloadHistory, Status

_numbers = itertools.count(1)


def make_install(status: str = Status.QUEUED, files: int = 1, **fields: Any) -> DownloadHistory:
    number = next(_numbers)
    fields.setdefault("preset_id", f"PRESET_{number}")
    fields.setdefault("title", f"Preset {number}")
    fields.setdefault("position", number)
    row = DownloadHistory.objects.create(status=status, files_total=files, **fields)
    for index in range(files):
        DownloadFile.objects.create(
            download=row,
            path=f"checkpoints/p{number}-{index}.safetensors",
            url=f"https://huggingface.co/org/repo{number}/resolve/main/{index}.safetensors",
        )
    return row
