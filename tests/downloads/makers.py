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


LONG_ID = "i" * 190

WIDE = "模型🎨" * 75  # 300 characters of three and four bytes


def make_many(number: int, status: str = Status.QUEUED, *, wide: bool = False, start: int = 0, files: int = 1) -> None:
    rows = DownloadHistory.objects.bulk_create(
        DownloadHistory(
            preset_id=f"{LONG_ID if wide else 'P'}{status[0]}{start + index}",
            title=WIDE if wide else f"Preset {index}",
            error_message=WIDE * 4 if wide else "",
            status=status,
            position=start + index + 1,
            files_total=files,
        )
        for index in range(number)
    )
    DownloadFile.objects.bulk_create(
        DownloadFile(
            download=row,
            path=f"loras/{row.pk}-{place}.safetensors",
            url="https://huggingface.co/org/repo/resolve/main/x?" + ("u" * 4000 if wide else ""),
        )
        for row in rows
        for place in range(files)
    )
