"""What must be true after a crash: the rows against the disk, read from outside."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from downloads.transfer import partial_bytes
from tests.fakehub import File

ACTIVE = {"queued", "downloading", "paused", "waiting"}


@dataclass
class Ledger:
    """The database and the models folder of a workspace."""

    workspace: Path
    expected: dict[str, str] = field(default_factory=dict)  # relative path → SHA-256

    @property
    def models(self) -> Path:
        return self.workspace / "models"

    def rows(self, sql: str, *values: object) -> list[dict[str, Any]]:
        with closing(sqlite3.connect(self.workspace / "data/dashboard.db", timeout=30)) as database:
            database.row_factory = sqlite3.Row
            return [dict(row) for row in database.execute(sql, values)]

    def know_of(self, files: Iterable[File]) -> None:
        """As if somebody had asked the host before: so their presets know that the path has other bytes."""
        with closing(sqlite3.connect(self.workspace / "data/dashboard.db", timeout=30)) as database, database:
            database.executemany(
                """INSERT INTO remote_file
                (url, size, sha256, etag, "commit", gated, refusal, refusal_message, checked_at)
                VALUES (?, ?, ?, '', '', 0, '', '', '2026-01-01 00:00:00')""",
                [(f"https://huggingface.co/{f.repo}/resolve/main/{f.path}", f.size, f.sha256) for f in files],
            )

    def installs(self, preset_id: str) -> list[dict[str, Any]]:
        return self.rows("SELECT * FROM download_history WHERE preset_id = ? ORDER BY id", preset_id)

    def newest(self, preset_id: str) -> dict[str, Any]:
        found = self.installs(preset_id)
        return found[-1] if found else {"status": ""}

    def file_status(self, path: str) -> str:
        found = self.rows("SELECT status FROM download_file WHERE path = ? ORDER BY id DESC", path)
        return str(found[0]["status"]) if found else ""

    def wrong_files(self) -> list[str]:
        """Files under a final name whose content is not the one expected there."""
        return [
            str(place.relative_to(self.models))
            for place in self.models.rglob("*")
            if place.is_file()
            and not place.name.endswith((".part", ".part.state"))
            and self.expected.get(str(place.relative_to(self.models))) != sha256_of(place)
        ]

    def standing(self, files: Iterable[File]) -> set[str]:
        """The paths where these very bytes stand."""
        paths = {f"checkpoints/{file.path}": file.sha256 for file in files}
        return {p for p, sha256 in paths.items() if (place := self.models / p).is_file() and sha256_of(place) == sha256}

    def missing_files(self) -> list[str]:
        return [path for path in self.expected if not (self.models / path).is_file()]

    def leftovers(self) -> list[str]:
        return [str(place.relative_to(self.models)) for place in self.models.rglob("*.part*")]

    def on_disk(self, path: str) -> int:
        """Bytes of a file that are really there, finished or not."""
        place = self.models / path
        return place.stat().st_size if place.is_file() else partial_bytes(self.models, path)

    def untrue(self, preset_id: str) -> list[str]:
        """Numbers of the newest row of a preset that the disk contradicts."""
        row = self.newest(preset_id)
        files = self.rows("SELECT * FROM download_file WHERE download_id = ?", row["id"])
        wrong = [
            f"{file['path']} says {file['bytes_done']:,}, the disk {there:,}"
            for file in files
            if file["bytes_done"] != (there := self.on_disk(file["path"]))
        ]
        if row["bytes_done"] != (there := sum(self.on_disk(file["path"]) for file in files)):
            wrong.append(f"{preset_id} says {row['bytes_done']:,}, the disk {there:,}")
        return wrong

    def unrecorded(self) -> list[str]:
        """Finished files whose record is missing or differs."""
        records = {row["path"]: (row["sha256"], row["size"]) for row in self.rows("SELECT * FROM model_file")}
        return [
            path
            for path, digest in self.expected.items()
            if records.get(path) != (digest, (self.models / path).stat().st_size)
        ]

    def false_claims(self, here: set[str], locked: dict[str, str], proved: set[str]) -> list[str]:
        """Paths of which somebody says another content than what stands there.

        ``here`` are those that the API calls here (not unverified), ``locked`` what a lock file has, ``proved`` what
        verify finds right.
        """
        records = {row["path"]: row["sha256"] for row in self.rows("SELECT path, sha256 FROM model_file")}
        claims = [*((path, records.get(path)) for path in sorted(here | proved)), *locked.items()]
        return [
            f"{path} is not {digest}"
            for path, digest in claims
            if (self.models / path).is_file() and digest != sha256_of(self.models / path)
        ]

    def faults(self) -> list[str]:
        """Everything that must not be, once all installs were brought to their end; a sentence each."""
        rows = self.rows("SELECT preset_id, status FROM download_history")
        presets = {row["preset_id"] for row in rows}
        completed = [row["preset_id"] for row in rows if row["status"] == "completed"]
        return [
            *(f"wrong content: {path}" for path in self.wrong_files()),
            *(f"no file: {path}" for path in self.missing_files()),
            *(f"left over: {path}" for path in self.leftovers()),
            *(f"no true record: {path}" for path in self.unrecorded() if (self.models / path).is_file()),
            *(f"stuck: {row['preset_id']} is {row['status']}" for row in rows if row["status"] in ACTIVE),
            *(f"lost: {preset}" for preset in presets if preset not in completed),
            *(f"doubled: {preset}" for preset in presets if completed.count(preset) > 1),
        ]


def sha256_of(place: Path) -> str:
    with place.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
